/** The one place where open invocations come to their ends, as many as end in one transaction. */
import { assert, type FunctionId, type RequestId, type WireError } from "@skerry/base";
import type { LedgerEnd } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { tellAll, type NumberedTime, type ResolvedDestination } from "./destinations.ts";
import { allOver, overRows, overValues, runOver } from "./sets.ts";
import { addOpen, plusSums, type SumChanges } from "./sums.ts";

/** An open invocation, as its queue row names it, and how it ends. */
export interface Ending {
  readonly seq: number;
  readonly id: RequestId;
  readonly functionId: FunctionId;
  readonly orderingKey: string | null;
  readonly end: LedgerEnd;
  /** One that is absent leaves the last attempt's. */
  readonly error?: WireError | undefined;
  readonly status?: number | undefined;
  readonly resultType?: string | undefined;
  readonly result?: Uint8Array | undefined;
  readonly resultCut?: boolean | undefined;
  /** Who is told; nobody when absent. */
  readonly to?: ResolvedDestination | undefined;
}

/** What came of an end. */
export interface Ended {
  /** The next of its ordering key became ready. */
  readonly woke: boolean;
  /** Of this function an invocation was accepted, as its destination. */
  readonly told?: FunctionId | undefined;
  /** This address is to be called, as its destination. */
  readonly webhook?: string | undefined;
}

export interface AllEnded {
  /** One each, in order. */
  readonly ended: readonly Ended[];
  /** What is to be added to the books, by whoever ended them. */
  readonly sums: SumChanges;
}

const END = overRows(
  ["@integer", "@text", "@text", "@integer", "@text", "@bytes", "@integer"],
  (
    rows,
  ) => `WITH given (seq, state, error, status, result_type, result, result_cut) AS (VALUES ${rows})
    UPDATE ledger_invocations SET state = given.state, settled_ms = ?,
      error = COALESCE(given.error, ledger_invocations.error), status = given.status,
      result_type = given.result_type, result = given.result, result_cut = given.result_cut
    FROM given WHERE ledger_invocations.seq = given.seq`,
);
const LEAVE = overValues((seqs) => `DELETE FROM ledger_queue WHERE seq IN (${seqs})`);

/** Each is there once. */
export function* endAll(
  tx: Tx,
  { endings, nowMs, toldSeq }: NumberedTime & { readonly endings: readonly Ending[] },
): TxStep<AllEnded> {
  if (endings.length === 0) return { ended: [], sums: {} };
  yield* runOver(tx, END, { rows: endings.map(endValues), after: [nowMs] });
  const left = yield* runOver(tx, LEAVE, { rows: endings.map(({ seq }) => [seq]) });
  assert(left === endings.length, "what ends is open, and ends once");
  const woken = yield* wakeNext(tx, endings);
  const tellings = endings.flatMap(({ id, to }) => (to === undefined ? [] : [{ id, to }]));
  const telling = yield* tellAll(tx, { tellings, nowMs, toldSeq });
  const ended = endings.map((ending) => {
    const woke = ending.orderingKey !== null && woken.has(nameOf(ending));
    return { woke, ...telling.told.get(ending.id) };
  });
  return { ended, sums: plusSums(sumsOf(endings), telling.sums) };
}

function endValues(ending: Ending) {
  const { seq, end, error, status, resultType, result, resultCut } = ending;
  return [
    ...[seq, end, error === undefined ? null : JSON.stringify(error), status ?? null],
    ...[resultType ?? null, result ?? null, resultCut === true ? 1 : 0],
  ];
}

function sumsOf(endings: readonly Ending[]): SumChanges {
  const sums: { [end in LedgerEnd]?: number } = {};
  const open = new Map<FunctionId, number>();
  for (const { end, functionId } of endings) {
    sums[end] = (sums[end] ?? 0) + 1;
    addOpen(open, functionId, -1);
  }
  return { ...sums, open };
}

const WAKE = overRows(
  ["@text", "@text"],
  (rows) => `WITH given (function_id, ordering_key) AS (VALUES ${rows})
    UPDATE ledger_queue SET phase = 0 WHERE phase = 2 AND seq IN
      (SELECT (SELECT next.seq FROM ledger_queue AS next
         WHERE next.function_id = given.function_id AND next.ordering_key = given.ordering_key
         ORDER BY next.seq LIMIT 1)
       FROM given)
    RETURNING function_id, ordering_key`,
);

/** Names of the ordering keys whose next is ready now. */
function* wakeNext(tx: Tx, endings: readonly Ending[]): TxStep<ReadonlySet<string>> {
  const rows = endings.flatMap(({ functionId, orderingKey }) =>
    orderingKey === null ? [] : [[functionId, orderingKey]],
  );
  const woken = yield* allOver<{ function_id: string; ordering_key: string }>(tx, WAKE, { rows });
  return new Set(
    woken.map(({ function_id: functionId, ordering_key: orderingKey }) =>
      nameOf({ functionId, orderingKey }),
    ),
  );
}

function nameOf(key: { readonly functionId: string; readonly orderingKey: string | null }): string {
  return `${key.functionId} ${key.orderingKey}`;
}
