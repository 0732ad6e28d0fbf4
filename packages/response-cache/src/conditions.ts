/** Conditions of a client, judged by what is kept (RFC 9110, 13; RFC 9111, 4.3.2). */
import { parseHttpDate } from "./http-date.ts";
import type { RequestFacts } from "./request-facts.ts";

/** What an answer is known by. */
export interface Validators {
  readonly status: number;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** The client has it already, so that 304 is the answer. */
export function isNotModified(facts: RequestFacts, kept: Validators, nowMs: number): boolean {
  if (kept.status !== 200) return false;
  if (facts.ifNoneMatch !== undefined) return isAmong(facts.ifNoneMatch, kept.etag);
  if (facts.ifModifiedSince === undefined) return false;
  const since = parseHttpDate(facts.ifModifiedSince, nowMs);
  const changed = parseHttpDate(kept.lastModified, nowMs);
  return since !== undefined && changed !== undefined && changed <= since;
}

/** Whether a range may be cut of this very answer (RFC 9110, 13.1.5: strong comparison). */
export function isRangeOf({ ifRange }: RequestFacts, kept: Validators): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith("W/") || kept.etag?.startsWith("W/") === true) return false;
  if (ifRange.startsWith('"')) return ifRange === kept.etag;
  return ifRange === kept.lastModified;
}

/** Weak comparison (RFC 9110, 8.8.3.2). */
export function isSameEtag(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && opaque(a) === opaque(b);
}

function isAmong(list: string, etag: string | undefined): boolean {
  if (list.trim() === "*") return true;
  if (etag === undefined) return false;
  const tags = list.match(/(?:W\/)?"[^"]*"|[^\s,]+/g) ?? [];
  return tags.some((tag) => isSameEtag(tag, etag));
}

function opaque(etag: string): string {
  return etag.startsWith("W/") ? etag.slice(2) : etag;
}
