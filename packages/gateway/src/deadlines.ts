import type { Clock } from "@skerry/base";

/**
 * Deadlines that all lie equally far ahead: the order of arrival is the order of expiry, so one timer serves them all
 * and adding costs no timer of its own.
 */
export class DeadlineQueue<T extends object> {
  readonly durationMs: number;
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #dueMs = new Map<T, number>();
  #isArmed = false;

  constructor(clock: Clock, durationMs: number, onDue: (item: T) => void) {
    this.#clock = clock;
    this.durationMs = durationMs;
    this.#onDue = onDue;
  }

  add(item: T, nowMs: number): void {
    this.#dueMs.set(item, nowMs + this.durationMs);
    if (!this.#isArmed) this.#arm(this.durationMs);
  }

  delete(item: T): void {
    this.#dueMs.delete(item);
  }

  #arm(delayMs: number): void {
    this.#isArmed = true;
    this.#clock.schedule(delayMs, this.#expire, { background: true });
  }

  readonly #expire = (): void => {
    this.#isArmed = false;
    const nowMs = this.#clock.monotonicMs();
    for (const [item, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) {
        this.#arm(dueMs - nowMs);
        return;
      }
      this.#dueMs.delete(item);
      this.#onDue(item);
    }
  };
}
