/**
 * Background work that is done when somebody wakes it, one time after another: woken while it is
 * under way, it is done once more. What must be done without being woken is left to its own timer.
 */
import type { Cancel, Clock } from "./clock.ts";

export interface WokenWorkSteps {
  /** Must not reject: what failed is tried again when it is woken next. */
  work(): Promise<void>;
  /** Called each time that there is nothing to do any more, to say when it goes on by itself. */
  rest?(): void;
}

export class WokenWork {
  readonly #clock: Clock;
  readonly #steps: WokenWorkSteps;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #cancel: Cancel | undefined;
  #isAsked = false;
  #isClosed = false;

  constructor(clock: Clock, steps: WokenWorkSteps) {
    this.#clock = clock;
    this.#steps = steps;
  }

  /** For work in many steps, which ends early then. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** There may be something to do. The work may call it too. */
  wake(): void {
    if (this.#isClosed) return;
    this.#isAsked = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#run();
  }

  /** Does so after a while, in place of what was to come; not when it is woken before. */
  after(waitMs: number, then: () => void = () => this.wake()): void {
    this.#cancel?.();
    if (this.#isClosed) return;
    this.#cancel = this.#clock.schedule(waitMs, then, { background: true });
  }

  /** Resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#cancel?.();
    while (this.#isAsked && !this.#isClosed) {
      this.#isAsked = false;
      await this.#steps.work();
    }
    this.#isRunning = false;
    if (!this.#isClosed) this.#steps.rest?.();
  }
}
