/**
 * What is due is given to a gateway, which holds it until it settles it or is lost. A claim is a
 * number of the invocation's attempts: whoever comes later with an earlier one is too late.
 */
import { assert, type AccountId, type FunctionId, type RequestId } from "@skerry/base";
import type { LedgerEvent, LedgerSource } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { destinationOf, type Destinations, type NumberedTime } from "./destinations.ts";
import { endAll, type AllEnded } from "./end.ts";
import { allOver, overRows, overValues, runOver } from "./sets.ts";
import { addSums } from "./sums.ts";

export interface ClaimArgs extends NumberedTime {
  readonly functionId: FunctionId;
  readonly holder: string;
  /** As many are claimed at most; each takes one for its attempt, unless it is its first. */
  readonly requestIds: readonly RequestId[];
  /** No more is claimed once the payloads are as large; any size when absent. */
  readonly bytesMax?: number;
  /** Who is told of what is found too old. */
  readonly destinations?: Destinations | undefined;
  readonly slot: number;
}

export interface ClaimedRun {
  readonly id: RequestId;
  readonly attempt: number;
  readonly requestId: RequestId;
  readonly accountId: AccountId;
  readonly functionId: FunctionId;
  readonly source: LedgerSource;
  readonly event: LedgerEvent;
  readonly payload: Uint8Array;
  /** When it could have begun. */
  readonly dueMs: number;
}

export interface Claimed {
  readonly runs: readonly ClaimedRun[];
  /** Found too old, and ended. */
  readonly expired: readonly RequestId[];
  /** Of these functions something was accepted, to tell of that. */
  readonly told: readonly FunctionId[];
  /** These addresses are to be called, to tell of that. */
  readonly webhooks: readonly string[];
  /** When there is more to claim: at once if it is not later than `nowMs`. Null for never. */
  readonly nextDueMs: number | null;
}

interface ReadyRow {
  readonly seq: number;
  readonly id: string;
  readonly attempt: number;
  readonly due_ms: number;
  readonly expires_ms: number;
  readonly ordering_key: string | null;
  /** Of its payload. */
  readonly bytes: number;
}
type ReadyRowOf = ReadyRow & Record<keyof ReadyRow, string | number | null>;

const READY = `SELECT seq, id, attempt, due_ms, expires_ms, ordering_key,
    (SELECT CAST(LENGTH(payload) AS @integer) FROM ledger_invocations
     WHERE ledger_invocations.seq = ledger_queue.seq) AS bytes
  FROM ledger_queue WHERE phase = 0 AND function_id = ? AND due_ms <= ?
  ORDER BY due_ms, seq LIMIT ?`;

/** Claims what is due of one function, the oldest first. */
export function* claim(tx: Tx, args: ClaimArgs): TxStep<Claimed> {
  const { functionId, nowMs, requestIds, slot } = args;
  // One more than is claimed says when there is more.
  const found = yield* tx.all<ReadyRowOf>(READY, [functionId, nowMs, requestIds.length + 1]);
  const { held, old, taken } = divide(found, args);
  const runs = yield* hold(tx, held, args);
  const { ended, sums } = yield* expire(tx, old, args);
  yield* addSums(tx, slot, sums);
  const rest = found[taken];
  const isNextKnown = rest !== undefined && !ended.some(({ woke }) => woke);
  return {
    ...{ runs, expired: old.map(({ id }) => id as RequestId) },
    told: [...new Set(ended.flatMap(({ told }) => told ?? []))],
    webhooks: [...new Set(ended.flatMap(({ webhook }) => webhook ?? []))],
    nextDueMs: isNextKnown ? rest.due_ms : yield* nextDue(tx, functionId),
  };
}

interface HeldRow extends ReadyRow {
  readonly requestId: RequestId;
}

/** What is held now, what is too old, and how many of those that were found are either. */
function divide(
  found: readonly ReadyRow[],
  { nowMs, requestIds, bytesMax = Infinity }: ClaimArgs,
): {
  readonly held: readonly HeldRow[];
  readonly old: readonly ReadyRow[];
  readonly taken: number;
} {
  const held: HeldRow[] = [];
  const old: ReadyRow[] = [];
  let bytes = 0;
  for (const row of found) {
    const taken = held.length + old.length;
    const freshId = requestIds[taken];
    if (freshId === undefined) break;
    if (row.expires_ms <= nowMs) {
      old.push(row);
      continue;
    }
    if (bytes >= bytesMax) break;
    bytes += row.bytes;
    held.push({ ...row, requestId: row.attempt === 0 ? (row.id as RequestId) : freshId });
  }
  return { held, old, taken: held.length + old.length };
}

function* expire(
  tx: Tx,
  rows: readonly ReadyRow[],
  { functionId, nowMs, toldSeq, destinations }: ClaimArgs,
): TxStep<AllEnded> {
  const sources = yield* sourcesOf(tx, destinations === undefined ? [] : rows);
  const endings = rows.map(({ seq, id, ordering_key: orderingKey }) => ({
    ...{ seq, id: id as RequestId, functionId, orderingKey, end: "expired" as const },
    to: destinationOf(destinations, { end: "expired", source: sources.get(seq) ?? "" }),
  }));
  return yield* endAll(tx, { endings, nowMs, toldSeq });
}

const SOURCES = overValues(
  (seqs) => `SELECT seq, source FROM ledger_invocations WHERE seq IN (${seqs})`,
);

function* sourcesOf(tx: Tx, rows: readonly ReadyRow[]): TxStep<ReadonlyMap<number, string>> {
  const seqs = rows.map(({ seq }) => [seq]);
  const found = yield* allOver<{ seq: number; source: string }>(tx, SOURCES, { rows: seqs });
  return new Map(found.map(({ seq, source }) => [seq, source]));
}

const HOLD = overRows(
  ["@integer", "@integer", "@text"],
  (rows) => `WITH given (seq, attempt, request_id) AS (VALUES ${rows})
    UPDATE ledger_queue SET phase = 1, attempt = given.attempt, request_id = given.request_id,
      holder = ?, started_ms = ?
    FROM given WHERE ledger_queue.seq = given.seq AND phase = 0`,
);

interface EventRow {
  readonly seq: number;
  readonly account_id: string;
  readonly source: string;
  readonly event: string;
  readonly payload: Uint8Array;
}

const RUN = overValues(
  (seqs) => `UPDATE ledger_invocations SET state = 'running', attempts = attempts + 1
    WHERE seq IN (${seqs}) RETURNING seq, account_id, source, event, payload`,
);

/** In the order in which they are due. */
function* hold(
  tx: Tx,
  rows: readonly HeldRow[],
  { functionId, holder, nowMs }: ClaimArgs,
): TxStep<readonly ClaimedRun[]> {
  const given = rows.map(({ seq, attempt, requestId }) => [seq, attempt + 1, requestId]);
  const taken = yield* runOver(tx, HOLD, { rows: given, after: [holder, nowMs] });
  assert(taken === rows.length, "what is claimed is ready, and claimed once");
  type Found = EventRow & Record<keyof EventRow, string | number | Uint8Array>;
  const found = yield* allOver<Found>(tx, RUN, { rows: rows.map(({ seq }) => [seq]) });
  const events = new Map(found.map((event) => [event.seq, event]));
  return rows.map(({ seq, id, attempt, requestId, due_ms: dueMs }) => {
    const event = events.get(seq);
    assert(event !== undefined, "what is open has its record");
    return {
      ...{ id: id as RequestId, attempt: attempt + 1, requestId, functionId, dueMs },
      accountId: event.account_id as AccountId,
      source: event.source as LedgerSource,
      event: JSON.parse(event.event) as LedgerEvent,
      payload: event.payload,
    };
  });
}

function* nextDue(tx: Tx, functionId: FunctionId): TxStep<number | null> {
  const row = yield* tx.get<{ due_ms: number }>(
    `SELECT due_ms FROM ledger_queue WHERE phase = 0 AND function_id = ?
     ORDER BY due_ms, seq LIMIT 1`,
    [functionId],
  );
  return row?.due_ms ?? null;
}

/** A function that something is ready or will be ready for. */
export interface Lane {
  readonly functionId: FunctionId;
  readonly nextDueMs: number;
}

/** Steps from one function to the next within one statement, however much waits for each. */
const LANES = `WITH RECURSIVE lanes (function_id) AS (
    SELECT MIN(function_id) FROM ledger_queue WHERE phase = 0
    UNION ALL
    SELECT (SELECT MIN(function_id) FROM ledger_queue
      WHERE phase = 0 AND function_id > lanes.function_id)
    FROM lanes WHERE lanes.function_id IS NOT NULL)
  SELECT function_id, (SELECT MIN(due_ms) FROM ledger_queue
    WHERE phase = 0 AND ledger_queue.function_id = lanes.function_id) AS due_ms
  FROM lanes WHERE function_id IS NOT NULL`;

/** All of them. */
export function* listLanes(tx: Tx, _args: null): TxStep<readonly Lane[]> {
  const rows = yield* tx.all<{ function_id: string; due_ms: number }>(LANES);
  return rows.map(({ function_id, due_ms: nextDueMs }) => {
    return { functionId: function_id as FunctionId, nextDueMs };
  });
}
