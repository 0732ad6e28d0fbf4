/**
 * Rates of many callers in bounded memory: a token bucket for each key that is not full. What is
 * full again is forgotten without anybody noticing, by a hand that goes round as keys come. While
 * all room is taken by keys that are held back, new ones share buckets: each still gets no more
 * than its rate, and only callers that come in such a flood meet one another.
 * Invariants, which rate-table.test.ts checks: over any time no key is given more than its rate and
 * burst allow, but for one burst more when it leaves a shared bucket; what is refused uses up
 * nothing; never more than `keysMax` buckets and the shared ones.
 */
import { hashKey } from "./spread-hash.ts";
import {
  createBucket,
  ONE_TOKEN,
  refillBucket,
  spendToken,
  tokenWaitMs,
  type TokenBucket,
  type TokenRate,
} from "./token-bucket.ts";

const RATE_KEYS_MAX = 100_000;
const SHARED = 1_024;
/** How many the hand looks at for each key that finds no room. */
const LOOKED_AT = 16;

interface Kept extends TokenBucket {
  /** It is full from then on, if nobody spends of it. */
  fullAtMs: number;
}

/** The lowest rate and burst of all keys that meet in it. */
interface Shared extends Kept {
  rate: TokenRate;
}

export class RateTable {
  readonly #kept = new Map<string, Kept>();
  readonly #shared: Shared[] = [];
  readonly #keysMax: number;
  #hand: Iterator<[string, Kept]> | undefined;

  constructor(keysMax = RATE_KEYS_MAX) {
    this.#keysMax = keysMax;
  }

  /** Keys with a bucket of their own. */
  get size(): number {
    return this.#kept.size;
  }

  /**
   * Spends one token of the key's bucket at `now`, monotonic milliseconds. Undefined when there was
   * one, else after how many milliseconds one will be there. A key always comes with its own rate.
   */
  spend(key: string, rate: TokenRate, now: number): number | undefined {
    const own = this.#kept.get(key) ?? this.#keep(key, now);
    if (own !== undefined) return spendOf(own, rate, now);
    const shared = this.#sharedBy(key, rate, now);
    return spendOf(shared, shared.rate, now);
  }

  /** A bucket for a key that has none; undefined when there is no room for it. */
  #keep(key: string, now: number): Kept | undefined {
    if (this.#kept.size >= this.#keysMax) this.#makeRoom(now);
    if (this.#kept.size >= this.#keysMax) return undefined;
    const fresh = { ...createBucket(), fullAtMs: now };
    this.#kept.set(key, fresh);
    return fresh;
  }

  #sharedBy(key: string, rate: TokenRate, now: number): Shared {
    const shared = (this.#shared[hashKey(key) % SHARED] ??= {
      ...createBucket(),
      fullAtMs: now,
      rate,
    });
    if (shared.fullAtMs <= now) shared.tokens = undefined;
    const { ratePerSecond, burst } = shared.tokens === undefined ? rate : shared.rate;
    shared.rate = {
      ratePerSecond: Math.min(ratePerSecond, rate.ratePerSecond),
      burst: Math.min(burst, rate.burst),
    };
    return shared;
  }

  #makeRoom(now: number): void {
    for (let looked = 0; looked < LOOKED_AT; looked += 1) {
      this.#hand ??= this.#kept.entries();
      const next = this.#hand.next();
      if (next.done === true) this.#hand = undefined;
      else if (next.value[1].fullAtMs <= now) this.#kept.delete(next.value[0]);
    }
  }
}

function spendOf(bucket: Kept, rate: TokenRate, now: number): number | undefined {
  const tokens = refillBucket(bucket, rate, now);
  const isThere = tokens >= ONE_TOKEN;
  if (isThere) spendToken(bucket);
  const missing = rate.burst - tokens + (isThere ? 1 : 0);
  bucket.fullAtMs = now + (missing / rate.ratePerSecond) * 1_000;
  return isThere ? undefined : tokenWaitMs(1 - tokens, rate);
}
