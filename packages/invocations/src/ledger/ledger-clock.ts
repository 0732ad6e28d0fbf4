/**
 * The time by which the ledger decides what is due: the wall's, but it does not go back. What was
 * accepted to run at once must not wait because the machine's clock was set back afterwards. After
 * such a step the ledger's time goes on at half the speed until the wall has caught up: nothing
 * that was due is held back, and waits last twice as long at most. Times that were asked for by the
 * wall come early by as much as the clock was wrong before, at most.
 *
 * A step of more than `SET_BACK_MS_MAX` is followed: whoever was that wrong must not keep the
 * ledger in the future, where what is accepted now would wait or be too old.
 */
import type { Clock } from "@skerry/base";

export const SET_BACK_MS_MAX = 3_600_000;
const SPEED = 0.5;

export interface LedgerClock extends Clock {
  /** The ledger has had this time already, as of an earlier run. */
  raise(wallMs: number): void;
  /** How far this time is ahead of the wall's: ages of what comes by the wall's begin so late. */
  aheadMs(): number;
}

export function createLedgerClock(clock: Clock): LedgerClock {
  let lastMs = -Infinity;
  let atMs = clock.monotonicMs();
  const nowMs = (): number => {
    const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()];
    const slowMs = lastMs + (monotonicMs - atMs) * SPEED;
    const isAhead = slowMs > wallMs && slowMs - wallMs <= SET_BACK_MS_MAX;
    lastMs = isAhead ? slowMs : wallMs;
    atMs = monotonicMs;
    return Math.floor(lastMs);
  };
  return {
    wallMs: nowMs,
    monotonicMs: () => clock.monotonicMs(),
    schedule: (delayMs, run, options) => clock.schedule(delayMs, run, options),
    aheadMs: () => Math.max(0, nowMs() - clock.wallMs()),
    raise: (wallMs) => {
      lastMs = Math.max(nowMs(), wallMs);
    },
  };
}
