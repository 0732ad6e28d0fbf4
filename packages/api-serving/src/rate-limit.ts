/** One rate for many names, each with a bucket of its own, in bounded memory. */
import { RateTable, type Clock, type TokenRate } from "@skerry/base";

export interface RateOptions {
  readonly perSecond: number;
  readonly burst: number;
  /** Names that are remembered; more of them share buckets (`RateTable`). */
  readonly namesMax: number;
}

export class RateLimit {
  readonly #clock: Clock;
  readonly #rate: TokenRate;
  readonly #table: RateTable;

  constructor(clock: Clock, { perSecond, burst, namesMax }: RateOptions) {
    this.#clock = clock;
    this.#rate = { ratePerSecond: perSecond, burst };
    this.#table = new RateTable(namesMax);
  }

  /** Takes one token. 0 when there was one, else the milliseconds until there is. */
  take(name: string): number {
    return this.#table.spend(name, this.#rate, this.#clock.monotonicMs()) ?? 0;
  }
}
