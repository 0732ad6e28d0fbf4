/** What a request is told that the router does not let in, or not any longer. */
import { unreachable, type PlatformError } from "@skerry/base";
import { failFunction, failLimit, type Outcome } from "@skerry/contracts";
import type { RouteEffect } from "@skerry/functions";

type Rejected = Omit<Extract<RouteEffect<unknown>, { readonly kind: "reject" }>, "request">;

export interface Rejection {
  readonly outcome: Outcome;
  readonly error: PlatformError;
}

/** `fn` is the function's name with its app. */
export function rejectionOf(fn: string, { why, retryAfterMs, refusal }: Rejected): Rejection {
  switch (why) {
    case "queue_full":
    case "queue_timeout": {
      const memoryMb = refusal?.kind === "limit" ? refusal.quotaMemoryMb : undefined;
      if (memoryMb !== undefined) {
        const quota = { function: fn, memoryMb, retryAfterMs };
        return { outcome: "throttled", error: failLimit("QUOTA_MEMORY_EXCEEDED", quota) };
      }
      const said = why === "queue_full" ? "too many requests wait" : "no slot became free in time";
      const details = { function: fn, why: said, retryAfterMs };
      return { outcome: "throttled", error: failFunction("FUNCTION_THROTTLED", details) };
    }
    case "init_failed": {
      const failed = refusal?.kind === "init_failed" ? refusal : undefined;
      const errorName = failed?.name ?? "Error";
      const details = { function: fn, errorName, errorMessage: failed?.message ?? "unknown" };
      return { outcome: "init_failed", error: failFunction("FUNCTION_INIT_FAILED", details) };
    }
    case "unavailable": {
      const said = refusal?.kind === "unavailable" ? refusal.why : "no machine answered";
      const details = { function: fn, why: said, retryAfterMs };
      return { outcome: "unavailable", error: failFunction("FUNCTION_UNAVAILABLE", details) };
    }
    case "stopped":
      return { outcome: "unavailable", error: failFunction("FUNCTION_STOPPED", { function: fn }) };
    case "removed":
      return {
        outcome: "unavailable",
        error: failFunction("FUNCTION_NOT_FOUND", { function: fn }),
      };
    default:
      return unreachable(why);
  }
}
