/**
 * What the log says of connections that were dropped because too many are open. Anybody can cause
 * them as fast as connections are made, so the first is said at once and those after it by number,
 * once in a while.
 */
import type { Clock, Log } from "@skerry/base";

const WHILE_MS = 10_000;

/** Call it for each connection that was dropped. */
export function createDropLog({
  clock,
  log,
}: {
  readonly clock: Clock;
  readonly log: Log;
}): () => void {
  let sinceMs = -Infinity;
  let unsaid = 0;
  const sum = (): void => {
    if (unsaid === 0) return;
    log.warn("further connections dropped: too many are open", {
      dropped: unsaid,
      withinMs: WHILE_MS,
    });
    unsaid = 0;
  };
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - sinceMs >= WHILE_MS) {
      sinceMs = nowMs;
      log.warn("connection dropped: too many are open");
      clock.schedule(WHILE_MS, sum, { background: true });
    } else unsaid += 1;
  };
}
