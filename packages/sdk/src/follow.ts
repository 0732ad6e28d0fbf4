/**
 * Following lines for as long as one likes. The platform ends a follow when it is restarted, and
 * connections break; this takes the lines up again behind the last one that arrived, so that none
 * is missed and none comes twice.
 */
import { delay, PlatformError, systemClock, type Clock } from "@skerry/base";

export interface FollowSettings {
  /** Only lines behind this one. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long the platform may be away in one go before its error is thrown. Default one minute. */
  readonly awayMsMax?: number;
  readonly clock?: Clock;
}

export interface Followed<Line> {
  /** Asks for lines behind a cursor; they end when the platform ends the answer. */
  readonly lines: (cursor: string | undefined) => AsyncIterable<Line>;
  /** Asked before the lines: true when there will be no others. Never, when absent. */
  readonly isComplete?: () => Promise<boolean>;
}

const AWAY_MS_MAX = 60_000;
const PAUSE_MS = 250;

/** Ends when what is followed is complete. Throws the signal's reason, or what is answered. */
export async function* follow<Line extends { readonly cursor: string }>(
  { lines, isComplete }: Followed<Line>,
  settings: FollowSettings,
): AsyncGenerator<Line, void, void> {
  const { signal, awayMsMax = AWAY_MS_MAX, clock = systemClock() } = settings;
  let { cursor } = settings;
  let heardMs = clock.monotonicMs();
  for (;;) {
    try {
      const isLast = (await isComplete?.()) ?? false;
      for await (const line of lines(cursor)) {
        yield line;
        cursor = line.cursor;
        heardMs = clock.monotonicMs();
      }
      if (isLast) return;
      heardMs = clock.monotonicMs();
      // Of what can be complete an answer ends because it is, most often: nobody waits to learn it.
      if (isComplete !== undefined) continue;
    } catch (error) {
      const isAway = PlatformError.is(error) && error.code === "UNAVAILABLE";
      if (!isAway || clock.monotonicMs() - heardMs > awayMsMax) throw error;
    }
    await delay(clock, PAUSE_MS, signal);
  }
}
