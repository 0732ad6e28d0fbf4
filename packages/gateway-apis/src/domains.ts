/** Hosts that lead to stages, as they lie in the store. A host is one account's. */
import type { AccountId, GatewayApiId } from "@skerry/base";
import { LIMITS, type SealedValue } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { failGatewayApi } from "./errors.ts";

export interface DomainRecord {
  readonly host: string;
  readonly accountId: AccountId;
  readonly app: string;
  readonly apiId: GatewayApiId;
  /** Name of the API. */
  readonly api: string;
  readonly stage: string;
  readonly httpsOnly: boolean;
  /** Null: none of its own. */
  readonly certificate: { readonly chain: string; readonly sealedKey: SealedValue } | null;
  /** Its tag. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

interface DomainRow {
  readonly host: string;
  readonly account_id: AccountId;
  readonly app: string;
  readonly api_id: GatewayApiId;
  readonly api: string;
  readonly stage: string;
  readonly https_only: number;
  readonly chain: string | null;
  readonly sealed: string | null;
  readonly version: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

const SELECT = `SELECT d.host AS host, d.account_id AS account_id, d.app AS app,
  d.api_id AS api_id, a.name AS api, d.stage AS stage, d.https_only AS https_only,
  d.chain AS chain, d.sealed AS sealed, d.version AS version, d.created_at_ms AS created_at_ms,
  d.updated_at_ms AS updated_at_ms FROM gateway_domains d JOIN gateway_apis a ON a.id = d.api_id`;

/** Of whichever account. */
export function* findDomain(tx: Tx, host: string): TxStep<DomainRecord | undefined> {
  const row = yield* tx.get<DomainRow>(`${SELECT} WHERE d.host = ?`, [host]);
  return row && recordOf(row);
}

/** By host from `after` on, one more than `limit` when there are more; `apps` confines the list. */
export function* listDomains(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly apps: readonly string[] | null;
    readonly after: string;
    readonly limit: number;
  },
): TxStep<readonly DomainRecord[]> {
  const { accountId, apps, after, limit } = args;
  if (apps?.length === 0) return [];
  const confined = apps === null ? "" : `AND d.app IN (${apps.map(() => "?").join(", ")})`;
  const rows = yield* tx.all<DomainRow>(
    `${SELECT} WHERE d.account_id = ? AND d.host > ? ${confined} ORDER BY d.host LIMIT ?`,
    [accountId, after, ...(apps ?? []), limit + 1],
  );
  return rows.map(recordOf);
}

/** Those that lead to an API, or to one stage of it. */
export function* domainsOfApi(
  tx: Tx,
  { apiId, stage }: { readonly apiId: GatewayApiId; readonly stage: string | null },
): TxStep<readonly DomainRecord[]> {
  const rows = yield* tx.all<DomainRow>(
    `${SELECT} WHERE d.api_id = ?${stage === null ? "" : " AND d.stage = ?"} ORDER BY d.host`,
    [apiId, ...(stage === null ? [] : [stage])],
  );
  return rows.map(recordOf);
}

/**
 * Whether another account, or an app that is none of `apps`, has the host, a pattern that stands
 * for it, or a host that it stands for: nobody takes requests that are somebody else's.
 */
export function* isTakenByOther(
  tx: Tx,
  args: {
    readonly host: string;
    readonly accountId: AccountId;
    /** Null: all of the account. */
    readonly apps: readonly string[] | null;
  },
): TxStep<boolean> {
  const { host, accountId, apps } = args;
  const rows = yield* tx.all<{ host: string; account_id: AccountId; app: string }>(
    "SELECT host, account_id, app FROM gateway_domains WHERE parent = ?",
    [parentOf(host)],
  );
  return rows.some(({ host: other, account_id: holder, app }) => {
    const isOwn = holder === accountId && (apps === null || apps.includes(app));
    return !isOwn && (other === host || other.startsWith("*.") || host.startsWith("*."));
  });
}

/** Behind the first label, for which `*` may stand. */
function parentOf(host: string): string {
  return host.slice(host.indexOf(".") + 1);
}

/** Throws DOMAINS_LIMIT. */
export function* writeDomain(tx: Tx, domain: Omit<DomainRecord, "api">): TxStep<void> {
  const { host, accountId, app, apiId, stage, httpsOnly, certificate, version } = domain;
  yield* tx.run(
    `INSERT INTO gateway_domains (host, parent, account_id, app, api_id, stage, https_only, chain,
       key_id, sealed, version, created_at_ms, updated_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (host) DO UPDATE SET app = excluded.app, api_id = excluded.api_id,
       stage = excluded.stage, https_only = excluded.https_only, chain = excluded.chain,
       key_id = excluded.key_id, sealed = excluded.sealed, version = excluded.version,
       updated_at_ms = excluded.updated_at_ms`,
    [
      ...[host, parentOf(host), accountId, app, apiId, stage, httpsOnly ? 1 : 0],
      ...[certificate?.chain ?? null, certificate?.sealedKey.keyId ?? null],
      ...[sealedText(certificate), version],
      ...[domain.createdAtMs, domain.updatedAtMs],
    ],
  );
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM gateway_domains WHERE account_id = ?",
    [accountId],
  );
  const { domainsPerAccountMax: domainsMax } = LIMITS;
  if ((count?.n ?? 0) > domainsMax) throw failGatewayApi("DOMAINS_LIMIT", { domainsMax });
}

export function* removeDomainRow(tx: Tx, host: string): TxStep<void> {
  yield* tx.run("DELETE FROM gateway_domains WHERE host = ?", [host]);
}

/** Those whose key is wrapped by another master key than this one, by host from `after` on. */
export function* domainsNotUnder(
  tx: Tx,
  args: { readonly keyId: string; readonly after: string; readonly limit: number },
): TxStep<readonly DomainRecord[]> {
  const rows = yield* tx.all<DomainRow>(
    `${SELECT} WHERE d.key_id <> ? AND d.host > ? ORDER BY d.host LIMIT ?`,
    [args.keyId, args.after, args.limit],
  );
  return rows.map(recordOf);
}

function sealedText(certificate: DomainRecord["certificate"]): string | null {
  return certificate === null ? null : JSON.stringify(certificate.sealedKey);
}

function recordOf(row: DomainRow): DomainRecord {
  const { host, app, api, stage, chain, sealed, version } = row;
  const certificate =
    chain === null || sealed === null
      ? null
      : { chain, sealedKey: JSON.parse(sealed) as SealedValue };
  return {
    ...{ host, accountId: row.account_id, app, apiId: row.api_id, api, stage },
    ...{ httpsOnly: row.https_only === 1, certificate, version },
    ...{ createdAtMs: row.created_at_ms, updatedAtMs: row.updated_at_ms },
  };
}
