/** Ends an open invocation because somebody wants it no more. */
import type { FunctionId, RequestId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { endAll } from "./end.ts";
import { addSums } from "./sums.ts";
import { PHASE } from "./tables.ts";

export type Cancelled =
  /** It had not begun, or waited for another attempt: it is over. */
  | {
      readonly kind: "cancelled";
      /** The next of its ordering key is ready. */
      readonly woke?: FunctionId;
    }
  /** It runs: its holder must be asked, and ends it. */
  | { readonly kind: "running"; readonly holder: string; readonly attempt: number }
  /** It had come to its end, or was never there. */
  | { readonly kind: "over" };

interface OpenRow {
  readonly seq: number;
  readonly function_id: string;
  readonly phase: number;
  readonly ordering_key: string | null;
  readonly holder: string | null;
  readonly attempt: number;
}

export function* cancel(
  tx: Tx,
  args: { readonly id: RequestId; readonly nowMs: number; readonly slot: number },
): TxStep<Cancelled> {
  const { id, nowMs, slot } = args;
  const row = yield* tx.get<OpenRow & Record<keyof OpenRow, string | number | null>>(
    `SELECT seq, function_id, phase, ordering_key, holder, attempt FROM ledger_queue
     WHERE seq = (SELECT seq FROM ledger_invocations WHERE id = ?)`,
    [id],
  );
  if (row === undefined) return { kind: "over" };
  if (row.phase === PHASE.held) {
    yield* tx.run("UPDATE ledger_queue SET cancelled = 1 WHERE seq = ?", [row.seq]);
    return { kind: "running", holder: row.holder ?? "", attempt: row.attempt };
  }
  const functionId = row.function_id as FunctionId;
  const named = { seq: row.seq, id, functionId, orderingKey: row.ordering_key };
  const endings = [{ ...named, end: "cancelled" as const }];
  const { ended, sums } = yield* endAll(tx, { endings, nowMs });
  yield* addSums(tx, slot, sums);
  return { kind: "cancelled", ...(ended[0]?.woke === true ? { woke: functionId } : {}) };
}
