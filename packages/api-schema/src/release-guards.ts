/** What of both versions can be compared. */
export const RELEASE_GUARDS = [
  ...["error-rate", "server-errors", "timeouts", "crashes", "memory"],
  ...["p50", "p90", "p95", "p99"],
] as const;
export type ReleaseGuard = (typeof RELEASE_GUARDS)[number];
