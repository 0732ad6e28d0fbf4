/**
 * What is shown of the ledger. A list steps through one index, the newest first, and looks at so
 * many rows at most: a page may be short, or empty, and still have another behind it. Payloads and
 * results are read one at a time; lists only know how long they are.
 */
import type { AccountId, FunctionId, RequestId, WireError } from "@skerry/base";
import type {
  AttemptOutcome,
  DeliveryState,
  LedgerEnd,
  LedgerEvent,
  LedgerSource,
  LedgerState,
} from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { progressOf, type Reported } from "./progress.ts";
import { allOver, overValues } from "./sets.ts";

/** One invocation without its bytes. */
export interface LedgerRecord {
  readonly seq: number;
  readonly id: RequestId;
  readonly accountId: AccountId;
  readonly functionId: FunctionId;
  /** The function's name at acceptance. */
  readonly app: string;
  readonly fn: string;
  readonly source: LedgerSource;
  readonly sourceId: string | null;
  readonly state: LedgerState;
  readonly acceptedMs: number;
  readonly expiresMs: number;
  readonly settledMs: number | null;
  readonly orderingKey: string | null;
  readonly idempotencyKey: string | null;
  readonly event: LedgerEvent;
  readonly attempts: number;
  readonly error: WireError | null;
  readonly status: number | null;
  readonly resultType: string | null;
  readonly resultCut: boolean;
  /** Null when there is none. */
  readonly resultBytes: number | null;
  readonly payloadBytes: number;
}

/** An attempt that has ended. */
export interface AttemptRecord {
  readonly attempt: number;
  readonly requestId: RequestId;
  readonly holder: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly outcome: AttemptOutcome;
  readonly error: WireError | null;
}

/** Of its end, to its destination. */
export interface DeliveryRecord {
  readonly kind: "function" | "topic" | "webhook";
  readonly target: string;
  readonly state: DeliveryState;
  /** Calls of a webhook, or tries of a topic. */
  readonly attempts: number;
  readonly dueMs: number;
  /** What it answered last. */
  readonly status: number | null;
  readonly settledMs: number | null;
  /** The invocation that tells the function. */
  readonly toldId: RequestId | null;
  readonly error: WireError | null;
}

/** One invocation with all that is known of it. */
export interface LedgerDetails {
  readonly record: LedgerRecord;
  /** The oldest first. */
  readonly ended: readonly AttemptRecord[];
  /** While it is open. */
  readonly open: {
    /** Not before this wall time. */
    readonly dueMs: number;
    /** Of the attempt under way. */
    readonly startedMs: number | null;
    readonly requestId: RequestId | null;
    /** Somebody wants it cancelled, and it has not ended yet. */
    readonly isStopping: boolean;
  } | null;
  /** What its handler last said of how far it is; null when it said nothing. */
  readonly progress: Reported | null;
  /** Null while it is open, and when it had no destination. */
  readonly delivery: DeliveryRecord | null;
}

export interface LedgerSelection {
  readonly accountId: AccountId;
  /** Only these apps; null for all. */
  readonly apps: readonly string[] | null;
  readonly functionId: FunctionId | null;
  readonly state: LedgerState | null;
  readonly source: LedgerSource | null;
  readonly sourceId: string | null;
  readonly idempotencyKey: string | null;
  /** Of any of its attempts. */
  readonly requestId: string | null;
  /** From the first number inclusive to the second exclusive. */
  readonly fromSeq: number | null;
  readonly toSeq: number | null;
  readonly limit: number;
  /** Rows that are looked at, wanted or not. */
  readonly scanMax: number;
}

export interface LedgerPage {
  readonly records: readonly LedgerRecord[];
  /** Go on with it as `toSeq`; null when there is nothing more. */
  readonly nextSeq: number | null;
}

const SHORT = `seq, id, account_id, function_id, app, fn, source, source_id, state, accepted_ms,
  expires_ms, settled_ms, ordering_key, idempotency_key, event, attempts, error, status,
  result_type, result_cut`;
const COLUMNS = `${SHORT}, LENGTH(result) AS result_bytes, LENGTH(payload) AS payload_bytes`;

interface Row {
  readonly seq: number;
  readonly id: string;
  readonly account_id: string;
  readonly function_id: string;
  readonly app: string;
  readonly fn: string;
  readonly source: string;
  readonly source_id: string | null;
  readonly state: string;
  readonly accepted_ms: number;
  readonly expires_ms: number;
  readonly settled_ms: number | null;
  readonly ordering_key: string | null;
  readonly idempotency_key: string | null;
  readonly event: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly status: number | null;
  readonly result_type: string | null;
  readonly result_cut: number;
  readonly result_bytes: number | null;
  readonly payload_bytes: number;
}
type Loose<R> = R & Record<keyof R, string | number | Uint8Array | null>;

/** The newest first. */
export function* listInvocations(tx: Tx, selection: LedgerSelection): TxStep<LedgerPage> {
  const { limit, scanMax, requestId } = selection;
  const found = indexed(selection, requestId === null ? null : yield* idOf(tx, requestId));
  const wanted = rest(selection);
  const rows = yield* tx.all<Loose<Row>>(
    `SELECT ${SHORT}, result_bytes, payload_bytes FROM (
       SELECT ${COLUMNS} FROM ledger_invocations WHERE ${found.sql} ORDER BY seq DESC LIMIT ?
     ) AS looked_at WHERE ${wanted.sql} ORDER BY seq DESC LIMIT ?`,
    [...found.values, scanMax, ...wanted.values, limit + 1],
  );
  const records = rows.slice(0, limit).map(recordOf);
  if (rows.length > limit) return { records, nextSeq: records.at(-1)?.seq ?? null };
  const last = yield* tx.get<{ seq: number }>(
    `SELECT seq FROM ledger_invocations WHERE ${found.sql} ORDER BY seq DESC LIMIT 1 OFFSET ?`,
    [...found.values, scanMax - 1],
  );
  return { records, nextSeq: last?.seq ?? null };
}

interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** What one index answers alone. A key is found with what routes keep behind its line break. */
function indexed(selection: LedgerSelection, id: string | null): Condition {
  const { accountId, functionId, state, idempotencyKey, fromSeq, toSeq } = selection;
  const conditions: (readonly [string, string | number])[] = [];
  const isRare = state !== null && state !== "succeeded";
  if (id !== null) conditions.push(["id = ?", id]);
  if (idempotencyKey !== null) {
    conditions.push(["account_id = ?", accountId], ["idempotency_key >= ?", idempotencyKey]);
    conditions.push(["idempotency_key < ?", `${idempotencyKey}\v`]);
  } else if (functionId !== null && !isRare) conditions.push(["function_id = ?", functionId]);
  else if (state !== null) conditions.push(["account_id = ?", accountId], ["state = ?", state]);
  conditions.push(["seq >= ?", fromSeq ?? 0]);
  if (toSeq !== null) conditions.push(["seq < ?", toSeq]);
  return joined(conditions);
}

function rest(selection: LedgerSelection): Condition {
  const { accountId, apps, functionId, state, source, sourceId } = selection;
  const conditions: (readonly [string, string | number])[] = [["account_id = ?", accountId]];
  if (functionId !== null) conditions.push(["function_id = ?", functionId]);
  if (state !== null) conditions.push(["state = ?", state]);
  if (source !== null) conditions.push(["source = ?", source]);
  if (sourceId !== null) conditions.push(["source_id = ?", sourceId]);
  const { sql, values } = joined(conditions);
  if (apps === null) return { sql, values };
  if (apps.length === 0) return { sql: "1 = 0", values: [] };
  const among = `app IN (${apps.map(() => "?").join(", ")})`;
  return { sql: `${sql} AND ${among}`, values: [...values, ...apps] };
}

function joined(conditions: readonly (readonly [string, string | number])[]): Condition {
  return {
    sql: conditions.map(([sql]) => sql).join(" AND "),
    values: conditions.map(([, value]) => value),
  };
}

export interface InvocationName {
  readonly accountId: AccountId;
  /** Its own, or the request id of any of its attempts. */
  readonly id: RequestId;
}

/** The invocation of whose attempts one has this request id; the first one's is its own. */
function* idOf<Id extends string>(tx: Tx, requestId: Id): TxStep<Id> {
  const later = yield* tx.get<{ id: string }>(
    `SELECT id FROM ledger_attempts WHERE attempt > 1 AND request_id = ?
     UNION ALL SELECT id FROM ledger_queue WHERE phase = 1 AND attempt > 1 AND request_id = ?`,
    [requestId, requestId],
  );
  return (later?.id ?? requestId) as Id;
}

/** Null when the account has no such invocation. */
export function* getInvocation(tx: Tx, name: InvocationName): TxStep<LedgerDetails | null> {
  const { accountId } = name;
  const id = yield* idOf(tx, name.id);
  const row = yield* tx.get<Loose<Row>>(
    `SELECT ${COLUMNS} FROM ledger_invocations WHERE id = ? AND account_id = ?`,
    [id, accountId],
  );
  if (row === undefined) return null;
  const open = yield* tx.get<{
    due_ms: number;
    started_ms: number | null;
    request_id: string | null;
    cancelled: number;
  }>("SELECT due_ms, started_ms, request_id, cancelled FROM ledger_queue WHERE seq = ?", [row.seq]);
  return {
    record: recordOf(row),
    ended: yield* listAttempts(tx, id),
    delivery: yield* deliveryOf(tx, id),
    progress: yield* progressOf(tx, id),
    open:
      open === undefined
        ? null
        : {
            ...{ dueMs: open.due_ms, startedMs: open.started_ms },
            requestId: open.request_id as RequestId | null,
            isStopping: open.cancelled === 1,
          },
  };
}

function* listAttempts(tx: Tx, id: RequestId): TxStep<readonly AttemptRecord[]> {
  const rows = yield* tx.all<{
    attempt: number;
    request_id: string;
    holder: string;
    started_ms: number;
    ended_ms: number;
    outcome: string;
    error: string | null;
  }>(
    `SELECT attempt, request_id, holder, started_ms, ended_ms, outcome, error FROM ledger_attempts
     WHERE id = ? ORDER BY attempt`,
    [id],
  );
  return rows.map((row) => ({
    ...{ attempt: row.attempt, requestId: row.request_id as RequestId, holder: row.holder },
    ...{ startedMs: row.started_ms, endedMs: row.ended_ms },
    outcome: row.outcome as AttemptOutcome,
    error: errorOf(row.error),
  }));
}

function* deliveryOf(tx: Tx, id: RequestId): TxStep<DeliveryRecord | null> {
  const row = yield* tx.get<{
    kind: string;
    target: string;
    state: string;
    attempts: number;
    due_ms: number;
    status: number | null;
    settled_ms: number | null;
    told_id: string | null;
    error: string | null;
  }>(
    `SELECT kind, target, state, attempts, due_ms, status, settled_ms, told_id, error
     FROM ledger_deliveries WHERE id = ?`,
    [id],
  );
  if (row === undefined) return null;
  return {
    ...{ kind: row.kind as DeliveryRecord["kind"], target: row.target },
    ...{ state: row.state as DeliveryState, attempts: row.attempts, dueMs: row.due_ms },
    ...{ status: row.status, settledMs: row.settled_ms, toldId: row.told_id as RequestId | null },
    error: errorOf(row.error),
  };
}

/** The event of an invocation, whole; null when there is none. */
export function* readPayload(tx: Tx, name: InvocationName): TxStep<Uint8Array | null> {
  const row = yield* tx.get<{ payload: Uint8Array }>(
    "SELECT payload FROM ledger_invocations WHERE id = ? AND account_id = ?",
    [yield* idOf(tx, name.id), name.accountId],
  );
  return row?.payload ?? null;
}

/** The result of an invocation, whole; null when there is none, or not any more. */
export function* readResult(tx: Tx, name: InvocationName): TxStep<Uint8Array | null> {
  const row = yield* tx.get<{ result: Uint8Array | null }>(
    "SELECT result FROM ledger_invocations WHERE id = ? AND account_id = ?",
    [yield* idOf(tx, name.id), name.accountId],
  );
  return row?.result ?? null;
}

/** How an invocation ended. */
export interface EndOfInvocation {
  readonly id: RequestId;
  readonly end: LedgerEnd;
  readonly error: WireError | null;
  /** Null when there is none, or it was not kept. */
  readonly result: Uint8Array | null;
}

/** Of these, those that have ended. */
export function* readEnds(
  tx: Tx,
  { ids }: { readonly ids: readonly RequestId[] },
): TxStep<readonly EndOfInvocation[]> {
  if (ids.length === 0) return [];
  const rows = yield* tx.all<{
    id: string;
    state: string;
    error: string | null;
    result: Uint8Array | null;
  }>(
    `SELECT id, state, error, result FROM ledger_invocations
     WHERE settled_ms IS NOT NULL AND id IN (${ids.map(() => "?").join(", ")})`,
    ids,
  );
  return rows.map(({ id, state, error, result }) => ({
    ...{ id: id as RequestId, end: state as LedgerEnd, error: errorOf(error), result },
  }));
}

const KNOWN = overValues((ids) => `SELECT id FROM ledger_invocations WHERE id IN (${ids})`);

/** Which of these are in the ledger. */
export function* findKnown(
  tx: Tx,
  args: { readonly ids: readonly RequestId[] },
): TxStep<readonly RequestId[]> {
  const rows = yield* allOver<{ id: string }>(tx, KNOWN, { rows: args.ids.map((id) => [id]) });
  return rows.map(({ id }) => id as RequestId);
}

function recordOf(row: Row): LedgerRecord {
  return {
    ...{ seq: row.seq, id: row.id as RequestId, accountId: row.account_id as AccountId },
    functionId: row.function_id as FunctionId,
    ...{ app: row.app, fn: row.fn, source: row.source as LedgerSource, sourceId: row.source_id },
    ...{ state: row.state as LedgerState, acceptedMs: row.accepted_ms },
    ...{ expiresMs: row.expires_ms, settledMs: row.settled_ms },
    ...{ orderingKey: row.ordering_key, idempotencyKey: row.idempotency_key },
    ...{ event: JSON.parse(row.event) as LedgerEvent, attempts: row.attempts },
    ...{ error: errorOf(row.error), status: row.status, resultType: row.result_type },
    ...{ resultCut: row.result_cut === 1, resultBytes: row.result_bytes },
    payloadBytes: row.payload_bytes,
  };
}

function errorOf(text: string | null): WireError | null {
  return text === null ? null : (JSON.parse(text) as WireError);
}
