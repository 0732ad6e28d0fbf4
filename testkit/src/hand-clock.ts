/** A clock that stands still until the test moves it. */
import type { Cancel, Clock } from "@skerry/base";

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

const WALL_START_MS = Date.UTC(2026, 10, 1);

export class HandClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs = WALL_START_MS;
  #timers: Timer[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  schedule(delayMs: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** How many calls are scheduled. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Milliseconds until the next scheduled call; undefined when there is none. */
  get nextInMs(): number | undefined {
    if (this.#timers.length === 0) return undefined;
    return Math.min(...this.#timers.map(({ atMs }) => atMs)) - this.#nowMs;
  }

  /** Moves time on; what falls due on the way runs in order, at its own time. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const [due] = this.#timers
        .filter(({ atMs }) => atMs <= endMs)
        .toSorted((a, b) => a.atMs - b.atMs);
      if (due === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.#nowMs = due.atMs;
      due.run();
    }
    this.#nowMs = endMs;
  }

  /** The wall clock jumps; durations do not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}
