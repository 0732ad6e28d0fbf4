import type { Random } from "./random.ts";

export interface BackoffOptions {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
}

/**
 * Exponential backoff with full jitter: attempt 0 waits in [min/2, min], doubling up to
 * `delayMsMax`.
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: Random): number {
  const ceiling = Math.min(options.delayMsMax, options.delayMsMin * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + (random.float() * ceiling) / 2;
}
