/**
 * Whether a failed attempt is made again. Requests of a route earn it retries and retries spend
 * them, so that a target that is down gets little more than without them. Pure but for the budget,
 * which is changed in place (ADR 0010).
 */
import { backoffMs, type PlatformError, type Random } from "@skerry/base";
import type { Route } from "@skerry/contracts";
import { isRepeatable } from "./failures.ts";

export type RetryPolicy = NonNullable<Route["retries"]>;

/** Retries that a route has earned and not spent. */
export interface RetryBudget {
  earned: number;
}

/**
 * What may be saved up for one burst: of so many requests that came before. At 20 % that is what
 * one instance serves at once when nobody says otherwise, so that none of it is lost with the
 * instance.
 */
const SAVED_REQUESTS = 500;
const BACKOFF = { delayMsMin: 20, delayMsMax: 1_000 };

export function createRetryBudget(policy: RetryPolicy): RetryBudget {
  return { earned: savedMax(policy) };
}

/** A request of the route has come. */
export function earnRetries(budget: RetryBudget, policy: RetryPolicy): void {
  budget.earned = Math.min(savedMax(policy), budget.earned + policy.budgetPercent / 100);
}

/** So many more than the percentage are possible, once. */
export function savedMax({ budgetPercent }: RetryPolicy): number {
  return budgetPercent === 0 ? 0 : Math.max(1, (SAVED_REQUESTS * budgetPercent) / 100);
}

/** Milliseconds until it is made again, which is paid for then; undefined when it is not. */
export function decideRetry(
  budget: RetryBudget,
  failed: {
    readonly policy: RetryPolicy;
    readonly error: PlatformError;
    /** Attempts made. */
    readonly made: number;
    /** Until the time of the request is over. */
    readonly leftMs: number;
  },
  random: Random,
): number | undefined {
  const { policy, error, made, leftMs } = failed;
  if (made > policy.attempts || !isRepeatable(error) || budget.earned < 1) return undefined;
  const waitMs = backoffMs(made - 1, BACKOFF, random);
  if (waitMs >= leftMs) return undefined;
  budget.earned -= 1;
  return waitMs;
}
