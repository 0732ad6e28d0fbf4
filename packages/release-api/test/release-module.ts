/** The catalogue with this room's transactions as a module of the store, for their tests. */
import { ACCOUNT_TABLES, appendAudit } from "@skerry/accounts";
import type { AccountId, AppId, FunctionId, RevisionId } from "@skerry/base";
import { functionConfig } from "@skerry/contracts/schemas";
import {
  activateRevision,
  ALIAS_TABLES,
  CATALOGUE_TABLES,
  CODE_SWEEP_TABLES,
  deleteFunctionRows,
  ensureApp,
  findAppId,
  forgetRevisions,
  FORMER_NAME_TABLES,
  functionConfigKey,
  LAYER_COLUMNS,
  OVERLAY_TABLES,
  putConfig,
  readConfig,
  removeConfig,
  removeVersion,
  VERSION_TABLES,
  type ConfigPage,
  type QualifiedFunction,
} from "@skerry/functions/catalogue";
import { SECRET_TABLES } from "@skerry/secrets";
import { defineStoreModule, type ModuleSource, type Tx, type TxStep } from "@skerry/store";
import { GATEWAY_API_TABLES, HELD_ROUTES_TABLES } from "@skerry/gateway-apis";
import { RELEASE_ROUTES_COLUMN, RELEASE_TABLES } from "@skerry/releases";
import {
  releaseChanges,
  RELEASE_READS,
  removeGatewayApisOf,
  rewrapDomainKey,
  sealedNotUnder,
  type RecordChange,
} from "../src/store-door.ts";

const record: RecordChange = function* (tx, { claim: _, ...stamp }, { answer: __, ...change }) {
  yield* appendAudit(tx, { ...stamp, ...change });
};

/** Puts code in force, named by its digest. */
function* deploy(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly name: string;
    readonly code: string;
    readonly fresh: {
      readonly appId: AppId;
      readonly functionId: FunctionId;
      readonly revisionId: RevisionId;
    };
    readonly wallMs: number;
  },
): TxStep<RevisionId> {
  const { accountId, app, name, code, fresh, wallMs } = args;
  const appId = yield* ensureApp(tx, { accountId, name: app, freshId: fresh.appId, wallMs });
  const { revisionId, entry } = yield* activateRevision(tx, {
    ...{ accountId, appId, app, artefactKey: `art_${code}`, handlerKind: "event", wallMs },
    ...{ runtimeBuild: "node-26-test", freshFunctionId: fresh.functionId },
    freshRevisionId: fresh.revisionId,
    wanted: { name, sourceDigest: `src_${code}`, config: functionConfig.parse({}) },
  });
  if (entry !== undefined) yield* putConfig(tx, { key: functionConfigKey(entry.id), value: entry });
  return revisionId;
}

function* removeFunction(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string; readonly name: string },
): TxStep<void> {
  const { id } = yield* deleteFunctionRows(tx, { ...args, ifVersion: null });
  yield* removeConfig(tx, functionConfigKey(id));
}

/** What the removal of a version would be if nobody looked where aliases lead. */
function* removeVersionBlindly(
  tx: Tx,
  args: { readonly fn: QualifiedFunction; readonly number: number },
): TxStep<number> {
  return yield* removeVersion(tx, args);
}

/** Everything that lies in the store of versions and aliases. */
export interface Kept {
  readonly functions: readonly { id: FunctionId; name: string; last_version: number }[];
  readonly versions: readonly { function_id: FunctionId; number: number; revision_id: string }[];
  readonly aliases: readonly { function_id: FunctionId; name: string; target: string }[];
  readonly changes: readonly { function_id: FunctionId; alias: string; number: number }[];
  readonly revisions: readonly { id: string; function_id: FunctionId }[];
  readonly audited: number;
  readonly log: ConfigPage;
}

function* readKept(tx: Tx, _args: null): TxStep<Kept> {
  const audited = yield* tx.get<{ n: number }>("SELECT COUNT(*) AS n FROM audit_records");
  return {
    functions: yield* tx.all("SELECT id, name, last_version FROM functions ORDER BY id"),
    versions: yield* tx.all(
      "SELECT function_id, number, revision_id FROM function_versions ORDER BY function_id, number",
    ),
    aliases: yield* tx.all(
      "SELECT function_id, name, target FROM function_aliases ORDER BY function_id, name",
    ),
    changes: yield* tx.all(
      "SELECT function_id, alias, number FROM alias_changes ORDER BY function_id, alias, number",
    ),
    revisions: yield* tx.all("SELECT id, function_id FROM revisions ORDER BY id"),
    audited: audited?.n ?? 0,
    log: yield* readConfig(tx, { after: 0, limit: 10_000 }),
  };
}

/** Everything that lies in the store of gateway APIs. */
export interface KeptApis {
  readonly stages: readonly { api_id: string; name: string; publication: number }[];
  readonly publications: readonly {
    api_id: string;
    stage: string;
    number: number;
    digest: string;
    audit_id: string;
  }[];
  readonly lists: readonly { api_id: string; digest: string; routes: string }[];
  readonly drafts: readonly { id: string; digest: string }[];
  /** By open releases. */
  readonly holds: readonly { api_id: string; digest: string }[];
  readonly audited: readonly { id: string }[];
  readonly log: ConfigPage;
}

function* readKeptApis(tx: Tx, _args: null): TxStep<KeptApis> {
  return {
    stages: yield* tx.all("SELECT api_id, name, publication FROM gateway_stages"),
    publications: yield* tx.all(
      "SELECT api_id, stage, number, digest, audit_id FROM gateway_publications",
    ),
    lists: yield* tx.all("SELECT api_id, digest, routes FROM gateway_routes"),
    drafts: yield* tx.all("SELECT id, digest FROM gateway_apis"),
    holds: yield* tx.all("SELECT api_id, digest FROM gateway_held_routes"),
    audited: yield* tx.all("SELECT id FROM audit_records"),
    log: yield* readConfig(tx, { after: 0, limit: 10_000 }),
  };
}

/** As the removal of an app does it. */
function* removeApisOf(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string },
): TxStep<void> {
  const appId = yield* findAppId(tx, { accountId: args.accountId, name: args.app });
  if (appId !== undefined) yield* removeGatewayApisOf(tx, appId);
}

export const storeModule = defineStoreModule({
  name: "control",
  database: "state",
  migrations: [
    {
      version: 1,
      sql: [
        ...[...CATALOGUE_TABLES, ...ACCOUNT_TABLES, ...CODE_SWEEP_TABLES, ...LAYER_COLUMNS],
        ...[...FORMER_NAME_TABLES, ...VERSION_TABLES, ...ALIAS_TABLES, ...RELEASE_TABLES],
        ...[...GATEWAY_API_TABLES, ...SECRET_TABLES],
        ...[RELEASE_ROUTES_COLUMN, ...HELD_ROUTES_TABLES, ...OVERLAY_TABLES],
      ],
    },
  ],
  procedures: {
    deploy,
    removeFunction,
    removeVersionBlindly,
    forgetRevisions,
    readKept,
    readKeptApis,
    readConfig,
    removeApisOf,
    sealedNotUnder,
    rewrapDomainKey,
    ...RELEASE_READS,
    ...releaseChanges(record),
  },
  reads: [
    "readKept",
    "readKeptApis",
    "readConfig",
    "versionPage",
    "oneVersion",
    "aliasPage",
    "oneAlias",
    "aliasChangePage",
    "shownVersions",
    "qualifiedRevisions",
    "revisionsOfVersions",
    "oneRelease",
    "releasePage",
    "dueReleases",
    "oneGatewayApi",
    "oneStage",
    "publicationPage",
    "onePublication",
    "twoStates",
    "oneDomain",
    "domainPage",
  ],
});

export const releaseSource: ModuleSource = { module: storeModule, url: import.meta.url };
