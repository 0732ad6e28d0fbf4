/** Numbers that order acceptance: they grow with every one given, and with the time. */
import type { Clock } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

/** Numbers in a millisecond. They fit into 2^53 until the year 2109. */
export const SEQUENCE_PER_MS = 2_048;

/** Gives the first of as many numbers as are wanted, one if nothing is said. */
export type Sequence = (count?: number) => number;

/** Gives numbers of one process; several on one database differ by chance and are tried again. */
export function createSequence(clock: Pick<Clock, "wallMs">): Sequence {
  let next = 1;
  return (count = 1) => {
    const first = Math.max(next, Math.floor(clock.wallMs() * SEQUENCE_PER_MS));
    next = first + count;
    return first;
  };
}

/** By the number that was given last, when that was, wall milliseconds; 0 when none was. */
export function* lastAcceptedMs(tx: Tx, _args: null): TxStep<number> {
  const last = yield* tx.get<{ seq: number | null }>(
    "SELECT MAX(seq) AS seq FROM ledger_invocations",
  );
  return Math.floor((last?.seq ?? 0) / SEQUENCE_PER_MS);
}
