/**
 * The machine's own clock, over whose time a test may leap. A limit that is far longer than
 * anything takes on a busy machine then holds nobody up: the test brings about what the limit is
 * for, leaps over it, and what the limit is not for never comes near it.
 */
import { systemClock, type Cancel, type Clock } from "@skerry/base";

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
  readonly options: { readonly background?: boolean };
  cancel: Cancel;
}

export class LeapClock implements Clock {
  readonly #clock = systemClock();
  readonly #timers = new Set<Timer>();
  #leaptMs = 0;
  #setMs = 0;

  monotonicMs(): number {
    return this.#clock.monotonicMs() + this.#leaptMs;
  }

  wallMs(): number {
    return this.#clock.wallMs() + this.#leaptMs + this.#setMs;
  }

  schedule(
    delayMs: number,
    run: () => void,
    options: { readonly background?: boolean } = {},
  ): Cancel {
    const dueMs = this.monotonicMs() + delayMs;
    const timer: Timer = { dueMs, run, options, cancel: () => undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      this.#timers.delete(timer);
      timer.cancel();
    };
  }

  /** It is later by so much at once; what falls due runs soon, once each, in order. */
  leap(byMs: number): void {
    this.#leaptMs += byMs;
    for (const timer of [...this.#timers].toSorted((a, b) => a.dueMs - b.dueMs)) {
      timer.cancel();
      this.#arm(timer);
    }
  }

  /** The wall clock is set by so much, as somebody's hand or NTP does: durations do not notice. */
  jumpWall(byMs: number): void {
    this.#setMs += byMs;
  }

  #arm(timer: Timer): void {
    const run = (): void => {
      this.#timers.delete(timer);
      timer.run();
    };
    const delayMs = Math.max(0, timer.dueMs - this.monotonicMs());
    timer.cancel = this.#clock.schedule(delayMs, run, timer.options);
  }
}
