/**
 * Time is injected everywhere, so that simulations and tests run the same engines at their own
 * pace.
 */

/** Stops a scheduled call; calling it twice or after the call ran does nothing. */
export type Cancel = () => void;

export interface Clock {
  /**
   * Milliseconds with fraction from an arbitrary origin; never goes back. For durations and
   * deadlines.
   */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch; may jump. For records shown to people. */
  wallMs(): number;
  /**
   * Calls `run` once, no earlier than after `delayMs`. Does not keep the program alive when
   * `background` is set.
   */
  schedule(delayMs: number, run: () => void, options?: { readonly background?: boolean }): Cancel;
}

interface HostTimers {
  readonly performance: { now(): number };
  setTimeout(run: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** The machine's own clock. Only composition roots and tests name it. */
export function systemClock(): Clock {
  const host = globalThis as unknown as HostTimers;
  return {
    monotonicMs: () => host.performance.now(),
    wallMs: () => Date.now(),
    schedule(delayMs, run, options) {
      const timer = host.setTimeout(run, delayMs) as { unref?: () => void };
      if (options?.background === true) timer.unref?.();
      return () => host.clearTimeout(timer);
    },
  };
}

/** Resolves after `delayMs`, or rejects with the signal's reason when that comes first. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignalLike): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The part of the platform-neutral AbortSignal that base needs; real AbortSignals fit. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
