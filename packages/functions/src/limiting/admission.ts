/**
 * Whether a request may become an invocation: the limits of its function, then the quotas of its
 * account. Pure but for the counters that it keeps in place, as the router does (ADR 0010).
 * Invariants, which simulation.test.ts checks over seeded runs: never more under way than a bound
 * says; over any time never more admitted than rate and burst allow; a refused request has used up
 * nothing; and however greedy others are, a function gets its guaranteed part of a quota, because a
 * fifth of each is kept for functions that have not had theirs.
 *
 * Left out: who shares a bound with whom. A gateway passes its own share of each (ADR 0035).
 */
import {
  createBucket,
  ONE_TOKEN,
  refillBucket,
  spendToken,
  tokenWaitMs,
  type TokenBucket,
} from "@skerry/base";
import type { RateLimit, ThrottleReason } from "@skerry/contracts";

/** Bounds that hold here; undefined where there is none. */
export interface Bounds {
  readonly rate: RateLimit | undefined;
  readonly concurrency: number | undefined;
}

export const UNBOUNDED: Bounds = { rate: undefined, concurrency: undefined };

/** What is counted of an account. */
export interface AccountUse {
  bounds: Bounds;
  readonly bucket: TokenBucket;
  live: number;
  /** Functions with requests under way. */
  busy: number;
  /** The second that is being counted, and functions that asked in it and in the one before. */
  second: number;
  asking: number;
  askedBefore: number;
}

/** What is counted of one function. */
export interface FunctionUse {
  bounds: Bounds;
  readonly bucket: TokenBucket;
  /** Its guaranteed part of the account's rate. */
  readonly part: TokenBucket;
  live: number;
  second: number;
}

export interface Refusal {
  readonly kind: "refused";
  readonly reason: ThrottleReason;
  readonly retryAfterMs: number;
}

export type Admission = { readonly kind: "admitted" } | Refusal;

const ADMITTED: Admission = { kind: "admitted" };
/** When something ends cannot be known; clients that come again after so long do no harm. */
const CONCURRENCY_RETRY_MS = 1_000;
/** What of a quota is kept for functions that have not had their part. */
const RESERVE = 0.2;

export function createAccountUse(): AccountUse {
  return {
    ...{ bounds: UNBOUNDED, bucket: createBucket(), live: 0, busy: 0 },
    ...{ second: 0, asking: 0, askedBefore: 0 },
  };
}

export function createFunctionUse(): FunctionUse {
  return {
    ...{ bounds: UNBOUNDED, bucket: createBucket(), part: createBucket(), live: 0, second: -1 },
  };
}

/**
 * Decides one request at `now`, monotonic milliseconds. An admitted one counts as under way until
 * `endAdmitted`.
 */
export function decideAdmission(fn: FunctionUse, account: AccountUse, now: number): Admission {
  const refusal =
    (fn.bounds === UNBOUNDED ? undefined : refusedByFunction(fn, now)) ??
    (account.bounds === UNBOUNDED ? undefined : refusedByAccount(fn, account, now));
  if (refusal !== undefined) return refusal;
  if (fn.bounds.rate !== undefined) spendToken(fn.bucket);
  if (account.bounds.rate !== undefined) {
    spendToken(account.bucket);
    if ((fn.part.tokens ?? 1) >= ONE_TOKEN) spendToken(fn.part);
  }
  fn.live += 1;
  account.live += 1;
  if (fn.live === 1) account.busy += 1;
  return ADMITTED;
}

/**
 * Why one more would be refused for what is under way, undefined when it would not. Counts nothing:
 * whoever is told that there is room is admitted, or not, when it comes.
 */
export function lookForRoom(fn: FunctionUse, account: AccountUse): Refusal | undefined {
  return refusedByCount(fn) ?? refusedByQuota(fn, account);
}

/** An admitted request is over. */
export function endAdmitted(fn: FunctionUse, account: AccountUse): void {
  fn.live -= 1;
  account.live -= 1;
  if (fn.live === 0) account.busy -= 1;
}

function refusedByCount({ bounds: { concurrency }, live }: FunctionUse): Refusal | undefined {
  return concurrency !== undefined && live >= concurrency ? full("CONCURRENCY_LIMITED") : undefined;
}

function refusedByFunction(fn: FunctionUse, now: number): Refusal | undefined {
  const { rate } = fn.bounds;
  const refusal = refusedByCount(fn);
  if (refusal !== undefined || rate === undefined) return refusal;
  const tokens = refillBucket(fn.bucket, rate, now);
  return tokens >= ONE_TOKEN ? undefined : empty("RATE_LIMITED", tokenWaitMs(1 - tokens, rate));
}

function refusedByQuota(fn: FunctionUse, account: AccountUse): Refusal | undefined {
  const { concurrency } = account.bounds;
  if (concurrency === undefined) return undefined;
  const reserve = Math.floor(concurrency * RESERVE);
  const others = account.busy + (fn.live === 0 ? 1 : 0);
  const part = Math.max(1, Math.floor(reserve / others));
  const bound = fn.live < part ? concurrency : concurrency - reserve;
  return account.live >= bound ? full("QUOTA_CONCURRENCY_EXCEEDED") : undefined;
}

function refusedByAccount(fn: FunctionUse, account: AccountUse, now: number): Refusal | undefined {
  const { rate } = account.bounds;
  const refusal = refusedByQuota(fn, account);
  if (refusal !== undefined || rate === undefined) return refusal;
  const asking = countAsking(fn, account, now);
  const reserve = Math.floor(rate.burst * RESERVE);
  const partRate = {
    ratePerSecond: rate.ratePerSecond / asking,
    burst: Math.max(1, reserve / asking),
  };
  const tokens = refillBucket(account.bucket, rate, now);
  const floor = refillBucket(fn.part, partRate, now) >= ONE_TOKEN ? 0 : reserve;
  if (tokens >= floor + ONE_TOKEN) return undefined;
  return empty("QUOTA_RATE_EXCEEDED", tokenWaitMs(floor + 1 - tokens, rate));
}

/** How many functions share the rate: those that asked in this second, or in the one before. */
function countAsking(fn: FunctionUse, account: AccountUse, now: number): number {
  const second = Math.floor(now / 1_000);
  if (account.second !== second) {
    account.askedBefore = account.second === second - 1 ? account.asking : 0;
    account.asking = 0;
    account.second = second;
  }
  if (fn.second !== second) {
    fn.second = second;
    account.asking += 1;
  }
  return Math.max(account.asking, account.askedBefore);
}

function full(reason: ThrottleReason): Refusal {
  return { kind: "refused", reason, retryAfterMs: CONCURRENCY_RETRY_MS };
}

function empty(reason: ThrottleReason, retryAfterMs: number): Refusal {
  return { kind: "refused", reason, retryAfterMs };
}
