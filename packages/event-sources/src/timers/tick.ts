/**
 * One transaction of ticks: each timer moves on from where it was seen, and what its ticks make
 * enters the ledger with it, or neither does.
 */
import { accept, type NewInvocation } from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { advanceTimer, type TimerAdvance } from "@skerry/triggers";

export interface TimerTick {
  readonly advance: TimerAdvance;
  readonly invocations: readonly NewInvocation[];
}

/** `overtaken`: the timer is not as it was seen any more; nothing of it was written. */
export type Ticked = "ticked" | "overtaken";

/** One answer each. An invocation whose id is in the ledger already is not entered again. */
export function* tickTimers(
  tx: Tx,
  { items, slot }: { readonly items: readonly TimerTick[]; readonly slot: number },
): TxStep<readonly Ticked[]> {
  const answers: Ticked[] = [];
  const entered: NewInvocation[] = [];
  for (const { advance, invocations } of items) {
    const isFirst = yield* advanceTimer(tx, advance);
    answers.push(isFirst ? "ticked" : "overtaken");
    if (isFirst) entered.push(...invocations);
  }
  yield* accept(tx, { items: entered, slot });
  return answers;
}
