/**
 * How a redrive of dead letters goes on, purely. Its numbers are the times at which letters died,
 * and counting takes one look, since a group has few. Which letters it has taken is written down
 * with each of them: none of them twice, so that one that dies again does not keep it going.
 */
import {
  ended,
  handledOf,
  newRedrive,
  REDRIVE_STEPS,
  type Redrive,
  type RedriveBounds,
} from "./decide.ts";

/** What counting found, of the newest so many. */
export interface CountedLetters {
  readonly count: number;
  /** When the oldest of them died. */
  readonly fromMs: number;
  /** After the newest. */
  readonly toMs: number;
}

/** One that has just been asked for. */
export function newLetterRedrive({
  fromMs = 0,
  toMs = Number.MAX_SAFE_INTEGER,
}: {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}): Redrive {
  return newRedrive({ fromSeq: Math.min(fromMs, toMs), toSeq: toMs });
}

/** How it stands when they are counted. */
export function countedLetters(
  redrive: Redrive,
  { dryRun }: RedriveBounds,
  { count: matched, fromMs: fromSeq, toMs: toSeq }: CountedLetters,
): Redrive {
  const next = { ...redrive, matched, fromSeq, toSeq, position: fromSeq };
  if (dryRun || matched === 0) return { ...next, state: "done" };
  return { ...next, phase: "accepting" };
}

/** How many its pace and limit let it take in one step. */
export function lettersAtOnce(redrive: Redrive, { limit, ratePerSecond }: RedriveBounds): number {
  const room = limit === null ? REDRIVE_STEPS.batchMax : limit - handledOf(redrive);
  const ahead = ((ratePerSecond ?? Infinity) * REDRIVE_STEPS.aheadMs) / 1_000;
  return Math.min(room, REDRIVE_STEPS.batchMax, 1 + Math.floor(ahead));
}

/** How it stands when so many were taken; it has ended when there are no more. */
export function tookLetters(
  redrive: Redrive,
  { limit, ratePerSecond }: RedriveBounds,
  {
    taken,
    isMore,
    nowMs,
  }: { readonly taken: number; readonly isMore: boolean; readonly nowMs: number },
): Redrive {
  const gapMs = ratePerSecond === null ? 0 : 1_000 / ratePerSecond;
  const nextMs = gapMs === 0 || taken === 0 ? redrive.nextMs : Math.ceil(nowMs + taken * gapMs);
  const next = { ...redrive, redriven: redrive.redriven + taken, nextMs };
  return isMore && (limit === null || handledOf(next) < limit) ? next : ended(next);
}
