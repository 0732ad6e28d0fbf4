/**
 * Wakes those who wait for something to change. Whoever is woken reads the store again: a wake-up
 * carries no state.
 */
import type { AbortSignalLike } from "@skerry/base";

export class Changes {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #onAny: () => void;

  /** `onAny` is told of each announcement. */
  constructor(onAny: () => void = () => undefined) {
    this.#onAny = onAny;
  }

  /** The subject changed. */
  announce(subject: string): void {
    this.#onAny();
    const waiting = this.#waiting.get(subject);
    this.#waiting.delete(subject);
    for (const wake of waiting ?? []) wake();
  }

  /** Something changed that may concern everybody. */
  announceAll(): void {
    this.#onAny();
    for (const subject of [...this.#waiting.keys()]) this.announce(subject);
  }

  /**
   * Begins to wait; take it before reading what may change. `woken` resolves at the next
   * announcement, or when the signal aborts; it never rejects.
   */
  watch(subject: string, signal: AbortSignalLike): { readonly woken: Promise<void>; stop(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(subject) ?? new Set();
    this.#waiting.set(subject, waiting.add(resolve));
    signal.addEventListener("abort", resolve, { once: true });
    if (signal.aborted) resolve();
    const stop = (): void => {
      signal.removeEventListener("abort", resolve);
      waiting.delete(resolve);
      if (waiting.size === 0 && this.#waiting.get(subject) === waiting)
        this.#waiting.delete(subject);
    };
    return { woken: promise, stop };
  }
}
