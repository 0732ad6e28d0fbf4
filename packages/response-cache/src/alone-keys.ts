/** Keys whose answers were not for several of late: each request for them asks for itself. */
import type { Clock } from "@skerry/base";

export const ALONE_MS = 10_000;
const KEYS_MAX = 10_000;

export class AloneKeys {
  readonly #untilMs = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(key: string): boolean {
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.monotonicMs()) return true;
    this.#untilMs.delete(key);
    return false;
  }

  /** The oldest goes for one too many. */
  add(key: string): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, this.#clock.monotonicMs() + ALONE_MS);
    if (this.#untilMs.size <= KEYS_MAX) return;
    for (const oldest of this.#untilMs.keys()) return void this.#untilMs.delete(oldest);
  }

  delete(key: string): void {
    this.#untilMs.delete(key);
  }
}
