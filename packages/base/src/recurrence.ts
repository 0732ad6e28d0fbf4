/** Background work that is done again and again, with a pause after each time. */
import type { Cancel, Clock } from "./clock.ts";

export class Recurrence {
  readonly #clock: Clock;
  readonly #pauseMs: number;
  readonly #work: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #cancel: Cancel | undefined;
  #isClosed = false;

  /** `work` must not reject: what failed is tried again after the next pause. */
  constructor(clock: Clock, pauseMs: number, work: () => Promise<void>) {
    this.#clock = clock;
    this.#pauseMs = pauseMs;
    this.#work = work;
  }

  /** For work in many steps, which ends early then. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Begins with a pause, and goes on until it is closed. */
  start(): void {
    if (this.#isClosed) return;
    const run = (): void => {
      this.#running = this.#work().finally(() => this.start());
    };
    this.#cancel = this.#clock.schedule(this.#pauseMs, run, { background: true });
  }

  /** Resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#running;
  }
}
