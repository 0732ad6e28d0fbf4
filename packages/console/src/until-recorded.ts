/** Waiting for what the platform writes down a moment later, or much later when it is busy. */
import { delay, type Clock } from "@skerry/base";

const LOOK_MS_MIN = 250;
const LOOK_MS_MAX = 4_000;

/**
 * Looks, at pauses that grow from a quarter of a second to four, until `look` resolves, and
 * resolves with that. It never gives up by itself: rejects once the signal has aborted.
 */
export async function untilRecorded<T>(
  look: () => Promise<T>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<T> {
  for (let pauseMs = LOOK_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, LOOK_MS_MAX)) {
    try {
      return await look();
    } catch {
      await delay(clock, pauseMs, signal);
    }
  }
}
