/**
 * Conditions of HTTP on what a request names (RFC 9110 section 13): `If-Match` for changes,
 * `If-None-Match` for reads. A condition that cannot be checked is never taken for fulfilled.
 */
import type { IncomingMessage } from "node:http";
import { fail } from "./errors.ts";
import type { ServingLimits } from "./limits.ts";
import type { Route } from "./routes.ts";

const ETAG = /^"([1-9][0-9]{0,14})"$/;

/** Throws IF_MATCH_UNSUPPORTED or IF_MATCH_MISSING. */
export function assertConditions(
  req: IncomingMessage,
  { name, operation }: Pick<Route, "name" | "operation">,
  limits: ServingLimits,
): void {
  if (!operation.mutates) return;
  const isSent = req.headers["if-match"] !== undefined;
  if (isSent && operation.conditional !== true) {
    throw fail("IF_MATCH_UNSUPPORTED", { operation: name });
  }
  if (!isSent && operation.conditional === true && limits.ifMatchDemanded > 0) {
    throw fail("IF_MATCH_MISSING");
  }
}

/** The version that the client insists on; null for any. Throws IF_MATCH_INVALID. */
export function versionOf(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch.trim() === "*") return null;
  const version = ETAG.exec(ifMatch.trim())?.[1];
  if (version === undefined) throw fail("IF_MATCH_INVALID");
  return Number(version);
}

/** Whether the client has what `etag` names already. Weak comparison, as the section says. */
export function isKnown(ifNoneMatch: string | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  const tags = ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
