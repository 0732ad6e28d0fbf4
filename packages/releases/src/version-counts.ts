/** What guards count of a version's figures. */
import type { Outcome, WindowFigures } from "@skerry/contracts";
import type { VersionCounts } from "./guards.ts";

/** What the version did, and not its callers or limits. */
const FAILED: readonly Outcome[] = [
  ...(["function_error", "timeout", "out_of_memory", "crashed"] as const),
  ...(["init_failed", "bad_response"] as const),
];

/** Of a version that nobody has called. */
export const NO_COUNTS: VersionCounts = { requests: 0, errors: 0, kinds: {}, durations: [] };

/**
 * Requests that the version answered or failed, and its errors among them: it failed, or its answer
 * has a status of 500 or above. What they took is of those that waited for no start: a new version
 * begins with starts, and the one before has long had its own.
 */
export function versionCounts(did: WindowFigures | undefined): VersionCounts {
  if (did === undefined) return NO_COUNTS;
  const { outcomes, serverErrors, duration, cold } = did;
  const failed = FAILED.reduce((sum, outcome) => sum + (outcomes[outcome] ?? 0), 0);
  const requests = failed + (outcomes.ok ?? 0);
  const { timeout = 0, crashed = 0, init_failed = 0, out_of_memory = 0 } = outcomes;
  const kinds = {
    ...{ "server-errors": serverErrors, timeouts: timeout },
    ...{ crashes: crashed + init_failed, memory: out_of_memory },
  };
  const durations = duration.counts.map((count, at) => count - (cold.counts[at] ?? 0));
  return { requests, errors: failed + serverErrors, kinds, durations };
}
