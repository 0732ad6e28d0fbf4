/**
 * How many attempts of a function may begin now, by its `ratePerSecond`. A bucket for a tenth of a
 * second, so that what is called by it meets an even flow; it is looked at again when half of that
 * is there, so that a high rate does not mean a claim for each attempt.
 */
export interface Pace {
  tokens: number;
  atMs: number;
}

const BUCKET_SECONDS = 0.1;

/** A full one. */
export function createPace(): Pace {
  return { tokens: Infinity, atMs: 0 };
}

function sizeOf(ratePerSecond: number): number {
  return Math.max(1, ratePerSecond * BUCKET_SECONDS);
}

/** Whole attempts that may begin now. */
export function roomAt(pace: Pace, ratePerSecond: number, nowMs: number): number {
  const gained = (Math.max(0, nowMs - pace.atMs) / 1_000) * ratePerSecond;
  pace.tokens = Math.min(sizeOf(ratePerSecond), pace.tokens + gained);
  pace.atMs = nowMs;
  return Math.floor(pace.tokens + 1e-9);
}

/** When to look again for one that has no room now. */
export function moreAtMs(pace: Pace, ratePerSecond: number): number {
  const wanted = Math.max(1, sizeOf(ratePerSecond) / 2);
  return pace.atMs + Math.ceil((1_000 * Math.max(0, wanted - pace.tokens)) / ratePerSecond);
}

/** From then on it is as full as a new one. */
export function fullAtMs(pace: Pace, ratePerSecond: number): number {
  const missing = sizeOf(ratePerSecond) - pace.tokens;
  return missing <= 0 ? -Infinity : pace.atMs + Math.ceil((1_000 * missing) / ratePerSecond);
}

/** So many begin; a negative number did not. */
export function spend(pace: Pace, count: number): void {
  pace.tokens -= count;
}
