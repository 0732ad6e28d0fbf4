import type { Clock } from "@skerry/base";

/** What can be put into a queue of deadlines; the fields belong to the queue it is in. */
export interface Due {
  dueMs: number;
  dueIn: DueQueue | undefined;
  dueBefore: Due | undefined;
  dueAfter: Due | undefined;
}

/** The queue that an item is in, as the item sees it. */
export interface DueQueue {
  delete(item: Due): void;
}

/**
 * Deadlines that all lie equally far ahead: the order of arrival is the order of expiry, so one
 * timer serves them all and adding costs no timer of its own. A list through the items themselves,
 * because a `Map` with this many deletions keeps what it once held alive (see link's
 * `stream-table.ts`).
 */
export class DeadlineQueue<T extends Due> implements DueQueue {
  readonly durationMs: number;
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  #first: Due | undefined;
  #last: Due | undefined;
  #isArmed = false;

  constructor(clock: Clock, durationMs: number, onDue: (item: T) => void) {
    this.#clock = clock;
    this.durationMs = durationMs;
    this.#onDue = onDue;
  }

  /** The item must not be in any queue. */
  add(item: T, nowMs: number): void {
    item.dueMs = nowMs + this.durationMs;
    item.dueIn = this;
    item.dueBefore = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.dueAfter = item;
    this.#last = item;
    if (!this.#isArmed) this.#arm(this.durationMs);
  }

  /** Does nothing for an item that is not in this queue. */
  delete(item: Due): void {
    if (item.dueIn !== this) return;
    const { dueBefore, dueAfter } = item;
    if (dueBefore === undefined) this.#first = dueAfter;
    else dueBefore.dueAfter = dueAfter;
    if (dueAfter === undefined) this.#last = dueBefore;
    else dueAfter.dueBefore = dueBefore;
    item.dueIn = undefined;
    item.dueBefore = undefined;
    item.dueAfter = undefined;
  }

  #arm(delayMs: number): void {
    this.#isArmed = true;
    this.#clock.schedule(delayMs, this.#expire, { background: true });
  }

  readonly #expire = (): void => {
    this.#isArmed = false;
    const nowMs = this.#clock.monotonicMs();
    for (let item = this.#first; item !== undefined; item = this.#first) {
      if (item.dueMs > nowMs) return this.#arm(item.dueMs - nowMs);
      this.delete(item);
      this.#onDue(item as T);
    }
  };
}
