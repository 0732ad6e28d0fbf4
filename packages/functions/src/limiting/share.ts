/**
 * What one of several gateways holds of a bound. Each holds an even part and asks nobody, so the
 * sum never passes the bound, but for bounds smaller than the number of gateways: each of them lets
 * one request through (ADR 0035).
 */
import { partOfCount, partOfRate } from "@skerry/base";
import { rateLimitOf, type AccountQuotas, type FunctionLimits } from "@skerry/contracts";
import { UNBOUNDED, type Bounds } from "./admission.ts";

/** A function's limits, for one of `gateways`. */
export function boundsOfLimits(limits: FunctionLimits | undefined, gateways: number): Bounds {
  return limits === undefined ? UNBOUNDED : shareOf(limits, gateways);
}

/** An account's quotas, for one of `gateways`. */
export function boundsOfQuotas(quotas: AccountQuotas, gateways: number): Bounds {
  return shareOf(quotas, gateways);
}

function shareOf(said: Partial<AccountQuotas> | FunctionLimits, gateways: number): Bounds {
  const whole = rateLimitOf(said);
  const concurrency = said.concurrency ?? undefined;
  const rate = whole === undefined ? undefined : partOfRate(whole, gateways);
  if (rate === undefined && concurrency === undefined) return UNBOUNDED;
  return {
    rate,
    concurrency: concurrency === undefined ? undefined : partOfCount(concurrency, gateways),
  };
}
