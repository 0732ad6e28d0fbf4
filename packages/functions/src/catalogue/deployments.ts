/**
 * Deployments in the store. Each step reads the state, decides and writes it back in one
 * transaction, so that no step is lost or done twice whatever happens between two of them.
 */
import type { AccountId, DeploymentId, KeyId, RequestId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import {
  decideDeployment,
  hasEnded,
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentState,
} from "./deployment.ts";
import { failCatalogue } from "./errors.ts";

/** Format of `state_json`. */
const DEPLOYMENT_FORMAT = 1;

export interface DeploymentRecord {
  readonly id: DeploymentId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly state: DeploymentState;
  /** Who asked for it, and with which request. */
  readonly keyId: KeyId;
  readonly requestId: RequestId;
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
}

interface DeploymentRow {
  readonly id: DeploymentId;
  readonly account_id: AccountId;
  readonly app: string;
  readonly format: number;
  readonly state_json: string;
  readonly key_id: KeyId;
  readonly request_id: RequestId;
  readonly created_at_ms: number;
  readonly ended_at_ms: number | null;
}

const SELECT = `SELECT id, account_id, app, format, state_json, key_id, request_id, created_at_ms,
  ended_at_ms FROM deployments`;

export function* insertDeployment(tx: Tx, record: DeploymentRecord): TxStep<void> {
  const { id, accountId, app, state, keyId, requestId, createdAtMs } = record;
  yield* tx.run(
    `INSERT INTO deployments (id, account_id, app, phase, ended, format, state_json, key_id, request_id,
       created_at_ms, updated_at_ms, ended_at_ms) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, NULL)`,
    [
      ...[id, accountId, app, state.phase, DEPLOYMENT_FORMAT, JSON.stringify(state)],
      ...[keyId, requestId, createdAtMs, createdAtMs],
    ],
  );
}

/** Throws DEPLOYMENT_NOT_FOUND. */
export function* getDeployment(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string; readonly id: DeploymentId },
): TxStep<DeploymentRecord> {
  const found = yield* findDeployment(tx, args.id);
  if (found === undefined || found.accountId !== args.accountId || found.app !== args.app) {
    throw failCatalogue("DEPLOYMENT_NOT_FOUND", { deployment: args.id, app: args.app });
  }
  return found;
}

function* findDeployment(tx: Tx, id: DeploymentId): TxStep<DeploymentRecord | undefined> {
  const row = yield* tx.get<DeploymentRow>(`${SELECT} WHERE id = ?`, [id]);
  return row === undefined ? undefined : recordOf(row);
}

export interface AdvancedDeployment {
  readonly record: DeploymentRecord;
  readonly effects: readonly DeploymentEffect[];
}

/** Takes one event. Undefined when the deployment is no longer kept. */
export function* advanceDeployment(
  tx: Tx,
  args: { readonly id: DeploymentId; readonly event: DeploymentEvent; readonly wallMs: number },
): TxStep<AdvancedDeployment | undefined> {
  const found = yield* findDeployment(tx, args.id);
  if (found === undefined) return undefined;
  const { state, effects } = decideDeployment(found.state, args.event);
  if (state === found.state) return { record: found, effects };
  const endedAtMs = hasEnded(state) ? args.wallMs : null;
  yield* tx.run(
    `UPDATE deployments SET phase = ?, ended = ?, format = ?, state_json = ?, updated_at_ms = ?,
       ended_at_ms = ? WHERE id = ?`,
    [
      ...[state.phase, endedAtMs === null ? 0 : 1, DEPLOYMENT_FORMAT, JSON.stringify(state)],
      ...[args.wallMs, endedAtMs, args.id],
    ],
  );
  return { record: { ...found, state, endedAtMs }, effects };
}

/** A deployment that is still to be worked on. */
export interface UnfinishedDeployment {
  readonly id: DeploymentId;
  readonly accountId: AccountId;
  readonly app: string;
}

/** Oldest first, after the id `after`. */
export function* listUnfinishedDeployments(
  tx: Tx,
  args: { readonly after: string; readonly limit: number },
): TxStep<readonly UnfinishedDeployment[]> {
  const rows = yield* tx.all<Pick<DeploymentRow, "id" | "account_id" | "app">>(
    "SELECT id, account_id, app FROM deployments WHERE ended = 0 AND id > ? ORDER BY id LIMIT ?",
    [args.after, args.limit],
  );
  return rows.map((row) => ({ id: row.id, accountId: row.account_id, app: row.app }));
}

/** The app's deployments that are kept, newest first, before the id `before`. */
export function* listDeployments(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly before: string | null;
    readonly limit: number;
  },
): TxStep<readonly DeploymentRecord[]> {
  const { accountId, app, before, limit } = args;
  const rows = yield* tx.all<DeploymentRow>(
    `${SELECT} WHERE account_id = ? AND app = ? ${before === null ? "" : "AND id < ?"}
     ORDER BY id DESC LIMIT ?`,
    [accountId, app, ...(before === null ? [] : [before]), limit + 1],
  );
  return rows.map(recordOf);
}

/** Number of the account's deployments that have not ended. */
export function* countUnfinishedDeployments(tx: Tx, accountId: AccountId): TxStep<number> {
  const row = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM deployments WHERE ended = 0 AND account_id = ?",
    [accountId],
  );
  return row?.n ?? 0;
}

/**
 * Gives up the app's unfinished deployments, or only those of one function; what was put in force
 * already stays.
 */
export function* overtakeDeployments(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly functionName: string | null;
    readonly wallMs: number;
  },
): TxStep<void> {
  const { accountId, app, functionName, wallMs } = args;
  const rows = yield* tx.all<DeploymentRow>(
    `${SELECT} WHERE ended = 0 AND account_id = ? AND app = ? ORDER BY id`,
    [accountId, app],
  );
  const what = functionName === null ? app : `${app}/${functionName}`;
  const error = failCatalogue("DEPLOYMENT_OVERTAKEN", { what }).toWire();
  for (const { id, state } of rows.map(recordOf)) {
    if (state.activatedSeq !== null) continue;
    if (functionName !== null && !state.functions.some((fn) => fn.name === functionName)) continue;
    yield* advanceDeployment(tx, { id, event: { kind: "failed", error }, wallMs });
  }
}

/** Forgets the app's oldest ended deployments beyond `keepMax`. */
export function* pruneDeployments(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string; readonly keepMax: number },
): TxStep<number> {
  const oldestKept = yield* tx.get<{ id: string }>(
    `SELECT id FROM deployments WHERE ended = 1 AND account_id = ? AND app = ?
     ORDER BY id DESC LIMIT 1 OFFSET ?`,
    [args.accountId, args.app, args.keepMax],
  );
  if (oldestKept === undefined) return 0;
  const which = "ended = 1 AND account_id = ? AND app = ? AND id <= ?";
  const values = [args.accountId, args.app, oldestKept.id];
  yield* tx.run(
    `DELETE FROM deployment_log WHERE deployment_id IN (SELECT id FROM deployments WHERE ${which})`,
    values,
  );
  return yield* tx.run(`DELETE FROM deployments WHERE ${which}`, values);
}

function recordOf(row: DeploymentRow): DeploymentRecord {
  if (row.format > DEPLOYMENT_FORMAT) {
    throw failCatalogue("DEPLOYMENT_FORMAT_NEWER", { found: row.format, known: DEPLOYMENT_FORMAT });
  }
  return {
    id: row.id,
    accountId: row.account_id,
    app: row.app,
    state: JSON.parse(row.state_json) as DeploymentState,
    keyId: row.key_id,
    requestId: row.request_id,
    createdAtMs: row.created_at_ms,
    endedAtMs: row.ended_at_ms,
  };
}
