/**
 * Token buckets by name, for a bounded number of names; the one unused for longest makes room for a
 * new one.
 */
import type { Clock } from "@skerry/base";

export interface RateOptions {
  readonly perSecond: number;
  readonly burst: number;
  readonly namesMax: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class RateLimit {
  readonly #clock: Clock;
  readonly #options: RateOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, options: RateOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Takes one token. 0 when there was one, else the milliseconds until there is. */
  take(name: string): number {
    const bucket = this.#refilled(name);
    if (bucket.tokens < 1) return this.#waitMs(bucket);
    bucket.tokens -= 1;
    return 0;
  }

  #waitMs(bucket: Bucket): number {
    return Math.ceil(((1 - bucket.tokens) * 1_000) / this.#options.perSecond);
  }

  /** Moves the bucket to the end of the map, which is thereby ordered by last use. */
  #refilled(name: string): Bucket {
    const { burst, perSecond, namesMax } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(name) ?? { tokens: burst, atMs: nowMs };
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) * perSecond) / 1_000);
    bucket.atMs = nowMs;
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > namesMax) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return bucket;
  }
}
