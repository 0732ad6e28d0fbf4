/** Transactions on domains. Each is one commit with its entry and its record. */
import type { ChangedDomain, DomainResource } from "@skerry/api-schema";
import type { ChangeStamp } from "@skerry/api-serving";
import type { AccountId } from "@skerry/base";
import type { DomainEntry, SealedValue } from "@skerry/contracts";
import { putConfig, readConfigSeq, removeConfig } from "@skerry/functions/catalogue";
import {
  domainConfigKey,
  failGatewayApi,
  findDomain,
  isTakenByOther,
  listDomains,
  removeDomainRow,
  writeDomain,
  type DomainRecord,
} from "@skerry/gateway-apis";
import type { Tx, TxStep } from "@skerry/store";
import type { Done, Told } from "../recorded.ts";
import { certificateFacts } from "./domain-certificate.ts";
import { getApi, getStage } from "./found-gateway-api.ts";

interface OfDomain {
  readonly accountId: AccountId;
  readonly host: string;
  /** Those that the key reaches; null: all. */
  readonly apps: readonly string[] | null;
}
interface ChangeOfDomain extends Omit<OfDomain, "accountId"> {
  readonly stamp: ChangeStamp;
  readonly ifVersion: number | null;
}
interface PutDomain extends ChangeOfDomain {
  readonly app: string;
  readonly api: string;
  readonly stage: string;
  readonly httpsOnly: boolean;
  /** `keep` what it has; null: none. Checked and sealed by then. */
  readonly certificate: { readonly chain: string; readonly sealedKey: SealedValue } | "keep" | null;
}

/**
 * Throws APP_NOT_FOUND, GATEWAY_API_NOT_FOUND, STAGE_NOT_FOUND, DOMAIN_TAKEN, DOMAIN_CHANGED,
 * DOMAIN_CERTIFICATE_NEEDED, DOMAINS_LIMIT.
 */
export function* putDomain(tx: Tx, args: PutDomain): TxStep<Done & Told> {
  const { stamp, host, app, ifVersion, httpsOnly, apps } = args;
  const { accountId, atMs: wallMs } = stamp;
  const api = yield* getApi(tx, { accountId, app, api: args.api });
  const stage = yield* getStage(tx, api, args.stage);
  // To a key of other apps it is somebody else's, too.
  if (yield* isTakenByOther(tx, { host, accountId, apps }))
    throw failGatewayApi("DOMAIN_TAKEN", { host });
  const before = yield* findDomain(tx, host);
  assertTag({ host, ifVersion }, before?.version ?? 0);
  const next: DomainRecord = {
    ...{ host, accountId, app, apiId: api.id, api: api.name, stage: stage.name, httpsOnly },
    certificate: certificateOf(args, before),
    version: (before?.version ?? 0) + 1,
    ...{ createdAtMs: before?.createdAtMs ?? wallMs, updatedAtMs: wallMs },
  };
  yield* writeDomain(tx, next);
  const answer = { ...domainResourceOf(next), isNew: before === undefined, behind: [] };
  return {
    answer: answer satisfies ChangedDomain,
    seq: yield* putDomainEntry(tx, next),
    ...{ action: "domains.write", resource: `domain/${host}` },
    details: {
      ...{ operation: "putDomain", app, api: api.name, stage: stage.name, httpsOnly },
      certificate: answer.certificate?.sha256 ?? null,
    },
  };
}

/** Throws DOMAIN_NOT_FOUND, DOMAIN_CHANGED. */
export function* deleteDomain(tx: Tx, args: ChangeOfDomain): TxStep<Done & Told> {
  const { stamp, host } = args;
  const found = yield* getDomain(tx, { ...args, accountId: stamp.accountId });
  assertTag(args, found.version);
  yield* removeDomain(tx, host);
  return {
    ...{ answer: null, seq: yield* readConfigSeq(tx) },
    ...{ action: "domains.write", resource: `domain/${host}` },
    details: { operation: "deleteDomain", app: found.app },
  };
}

/** Removes one that there is, with its entry. */
export function* removeDomain(tx: Tx, host: string): TxStep<void> {
  yield* removeDomainRow(tx, host);
  yield* removeConfig(tx, domainConfigKey(host));
}

/** Puts in force what is kept; the number in the config log. */
export function* putDomainEntry(tx: Tx, domain: DomainRecord): TxStep<number> {
  const { host, accountId, app, apiId, stage, httpsOnly, certificate } = domain;
  const to = { accountId, app, apiId, stage };
  const value: DomainEntry = { kind: "domain", host, ...to, httpsOnly, certificate };
  return yield* putConfig(tx, { key: domainConfigKey(host), value });
}

function certificateOf(
  { certificate, host, app }: PutDomain,
  before: DomainRecord | undefined,
): DomainRecord["certificate"] {
  if (certificate !== "keep") return certificate;
  const kept = before?.certificate ?? null;
  if (kept === null || before?.app === app) return kept;
  throw failGatewayApi("DOMAIN_CERTIFICATE_NEEDED", { host, app: before?.app ?? "" });
}

function reaches(apps: readonly string[] | null, { app }: DomainRecord): boolean {
  return apps === null || apps.includes(app);
}

function assertTag(
  { host, ifVersion }: { readonly host: string; readonly ifVersion: number | null },
  actual: number,
): void {
  if (ifVersion === null || ifVersion === actual) return;
  throw failGatewayApi("DOMAIN_CHANGED", { host, actual: `"${actual}"` });
}

function* getDomain(tx: Tx, { accountId, host, apps }: OfDomain): TxStep<DomainRecord> {
  const found = yield* findDomain(tx, host);
  const isTheirs = found?.accountId === accountId && reaches(apps, found);
  if (found === undefined || !isTheirs) throw failGatewayApi("DOMAIN_NOT_FOUND", { host });
  return found;
}

function domainResourceOf(domain: DomainRecord): DomainResource {
  const { host, app, api, stage, httpsOnly, certificate, version } = domain;
  return {
    ...{ host, app, api, stage, httpsOnly },
    certificate: certificate === null ? null : certificateFacts(certificate.chain),
    createdAt: new Date(domain.createdAtMs).toISOString(),
    updatedAt: new Date(domain.updatedAtMs).toISOString(),
    etag: `"${version}"`,
  };
}

/** Throws DOMAIN_NOT_FOUND. */
function* oneDomain(tx: Tx, args: OfDomain): TxStep<DomainResource> {
  return domainResourceOf(yield* getDomain(tx, args));
}

/** By host from `after` on, one more than `limit` when there are more. */
function* domainPage(
  tx: Tx,
  args: Parameters<typeof listDomains>[1],
): TxStep<readonly DomainResource[]> {
  return (yield* listDomains(tx, args)).map(domainResourceOf);
}

export const DOMAIN_READS = { oneDomain, domainPage } as const;
