/**
 * Waiting for a condition with a deadline: tests wait for what they mean, never for time to pass.
 */
import { systemClock } from "@skerry/base";

export interface UntilOptions {
  /** Default 60 s. */
  readonly deadlineMs?: number;
  /** Pause between looks. Default 20 ms. */
  readonly everyMs?: number;
  /** When this is true after a failed look, waiting longer is pointless. */
  readonly giveUp?: () => boolean;
}

/** Far longer than anything takes, on a machine that is several times slower and busy too. */
const DEADLINE_MS = 60_000;
const EVERY_MS = 20;

/**
 * Looks until `look` gives something other than undefined, null or false, and resolves with it.
 * Rejects with `what` and the last error at the deadline; errors of `look` before it count as "not
 * yet".
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const clock = systemClock();
  const { deadlineMs = DEADLINE_MS, everyMs = EVERY_MS } = options;
  const endMs = clock.monotonicMs() + deadlineMs;
  let last: unknown;
  while (clock.monotonicMs() < endMs) {
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) {
        return found as NonNullable<Exclude<T, false>>;
      }
    } catch (error) {
      last = error;
    }
    if (options.giveUp?.() === true) break;
    await new Promise<void>((resolve) => void clock.schedule(everyMs, resolve));
  }
  const why = last instanceof Error ? `; last error: ${last.message}` : "";
  throw new TypeError(`waited in vain for: ${what}${why}`, { cause: last });
}
