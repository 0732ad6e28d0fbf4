/** Ends what waits for a function that is not there any more. */
import type { FunctionId, RequestId, WireError } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { endAll } from "./end.ts";
import { addSums } from "./sums.ts";

/**
 * Ends what is ready, of an ordering key the first and then what that makes ready, as failed with
 * `error`; how many, fewer than `rowsMax` when none is left. What is held ends with its attempt.
 * Nobody is told: destinations went with the function's configuration.
 */
export function* endWaiting(
  tx: Tx,
  args: {
    readonly functionId: FunctionId;
    readonly error: WireError;
    readonly nowMs: number;
    readonly rowsMax: number;
    readonly slot: number;
  },
): TxStep<number> {
  const { functionId, error, nowMs, rowsMax, slot } = args;
  let ended = 0;
  for (;;) {
    const rows = yield* tx.all<{ seq: number; id: string; ordering_key: string | null }>(
      `SELECT seq, id, ordering_key FROM ledger_queue WHERE phase = 0 AND function_id = ?
       ORDER BY due_ms, seq LIMIT ?`,
      [functionId, rowsMax - ended],
    );
    const endings = rows.map(({ seq, id, ordering_key: orderingKey }) => ({
      ...{ seq, id: id as RequestId, functionId, orderingKey, end: "failed" as const, error },
    }));
    yield* endAll(tx, { endings, nowMs });
    ended += rows.length;
    if (rows.length === 0 || ended >= rowsMax) break;
  }
  yield* addSums(tx, slot, { failed: ended, open: new Map([[functionId, -ended]]) });
  return ended;
}
