import { delay, PlatformError } from "@skerry/base";
import type { TerminalHost } from "./host.ts";

const AWAY_MS_MAX = 60_000;
const PAUSE_MS = 250;

/**
 * Repeats a read while the platform is being restarted, for a minute at most; other errors pass.
 */
export async function patiently<T>(
  { clock, signal }: Pick<TerminalHost, "clock" | "signal">,
  read: () => Promise<T>,
): Promise<T> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const isAway = PlatformError.is(error) && error.code === "UNAVAILABLE";
      if (!isAway || clock.monotonicMs() - startedMs > AWAY_MS_MAX) throw error;
      await delay(clock, PAUSE_MS, signal);
    }
  }
}
