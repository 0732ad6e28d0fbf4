/** Transactions that end invocations, each with what is told of its ends on the bus. */
import { tellEnds } from "@skerry/event-sources/store-module";
import {
  claim as claimAlone,
  endWaiting as endWaitingAlone,
  release as releaseAlone,
  settle as settleAlone,
  type ClaimArgs,
  type Claimed,
  type Settled,
} from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";

type ArgsOf<P extends (tx: Tx, args: never) => unknown> = Parameters<P>[1];

export function* settle(tx: Tx, args: ArgsOf<typeof settleAlone>): TxStep<readonly Settled[]> {
  const answers = yield* settleAlone(tx, args);
  if (answers.some(isBad)) yield* tellEnds(tx, args);
  return answers;
}

export function* release(tx: Tx, args: ArgsOf<typeof releaseAlone>): TxStep<readonly Settled[]> {
  const answers = yield* releaseAlone(tx, args);
  if (answers.some(isBad)) yield* tellEnds(tx, args);
  return answers;
}

export function* claim(tx: Tx, args: ClaimArgs): TxStep<Claimed> {
  const claimed = yield* claimAlone(tx, args);
  if (claimed.expired.length > 0) yield* tellEnds(tx, args);
  return claimed;
}

export function* endWaiting(tx: Tx, args: ArgsOf<typeof endWaitingAlone>): TxStep<number> {
  const ended = yield* endWaitingAlone(tx, args);
  if (ended > 0) yield* tellEnds(tx, args);
  return ended;
}

function isBad(settled: Settled): boolean {
  return settled.kind === "settled" && (settled.end === "failed" || settled.end === "expired");
}
