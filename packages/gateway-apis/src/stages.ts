/** Stages of gateway APIs and their publications, as they lie in the store. */
import type { AuditId, GatewayApiId, KeyId } from "@skerry/base";
import { LIMITS, stageDefaults, STAGES, type StageSettings } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import type { GatewayApiRecord } from "./tables.ts";

/** A stage as it is set. */
export interface StageRecord extends StageSettings {
  readonly name: string;
  /** Its tag: goes up with each setting and each publication. */
  readonly change: number;
  /** Number of its last publication; there may be none of that number yet. */
  readonly publication: number;
  /** Number of its last purge. */
  readonly purge: number;
}

/** A frozen state of a stage. */
export interface PublicationRecord {
  readonly stage: string;
  readonly number: number;
  /** Of its routes. */
  readonly digest: string;
  readonly routeCount: number;
  readonly qualifier: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly keyId: KeyId;
  readonly reason: string;
  /** `draft`, or `STAGE:NUMBER`; null for one that restores. */
  readonly source: string | null;
  readonly restores: number | null;
  readonly auditId: AuditId;
  readonly atMs: number;
}

interface StageRow {
  readonly name: string;
  readonly qualifier: string;
  readonly variables: string;
  readonly follows: number;
  readonly change: number;
  readonly publication: number;
  readonly purge: number;
}

interface PublicationRow {
  readonly stage: string;
  readonly number: number;
  readonly digest: string;
  readonly count: number;
  readonly qualifier: string;
  readonly variables: string;
  readonly key_id: KeyId;
  readonly reason: string;
  readonly source: string | null;
  readonly restores: number | null;
  readonly audit_id: AuditId;
  readonly at_ms: number;
}

const COLUMNS = "name, qualifier, variables, follows, change, publication, purge";
const SELECT_PUBLICATION = `SELECT p.stage AS stage, p.number AS number, p.digest AS digest,
  r.count AS count, p.qualifier AS qualifier, p.variables AS variables, p.key_id AS key_id,
  p.reason AS reason, p.source AS source, p.restores AS restores, p.audit_id AS audit_id,
  p.at_ms AS at_ms
  FROM gateway_publications p JOIN gateway_routes r ON r.api_id = p.api_id AND r.digest = p.digest`;

type Api = Pick<GatewayApiRecord, "id" | "floor">;

/** All stages of an API in the order of a release, own ones by name behind them. */
export function* listStages(tx: Tx, api: Api): TxStep<readonly StageRecord[]> {
  const rows = yield* tx.all<StageRow>(
    `SELECT ${COLUMNS} FROM gateway_stages WHERE api_id = ? ORDER BY name`,
    [api.id],
  );
  const set = new Map(rows.map((row) => [row.name, stageOf(row)]));
  const standard: readonly string[] = STAGES;
  const own = [...set.values()].filter(({ name }) => !standard.includes(name));
  return [...STAGES.map((name) => set.get(name) ?? unsetStage(api, name)), ...own];
}

/** Undefined when the API has none of that name. */
export function* findStage(tx: Tx, api: Api, name: string): TxStep<StageRecord | undefined> {
  const row = yield* tx.get<StageRow>(
    `SELECT ${COLUMNS} FROM gateway_stages WHERE api_id = ? AND name = ?`,
    [api.id, name],
  );
  if (row !== undefined) return stageOf(row);
  const standard: readonly string[] = STAGES;
  return standard.includes(name) ? unsetStage(api, name) : undefined;
}

/** A stage that nobody has set or published to. */
export function unsetStage({ floor }: Pick<Api, "floor">, name: string): StageRecord {
  return { name, ...stageDefaults(name), change: floor + 1, publication: floor, purge: floor };
}

export function* writeStage(tx: Tx, apiId: GatewayApiId, stage: StageRecord): TxStep<void> {
  const { name, qualifier, variables, follows, change, publication, purge } = stage;
  yield* tx.run(
    `INSERT INTO gateway_stages (api_id, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (api_id, name) DO UPDATE SET qualifier = excluded.qualifier,
       variables = excluded.variables, follows = excluded.follows, change = excluded.change,
       publication = excluded.publication, purge = excluded.purge`,
    [
      ...[apiId, name, qualifier, JSON.stringify(variables), follows ? 1 : 0],
      ...[change, publication, purge],
    ],
  );
}

/** Removes a stage with its publications. */
export function* removeStageRows(tx: Tx, apiId: GatewayApiId, name: string): TxStep<void> {
  yield* tx.run("DELETE FROM gateway_publications WHERE api_id = ? AND stage = ?", [apiId, name]);
  yield* tx.run("DELETE FROM gateway_stages WHERE api_id = ? AND name = ?", [apiId, name]);
}

/** Writes the newest publication of a stage; of those before it the last are kept. */
export function* insertPublication(
  tx: Tx,
  apiId: GatewayApiId,
  publication: Omit<PublicationRecord, "routeCount">,
): TxStep<void> {
  const { stage, number, digest, qualifier, variables, keyId, reason } = publication;
  const { source, restores, auditId, atMs } = publication;
  yield* tx.run(
    `INSERT INTO gateway_publications (api_id, stage, number, digest, qualifier, variables, key_id,
       reason, source, restores, audit_id, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      ...[apiId, stage, number, digest, qualifier, JSON.stringify(variables), keyId, reason],
      ...[source, restores, auditId, atMs],
    ],
  );
  yield* tx.run("DELETE FROM gateway_publications WHERE api_id = ? AND stage = ? AND number <= ?", [
    ...[apiId, stage, number - LIMITS.publicationsKept],
  ]);
}

/** Undefined when the stage has none of that number, or has forgotten it. */
export function* findPublication(
  tx: Tx,
  args: { readonly apiId: GatewayApiId; readonly stage: string; readonly number: number },
): TxStep<PublicationRecord | undefined> {
  const row = yield* tx.get<PublicationRow>(
    `${SELECT_PUBLICATION} WHERE p.api_id = ? AND p.stage = ? AND p.number = ?`,
    [args.apiId, args.stage, args.number],
  );
  return row && publicationOf(row);
}

/** Those of a stage below number `below`, newest first; one more than `limit` if there are. */
export function* listPublications(
  tx: Tx,
  args: {
    readonly apiId: GatewayApiId;
    readonly stage: string;
    readonly below: number;
    readonly limit: number;
  },
): TxStep<readonly PublicationRecord[]> {
  const rows = yield* tx.all<PublicationRow>(
    `${SELECT_PUBLICATION} WHERE p.api_id = ? AND p.stage = ? AND p.number < ?
     ORDER BY p.number DESC LIMIT ?`,
    [args.apiId, args.stage, args.below, args.limit + 1],
  );
  return rows.map(publicationOf);
}

function stageOf(row: StageRow): StageRecord {
  const { name, qualifier, change, publication, purge } = row;
  const variables = JSON.parse(row.variables) as Record<string, string>;
  return { name, qualifier, variables, follows: row.follows === 1, change, publication, purge };
}

function publicationOf(row: PublicationRow): PublicationRecord {
  const { stage, number, digest, qualifier, reason, source, restores } = row;
  return {
    ...{ stage, number, digest, routeCount: row.count, qualifier },
    variables: JSON.parse(row.variables) as Record<string, string>,
    ...{ keyId: row.key_id, reason, source, restores, auditId: row.audit_id, atMs: row.at_ms },
  };
}
