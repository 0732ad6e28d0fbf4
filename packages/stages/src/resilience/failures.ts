/** What a refusal or a failure in place of an answer means for whoever might answer instead. */
import type { DowngradeReason } from "@skerry/contracts";
import type { PlatformError } from "@skerry/base";

/**
 * Failures after which the same request may be tried again: the target did not begin with it, or
 * was lost with it. Not one that took all of its time, nor one that would fail the same way.
 */
const REPEATABLE: ReadonlySet<PlatformError["code"]> = new Set([
  ...(["UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED"] as const),
]);
/**
 * What keeps answers under callers' keys is away: the target was not asked, or has answered. That
 * says nothing of it.
 */
const OF_KEYS: ReadonlySet<string> = new Set([
  ...["LEDGER_AWAY", "LEDGER_UNCONFIRMED", "LEDGER_ANSWER_UNWRITTEN"],
]);
const FIRST_FAILURE = 500;
const THROTTLED = 429;

export function isRepeatable({ code, reason, retryable }: PlatformError): boolean {
  return (retryable && REPEATABLE.has(code)) || reason === "FUNCTION_INIT_FAILED";
}

/** Undefined: it is what this request deserves. */
export function failureOf({ httpStatus }: PlatformError): DowngradeReason | undefined {
  if (httpStatus === THROTTLED) return "overloaded";
  return isFailing(httpStatus) ? "failing" : undefined;
}

/** Whether it tells that the target is ill, as far as a breaker is to know. */
export function isIllness(error: PlatformError): boolean {
  return failureOf(error) === "failing" && !OF_KEYS.has(error.reason);
}

export function isFailing(status: number): boolean {
  return status >= FIRST_FAILURE;
}
