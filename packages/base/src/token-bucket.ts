/**
 * The token bucket that every rate of the platform is held by: `ratePerSecond` for ever, `burst`
 * after a pause. Kept in place by who holds it, so that a decision allocates nothing.
 */

export interface TokenRate {
  readonly ratePerSecond: number;
  readonly burst: number;
}

export interface TokenBucket {
  /** Undefined is full. */
  tokens: number | undefined;
  atMs: number;
}

/** One token, as far as sums of fractions are exact. */
export const ONE_TOKEN = 1 - 1e-9;
const WAIT_MS_MAX = 60_000;

export function createBucket(): TokenBucket {
  return { tokens: undefined, atMs: 0 };
}

/** Tokens in the bucket at `now`, monotonic milliseconds; one may be spent from `ONE_TOKEN` on. */
export function refillBucket(bucket: TokenBucket, rate: TokenRate, now: number): number {
  const { ratePerSecond, burst } = rate;
  const gained = ((now - bucket.atMs) / 1_000) * ratePerSecond;
  const tokens = Math.min(burst, (bucket.tokens ?? burst) + gained);
  bucket.tokens = tokens;
  bucket.atMs = now;
  return tokens;
}

/** After `refillBucket`. */
export function spendToken(bucket: TokenBucket): void {
  if (bucket.tokens !== undefined) bucket.tokens -= 1;
}

/** Milliseconds until so many tokens have come, a minute at most: what refused clients are told. */
export function tokenWaitMs(missing: number, { ratePerSecond }: TokenRate): number {
  const seconds = missing / ratePerSecond;
  return Math.min(WAIT_MS_MAX, Math.max(1, Math.ceil(seconds * 1_000 - 1e-6)));
}

/** What one of several holds of a rate: an even part of it, and one token at least (ADR 0035). */
export function partOfRate({ ratePerSecond, burst }: TokenRate, parts: number): TokenRate {
  return { ratePerSecond: ratePerSecond / parts, burst: partOfCount(burst, parts) };
}

/** What one of several holds of a number of things at once: an even part, at least one. */
export function partOfCount(count: number, parts: number): number {
  return Math.max(1, Math.floor(count / parts));
}
