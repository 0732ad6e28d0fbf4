/**
 * A breaker, of a function or of what a route leads to: after many attempts in a row have failed it
 * is left alone for a while, then tried by one attempt alone, and runs again when that one has not
 * failed. Pure but for its state, which is changed in place (ADR 0010). It is of one run of one
 * process: a new one begins closed.
 */
import type { AttemptOutcome, BreakerPolicy } from "@skerry/contracts";

export interface Breaker {
  /** Failures in a row, and when the last of them came. */
  row: number;
  lastMs: number;
  /** Undefined while it is closed. */
  open: Open | undefined;
}

interface Open {
  /** The attempt that tries it is not made before. */
  untilMs: number;
  pauseMs: number;
  /** That attempt is claimed or out. */
  isTrying: boolean;
}

/** What an end says of its function; undefined for nothing. */
export type Sign = "well" | "failed" | undefined;

export interface BreakerEnd {
  readonly sign: Sign;
  /** It was made to try an open one. */
  readonly isTrial: boolean;
}

export interface Verdict {
  /** False: it says nothing about the invocation, which is tried again. */
  readonly isCounted: boolean;
  readonly turn: "opened" | "closed" | "stayed";
}

const FAILURES: ReadonlySet<AttemptOutcome> = new Set([
  "function_error",
  "bad_response",
  "init_failed",
  "timeout",
  "out_of_memory",
  "crashed",
]);

export function createBreaker(): Breaker {
  return { row: 0, lastMs: -Infinity, open: undefined };
}

/**
 * What is throttled or cancelled says nothing of the function, nor what the platform could not
 * make: it went down with its gateway or its agent, or no machine was there for it.
 */
export function signOf(outcome: AttemptOutcome): Sign {
  if (FAILURES.has(outcome)) return "failed";
  return outcome === "ok" ? "well" : undefined;
}

/** Takes an end in. */
export function judgeEnd(
  breaker: Breaker,
  { sign, isTrial }: BreakerEnd,
  { policy, nowMs }: { readonly policy: BreakerPolicy; readonly nowMs: number },
): Verdict {
  if (breaker.open !== undefined)
    return judgeOpen(breaker, breaker.open, { sign, isTrial, nowMs, policy });
  if (sign === "well") breaker.row = 0;
  if (sign !== "failed") return { isCounted: true, turn: "stayed" };
  // Also when the clock was set: a row is begun anew rather than believed.
  const isNew = Math.abs(nowMs - breaker.lastMs) > policy.windowMs;
  breaker.row = isNew ? 1 : breaker.row + 1;
  breaker.lastMs = nowMs;
  if (breaker.row < policy.failures) return { isCounted: true, turn: "stayed" };
  const { pauseMs } = policy;
  breaker.open = { untilMs: nowMs + pauseMs, pauseMs, isTrying: false };
  return { isCounted: true, turn: "opened" };
}

function judgeOpen(
  breaker: Breaker,
  open: Open,
  end: BreakerEnd & { readonly policy: BreakerPolicy; readonly nowMs: number },
): Verdict {
  const { sign, isTrial, policy, nowMs } = end;
  if (!isTrial) return { isCounted: false, turn: "stayed" };
  if (sign === "well") {
    Object.assign(breaker, createBreaker());
    return { isCounted: true, turn: "closed" };
  }
  // One that was throttled or lost has tried nothing: it is not waited longer for that.
  const longest = Math.max(policy.pauseMs, policy.pauseMsMax);
  if (sign === "failed") open.pauseMs = Math.min(longest, 2 * open.pauseMs);
  open.untilMs = nowMs + open.pauseMs;
  open.isTrying = false;
  return { isCounted: false, turn: "stayed" };
}

/** Nothing is claimed before; infinite while the attempt that tries it is out. */
export function heldUntilMs({ open }: Breaker, nowMs: number): number {
  if (open === undefined) return -Infinity;
  if (open.isTrying) return Infinity;
  // A clock that was set back holds it no longer than it is to be held.
  open.untilMs = Math.min(open.untilMs, nowMs + open.pauseMs);
  return open.untilMs;
}

/** It is the same as a new one from then on. */
export function forgottenAtMs({ open, row, lastMs }: Breaker, windowMs: number): number {
  if (open !== undefined) return open.untilMs + windowMs;
  return row === 0 ? -Infinity : lastMs + windowMs;
}
