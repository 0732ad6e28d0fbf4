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

export function isFailing(status: number): boolean {
  return status >= FIRST_FAILURE;
}
