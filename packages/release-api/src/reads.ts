/** Transactions that only read versions and aliases. Each throws FUNCTION_NOT_FOUND. */
import type { AliasChangeResource, AliasResource, VersionResource } from "@skerry/api-schema";
import {
  getAlias,
  getFunction,
  getVersion,
  listAliasChanges,
  listAliases,
  listVersions,
  shownVersions,
  type FunctionName,
} from "@skerry/functions/catalogue";
import type { Tx, TxStep } from "@skerry/store";
import { DOMAIN_READS } from "./gateway-apis/domain-changes.ts";
import { GATEWAY_API_READS } from "./gateway-apis/gateway-api-reads.ts";
import { qualifiedRevisions, revisionsOfVersions } from "./qualified-revisions.ts";
import { APP_RELEASE_READS } from "./app-releases.ts";
import { aliasChangeResourceOf, aliasResourceOf, versionResourceOf } from "./resources.ts";

interface ReadOf extends FunctionName {
  readonly gatewayUrl: string;
}
interface PageBelow {
  /** Numbers below this one. */
  readonly below: number;
  readonly limit: number;
}

/** Newest first, one more than `limit` when there are more. */
function* versionPage(tx: Tx, args: ReadOf & PageBelow): TxStep<readonly VersionResource[]> {
  const fn = yield* getFunction(tx, args);
  const rows = yield* listVersions(tx, { ...args, functionId: fn.id });
  return rows.map((row) => versionResourceOf(fn, row, args.gatewayUrl));
}

/** Throws VERSION_NOT_FOUND. */
function* oneVersion(tx: Tx, args: ReadOf & { readonly version: number }): TxStep<VersionResource> {
  const fn = yield* getFunction(tx, args);
  const record = yield* getVersion(tx, { fn, number: args.version });
  return versionResourceOf(fn, record, args.gatewayUrl);
}

/** By name from `after` on, one more than `limit` when there are more. */
function* aliasPage(
  tx: Tx,
  args: ReadOf & { readonly after: string; readonly limit: number },
): TxStep<readonly AliasResource[]> {
  const fn = yield* getFunction(tx, args);
  const rows = yield* listAliases(tx, { ...args, functionId: fn.id });
  return rows.map((row) => aliasResourceOf(fn, row, args.gatewayUrl));
}

/** Throws ALIAS_NOT_FOUND. */
function* oneAlias(tx: Tx, args: ReadOf & { readonly alias: string }): TxStep<AliasResource> {
  const fn = yield* getFunction(tx, args);
  const record = yield* getAlias(tx, { fn, alias: args.alias });
  return aliasResourceOf(fn, record, args.gatewayUrl);
}

/** Newest first, one more than `limit` when there are more. Throws ALIAS_NOT_FOUND. */
function* aliasChangePage(
  tx: Tx,
  args: FunctionName & PageBelow & { readonly alias: string },
): TxStep<readonly AliasChangeResource[]> {
  const fn = yield* getFunction(tx, args);
  yield* getAlias(tx, { fn, alias: args.alias });
  const rows = yield* listAliasChanges(tx, { ...args, functionId: fn.id });
  return rows.map(aliasChangeResourceOf);
}

export const RELEASE_READS = {
  versionPage,
  oneVersion,
  aliasPage,
  oneAlias,
  aliasChangePage,
  shownVersions,
  qualifiedRevisions,
  revisionsOfVersions,
  ...APP_RELEASE_READS,
  ...GATEWAY_API_READS,
  ...DOMAIN_READS,
} as const;
export type ReleaseReads = typeof RELEASE_READS;
