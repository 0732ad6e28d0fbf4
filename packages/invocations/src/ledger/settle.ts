/**
 * Ends of attempts, as the gateways that held them tell, and attempts that went down with theirs.
 * Only the holder of an attempt ends it: the answer of one that was given up meanwhile is `stale`
 * and changes nothing.
 */
import type { FunctionId, RequestId, WireError } from "@skerry/base";
import {
  isCallSource,
  type AsyncPolicy,
  type AttemptOutcome,
  type LedgerEnd,
} from "@skerry/contracts";
import type { SqlValue, Tx, TxStep } from "@skerry/store";
import { failInvocations } from "../errors.ts";
import { freeKeys, keepHeaders } from "./calls.ts";
import { afterAttempt, isFault, type Next } from "./decide.ts";
import { destinationOf, type DestinationsByFunction, type NumberedTime } from "./destinations.ts";
import { endAll, type Ending } from "./end.ts";
import { notedOf } from "./holders.ts";
import { allOver, overRows, overValues, runOver } from "./sets.ts";
import { addSums } from "./sums.ts";

/**
 * Attempts of one invocation that are kept, the latest: one that is throttled for as long as it may
 * wait is tried thousands of times.
 */
export const ATTEMPTS_KEPT = 100;

export interface AttemptEnd {
  readonly id: RequestId;
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly error?: WireError | undefined;
  readonly status?: number | undefined;
  readonly resultType?: string | undefined;
  readonly result?: Uint8Array | undefined;
  readonly resultCut?: boolean | undefined;
  /** Of a call's answer, flat; kept with it. */
  readonly headers?: readonly string[] | undefined;
  /** A call's first attempt that never began: it is over, and its key is free again. */
  readonly withdrawn?: boolean | undefined;
  readonly policy: AsyncPolicy;
  /** Its failure uses up no attempt: the function's breaker was open. */
  readonly isUncounted?: boolean | undefined;
  /** In [0, 1). */
  readonly chance: number;
}

export interface SettleArgs extends NumberedTime {
  readonly holder: string;
  readonly items: readonly AttemptEnd[];
  /** Who is told of what ends; nobody when absent. */
  readonly destinations?: DestinationsByFunction;
  readonly slot: number;
}

export type Settled =
  | {
      readonly kind: "settled";
      readonly functionId: FunctionId;
      readonly end: LedgerEnd;
      /** The next of its ordering key is ready. */
      readonly woke?: true;
      /** Of this function an invocation was accepted, to tell of the end. */
      readonly told?: FunctionId;
      /** This address is to be called, to tell of it. */
      readonly webhook?: string;
    }
  | { readonly kind: "retry"; readonly functionId: FunctionId; readonly dueMs: number }
  | { readonly kind: "stale" };

interface HeldRow {
  readonly seq: number;
  readonly id: string;
  readonly function_id: string;
  readonly source: string;
  readonly expires_ms: number;
  readonly ordering_key: string | null;
  readonly holder: string | null;
  readonly attempt: number;
  readonly counted: number;
  readonly request_id: string;
  readonly started_ms: number;
  readonly cancelled: number;
}
type HeldRowOf = HeldRow & Record<keyof HeldRow, string | number | null>;

const HELD = `SELECT seq, id, function_id, expires_ms, ordering_key, holder, attempt, counted,
  request_id, started_ms, cancelled,
  (SELECT source FROM ledger_invocations WHERE ledger_invocations.seq = ledger_queue.seq) AS source
  FROM ledger_queue`;
/** Looked up by id alone: a holder may have more than a hundred times as many. */
const HELD_AMONG = overValues((ids) => `${HELD} WHERE phase = 1 AND id IN (${ids})`);

/** An attempt that was held until now, and how it ended. */
interface EndedAttempt {
  readonly row: HeldRow;
  readonly item: AttemptEnd;
}

type Settling = Pick<SettleArgs, "holder" | "nowMs" | "toldSeq" | "slot" | "destinations">;

/** One answer each, in order. */
export function* settle(tx: Tx, args: SettleArgs): TxStep<readonly Settled[]> {
  const { items, holder } = args;
  const ids = new Set(items.map(({ id }) => id));
  const rows = [...ids].map((id) => [id]);
  const found = yield* allOver<HeldRowOf>(tx, HELD_AMONG, { rows });
  const held = new Map(found.flatMap((row) => (row.holder === holder ? [[row.id, row]] : [])));
  const ended = items.map((item): EndedAttempt | undefined => {
    const row = held.get(item.id);
    if (row?.attempt !== item.attempt) return undefined;
    // Told twice at once, it has ended by the first.
    held.delete(item.id);
    return { row, item: isGivenBack(row, item) && isMadeOnce(row) ? givenUp(item) : item };
  });
  const answers = yield* endAttempts(
    tx,
    ended.flatMap((one) => one ?? []),
    args,
  );
  let at = 0;
  return ended.map((one) => (one === undefined ? undefined : answers[at++]) ?? { kind: "stale" });
}

/** One answer each, in order. */
function* endAttempts(
  tx: Tx,
  ended: readonly EndedAttempt[],
  args: Settling,
): TxStep<readonly Settled[]> {
  yield* noteAttempts(tx, ended, args.holder);
  const next = ended.map((one) => nextOf(one, args.nowMs));
  yield* waitAgain(tx, ended, next);
  const over = ended.flatMap((one, i) => {
    const decided = next[i];
    return decided?.kind === "settled" ? [{ ...one, end: decided.end }] : [];
  });
  const endings = over.map(({ row, item, end }) => endingOf(row, item, { ...args, end }));
  const { nowMs, toldSeq } = args;
  const { ended: ends, sums } = yield* endAll(tx, { endings, nowMs, toldSeq });
  yield* keepOfCalls(tx, over);
  yield* addSums(tx, args.slot, sums);
  let at = 0;
  return ended.map(({ row }, i): Settled => {
    const functionId = row.function_id as FunctionId;
    const decided = next[i];
    if (decided?.kind !== "settled")
      return { kind: "retry", functionId, dueMs: decided?.dueMs ?? 0 };
    const { woke, told, webhook } = ends[at++] ?? { woke: false };
    return {
      ...{ kind: "settled", functionId, end: decided.end },
      ...(woke ? { woke } : {}),
      ...(told === undefined ? {} : { told }),
      ...(webhook === undefined ? {} : { webhook }),
    };
  });
}

const NOTE = overRows(
  [
    ...(["@text", "@integer", "@text", "@text", "@integer"] as const),
    ...(["@integer", "@text", "@text"] as const),
  ],
  (rows) => `WITH given (id, attempt, request_id, holder, started_ms, ended_ms, outcome, error)
      AS (VALUES ${rows})
    INSERT INTO ledger_attempts
      (id, attempt, request_id, holder, started_ms, ended_ms, outcome, error)
    SELECT id, attempt, request_id, holder, started_ms, ended_ms, outcome, error
    FROM given WHERE id IS NOT NULL`,
);
const FORGET = overRows(
  ["@text", "@integer"],
  (rows) => `DELETE FROM ledger_attempts WHERE (id, attempt) IN (VALUES ${rows})`,
);

/** Writes them down, and takes those away that came so many before them. */
function* noteAttempts(tx: Tx, ended: readonly EndedAttempt[], holder: string): TxStep<void> {
  const notes = ended.map(({ row, item: { startedMs, endedMs, outcome, error } }) => [
    ...[row.id, row.attempt, row.request_id, holder, startedMs, endedMs, outcome],
    error === undefined ? null : JSON.stringify(error),
  ]);
  yield* runOver(tx, NOTE, { rows: notes });
  const old = ended.flatMap(({ row: { id, attempt } }) =>
    attempt > ATTEMPTS_KEPT ? [[id, attempt - ATTEMPTS_KEPT]] : [],
  );
  yield* runOver(tx, FORGET, { rows: old });
}

const WAIT = overRows(
  ["@integer", "@integer", "@integer"],
  (rows) => `WITH given (seq, due_ms, counted) AS (VALUES ${rows})
    UPDATE ledger_queue SET phase = 0, due_ms = given.due_ms, counted = given.counted,
      holder = NULL, request_id = NULL, started_ms = NULL
    FROM given WHERE ledger_queue.seq = given.seq`,
);
const WAITING = overRows(
  ["@integer", "@text"],
  (rows) => `WITH given (seq, error) AS (VALUES ${rows})
    UPDATE ledger_invocations SET state = 'waiting',
      error = COALESCE(given.error, ledger_invocations.error)
    FROM given WHERE ledger_invocations.seq = given.seq`,
);

/** Those that are tried again. */
function* waitAgain(tx: Tx, ended: readonly EndedAttempt[], next: readonly Next[]): TxStep<void> {
  const dues: SqlValue[][] = [];
  const errors: SqlValue[][] = [];
  for (const [i, { row, item }] of ended.entries()) {
    const decided = next[i];
    if (decided?.kind !== "retry") continue;
    dues.push([row.seq, decided.dueMs, decided.counted]);
    errors.push([row.seq, item.error === undefined ? null : JSON.stringify(item.error)]);
  }
  yield* runOver(tx, WAIT, { rows: dues });
  yield* runOver(tx, WAITING, { rows: errors });
}

function endingOf(
  row: HeldRow,
  item: AttemptEnd,
  { end, destinations }: Settling & { readonly end: LedgerEnd },
): Ending {
  const functionId = row.function_id as FunctionId;
  const { error, status, resultType, result, resultCut } = item;
  return {
    ...{ seq: row.seq, id: row.id as RequestId, functionId, orderingKey: row.ordering_key },
    ...{ end, error, status, resultType, result, resultCut },
    to: destinationOf(destinations?.[functionId], { end, source: row.source }),
  };
}

/** Of calls: headers are kept, and the key of one that never began is free again. */
function* keepOfCalls(tx: Tx, over: readonly EndedAttempt[]): TxStep<void> {
  yield* freeKeys(
    tx,
    over.filter(isWithdrawn).map(({ row: { seq } }) => seq),
  );
  yield* keepHeaders(
    tx,
    over.flatMap(({ row: { seq }, item: { headers } }) =>
      headers === undefined ? [] : [{ seq, headers }],
    ),
  );
}

function isWithdrawn({ row, item }: EndedAttempt): boolean {
  return item.withdrawn === true && row.attempt === 1;
}

function nextOf(one: EndedAttempt, nowMs: number): Next {
  const { row, item } = one;
  if (isWithdrawn(one)) return { kind: "settled", end: "cancelled", counted: row.counted };
  const { outcome, chance, isUncounted } = item;
  const policy = isTriedByOthers(row) ? { ...item.policy, giveUpOn: [] } : item.policy;
  const { attempt, counted, expires_ms: expiresMs } = row;
  const attempted = { attempt, counted, expiresMs, cancelled: row.cancelled === 1 };
  const next = afterAttempt(attempted, outcome, { policy, nowMs, chance, isUncounted });
  return ownNext(one, next);
}

/** Its gateway stopped before it had ended. */
function isGivenBack({ cancelled }: HeldRow, { outcome, error, withdrawn }: AttemptEnd): boolean {
  return outcome === "cancelled" && error === undefined && withdrawn !== true && cancelled === 0;
}

function isMadeOnce({ source }: HeldRow): boolean {
  return source === "game";
}

/** Batches come back to their group, and calls are their caller's. */
function isTriedByOthers({ source }: HeldRow): boolean {
  return source === "topic" || source === "call";
}

/**
 * Of a batch that failed its group makes others, and of a call the caller is told: neither is tried
 * again as it is. A game sends its call again by itself, if it will: it is never made twice.
 */
function ownNext({ row, item }: EndedAttempt, next: Next): Next {
  const { counted } = next;
  if (next.kind === "settled" || !(isFault(item.outcome) || isMadeOnce(row))) return next;
  const isOver = isCallSource(row.source) || (row.source === "topic" && counted > row.counted);
  return isOver ? { kind: "settled", end: "failed", counted } : next;
}

export interface ReleaseArgs extends NumberedTime {
  readonly holder: string;
  /** Attempts that the holder still has; null when it is lost with all of them. */
  readonly kept: readonly { readonly id: RequestId; readonly attempt: number }[] | null;
  /** Its platform must have noted this last, or it is not lost; whatever it did when absent. */
  readonly seenMs?: number | null | undefined;
  readonly policy: AsyncPolicy;
  /** Functions whose policy gives up what is lost; none when absent. */
  readonly givingUp?: readonly FunctionId[];
  /** Who is told of what is not made again; nobody when absent. */
  readonly destinations?: DestinationsByFunction;
  readonly chance: number;
  readonly rowsMax: number;
  readonly slot: number;
}

/**
 * Ends attempts that a holder has no longer as `lost`: they are made again. Returns what became of
 * them; fewer than `rowsMax` when none is left.
 */
export function* release(tx: Tx, args: ReleaseArgs): TxStep<readonly Settled[]> {
  const { holder, kept, nowMs, policy, chance, seenMs } = args;
  if (seenMs !== undefined && (yield* notedOf(tx, holder)) !== seenMs) return [];
  // As many rows as can be kept beside those that are let go of now, however much it held.
  const held = yield* tx.all<HeldRowOf>(
    `${HELD} WHERE phase = 1 AND holder = ? ORDER BY seq LIMIT ?`,
    [...[holder, args.rowsMax + (kept?.length ?? 0)]],
  );
  const keptNames = new Set(kept?.map(({ id, attempt }) => `${id} ${attempt}`));
  const lost = held.filter(({ id, attempt }) => !keptNames.has(`${id} ${attempt}`));
  const givingUp: ReadonlySet<string> = new Set(args.givingUp);
  const ended = lost.slice(0, args.rowsMax).map((row): EndedAttempt => {
    const item: AttemptEnd = {
      ...{ id: row.id as RequestId, attempt: row.attempt, outcome: "lost" },
      ...{ startedMs: row.started_ms, endedMs: nowMs, policy, chance },
    };
    const isGivenUp = isMadeOnce(row) || (givingUp.has(row.function_id) && !isTriedByOthers(row));
    return { row, item: isGivenUp ? givenUp(item) : item };
  });
  return yield* endAttempts(tx, ended, args);
}

/** Its record says why it ended. */
function givenUp(item: AttemptEnd): AttemptEnd {
  const error = failInvocations("ATTEMPT_LOST", {}).toWire();
  return { ...item, error, policy: { ...item.policy, giveUpOn: ["platform"] } };
}

/** An attempt that is out. */
export interface HeldAttempt {
  readonly id: RequestId;
  readonly attempt: number;
  readonly functionId: FunctionId;
  /** Somebody wants it cancelled: it is to come to its end. */
  readonly isStopping: boolean;
}

/** What a holder holds. */
export function* heldBy(tx: Tx, args: { readonly holder: string }): TxStep<readonly HeldAttempt[]> {
  const rows = yield* tx.all<{
    id: string;
    attempt: number;
    function_id: string;
    cancelled: number;
  }>(
    `SELECT id, attempt, function_id, cancelled FROM ledger_queue WHERE phase = 1 AND holder = ?
     ORDER BY seq`,
    [args.holder],
  );
  return rows.map(({ id, attempt, function_id, cancelled }) => ({
    ...{ id: id as RequestId, attempt, functionId: function_id as FunctionId },
    isStopping: cancelled === 1,
  }));
}

/** What is held and is to come to its end, whoever holds it. */
export function* listStopping(
  tx: Tx,
  _args: null,
): TxStep<
  readonly { readonly id: RequestId; readonly attempt: number; readonly holder: string }[]
> {
  const rows = yield* tx.all<{ id: string; attempt: number; holder: string }>(
    "SELECT id, attempt, holder FROM ledger_queue WHERE cancelled = 1 AND phase = 1 ORDER BY seq",
  );
  return rows.map(({ id, attempt, holder }) => ({ id: id as RequestId, attempt, holder }));
}
