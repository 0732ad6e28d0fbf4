/** What routes are named by; all that they say is in `schemas/routes.ts`. */

/** The methods that a route may name; a route without any takes all of them. */
export const ROUTE_METHODS = [
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"],
] as const;

/** Those that a key makes once: all others may be repeated as they are (RFC 9110, 9.2.2). */
export const KEYED_METHODS: readonly string[] = ["POST", "PATCH"];

/** Why a request is answered in another way than by its target. */
export const DOWNGRADE_REASONS = ["cold", "failing", "overloaded"] as const;
export type DowngradeReason = (typeof DOWNGRADE_REASONS)[number];
