/**
 * A step of a redrive of dead letters as one transaction: it moves on from where it was seen, and
 * what it takes is out under the ids of its invocations, or neither is.
 */
import type { RedriveId, RequestId, TopicGroupId } from "@skerry/base";
import {
  beginStep,
  countedLetters,
  endStep,
  lettersAtOnce,
  tookLetters,
  type RedriveRecord,
} from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { countLetters, takeLetters, type Redrive } from "@skerry/triggers";

export interface LetterStepArgs extends Pick<RedriveRecord, "version" | "redrive"> {
  readonly id: RedriveId;
  readonly groupId: TopicGroupId;
  readonly to: string | null;
  /** For what it takes, at most. */
  readonly ids: readonly RequestId[];
  readonly seen: number;
  readonly nowMs: number;
}

export type LetterStep =
  /** It is not as it was seen any more; nothing was written. */
  | { readonly kind: "overtaken" }
  /** There are letters, and none of them may be taken now. */
  | { readonly kind: "held" }
  | { readonly kind: "stepped"; readonly taken: readonly Redrive[] };

export function* stepLetters(tx: Tx, args: LetterStepArgs): TxStep<LetterStep> {
  const { id: redriveId, groupId, to, redrive, seen, nowMs } = args;
  const begun = yield* beginStep(tx, args);
  if (begun === undefined) return { kind: "overtaken" };
  const { selection } = begun;
  const of = { groupId, fromMs: redrive.fromSeq, toMs: redrive.toSeq };
  if (redrive.phase === "counting") {
    const found = yield* countLetters(tx, { ...of, limit: selection.limit });
    yield* endStep(tx, begun, { next: countedLetters(redrive, selection, found), nowMs });
    return { kind: "stepped", taken: [] };
  }
  const ids = args.ids.slice(0, lettersAtOnce(redrive, selection));
  const { taken, isMore } = yield* takeLetters(tx, { ...of, redriveId, to, ids, seen });
  const found = { taken: taken.length, isMore, nowMs };
  yield* endStep(tx, begun, { next: tookLetters(redrive, selection, found), nowMs });
  return isMore && taken.length === 0 ? { kind: "held" } : { kind: "stepped", taken };
}
