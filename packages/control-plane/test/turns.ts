/**
 * Runs several flows so that only one is awake at a time, and which one goes on next is drawn. What
 * a flow awaits in between must go through `during`, so that a turn is known to be over.
 */
import type { Random } from "@skerry/base";

export class Turns {
  readonly #random: Random;
  #asleep: (() => void)[] = [];
  readonly #awaited = new Set<Promise<unknown>>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Waits until it is this flow's turn again. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.#asleep.push(resolve));
  }

  /** Makes the turn last until `work` is over. */
  during<T>(work: Promise<T>): Promise<T> {
    this.#awaited.add(work);
    const over = (): void => void this.#awaited.delete(work);
    work.then(over, over);
    return work;
  }

  /** Wakes one flow and resolves when it sleeps, waits for another one, or has ended. */
  async next(): Promise<boolean> {
    await this.settle();
    const [wake] = this.#asleep.splice(Math.floor(this.#random.float() * this.#asleep.length), 1);
    wake?.();
    await this.settle();
    return wake !== undefined;
  }

  async settle(): Promise<void> {
    for (let calm = 0; calm < 2; calm += 1) {
      if (this.#awaited.size > 0) calm = 0;
      await Promise.allSettled(this.#awaited);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Forgets all flows: none of them ever goes on. */
  async crash(): Promise<void> {
    await this.settle();
    this.#asleep = [];
  }
}
