/** May what is kept answer a request, and how (RFC 9111, 4 and 4.2.4; RFC 5861). Pure. */
import { ageMsOf, type KeptAnswer } from "./kept-answer.ts";
import type { RequestFacts } from "./request-facts.ts";

export type Use =
  /** As it is. */
  | "hit"
  /** As it is, while it is asked for anew. */
  | "stale"
  /** Once the origin has said that it still holds. */
  | "validate";

/** What of a kept answer this is decided by. */
type Aged = Omit<KeptAnswer, "body" | "bodyId" | "memo">;

/**
 * Whether it may be told to this caller at all: what does not say that it is for all is not given
 * to callers who say who they are, unless that is part of its key.
 */
export function maySee({ isForAll, vary }: Aged, facts: RequestFacts): boolean {
  if (isForAll || !facts.hasCredentials) return true;
  return !facts.isAuthorized && vary.includes("cookie");
}

export function decideUse(kept: Aged, { directives }: RequestFacts, nowMs: number): Use {
  if (kept.noCache || directives?.noCache === true) return "validate";
  const ageMs = ageMsOf(kept, nowMs);
  const leftMs = kept.freshForS * 1_000 - ageMs;
  const { maxAgeS, minFreshS, maxStaleS } = directives ?? {};
  if (maxAgeS !== undefined && (maxAgeS === 0 || ageMs > maxAgeS * 1_000)) return "validate";
  if (leftMs > (minFreshS ?? 0) * 1_000) return "hit";
  if (kept.staleRule === "never" || minFreshS !== undefined) return "validate";
  if (-leftMs < kept.staleWhileRevalidateS * 1_000) return "stale";
  const takesStale = maxStaleS !== undefined && kept.staleRule === "open";
  return takesStale && -leftMs <= maxStaleS * 1_000 ? "hit" : "validate";
}

/** Instead of an error of the origin (RFC 5861, 4). */
export function mayReplaceError(kept: KeptAnswer, nowMs: number): boolean {
  if (kept.staleRule === "never") return false;
  return ageMsOf(kept, nowMs) < (kept.freshForS + kept.staleIfErrorS) * 1_000;
}

/** However old, because the route says so: only what the answer forbids itself is left. */
export function mayBeStale(kept: KeptAnswer): boolean {
  return kept.staleRule !== "never";
}
