/**
 * May an answer be kept, and for how long (RFC 9111, 3 and 4.2). Stricter than the RFC where
 * answers of different callers could be mixed: one that sets cookies is never kept, and one to a
 * request with `Authorization` or with cookies beyond those of its key needs `public`, `s-maxage`
 * or `CDN-Cache-Control`; `must-revalidate` alone, which many write without thinking of shared
 * caches, is not enough. No freshness is guessed.
 */
import type { AnswerHead } from "@skerry/http";
import { isOfCodedLength } from "./codings.ts";
import { mayBeEncoded, varyByCoding } from "./encodable.ts";
import { answerDirectives, type AnswerDirectives } from "./directives.ts";
import { firstLineOf, listOf, valueOf, without } from "./header-list.ts";
import { formatHttpDate, parseHttpDate } from "./http-date.ts";
import type { KeptAnswer, StaleRule } from "./kept-answer.ts";
import { keyUrlOf } from "./keys.ts";
import type { CacheRequest } from "./ports.ts";
import type { RequestFacts } from "./request-facts.ts";

/** An answer that may be kept, before its body. */
export type Storable = Omit<KeptAnswer, "body" | "bodyId" | "memo">;

/** An exchange with the origin. */
export interface Exchange {
  readonly request: CacheRequest;
  readonly facts: RequestFacts;
  readonly head: AnswerHead;
  /** Of the body, where it is known. */
  readonly length: number | undefined;
  readonly mark: number;
  readonly askedAtMs: number;
  readonly cameAtMs: number;
}

/** What a policy's own lifetime is for; others say themselves that they are fresh. */
const FRESH_BY_POLICY = new Set([200, 203, 204, 300, 301, 308, 404, 410]);
/** Those whose meaning is known here (`must-understand`). */
const UNDERSTOOD = new Set([
  ...[200, 203, 204, 300, 301, 302, 303, 307, 308],
  ...[400, 403, 404, 405, 410, 414, 500, 501, 502, 503, 504],
]);
/** Of one connection or one exchange (RFC 9111, 3.1), of this cache, or rewritten by it. */
const NEVER_KEPT = new Set([
  ...["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"],
  ...["upgrade", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization"],
  ...["content-length", "age", "set-cookie", "set-cookie2"],
]);
/** Tags speak to the cache and go no further. */
export const TAG_HEADERS: ReadonlySet<string> = new Set(["cache-tag", "surrogate-key"]);
const TAGS_MAX = 256;
const TAG_CHARS_MAX = 128;
const VARY_MAX = 16;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// eslint-disable-next-line no-control-regex -- tabs are the one control that values may hold
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Undefined when it must not be kept, or would serve nobody. */
export function storableOf(exchange: Exchange): Storable | undefined {
  const { request, facts, head, mark, cameAtMs } = exchange;
  const said = answerDirectives(head.headers);
  if (!mayBeKept(exchange, said)) return undefined;
  const isEncodable = mayBeEncoded(head, said.noTransform);
  const vary = varyOf(head.headers, isEncodable);
  if (vary === undefined) return undefined;
  const coversCookies = !facts.hasCookies || vary.includes("cookie");
  const isForAll = isForEveryone(said);
  if ((facts.isAuthorized || !coversCookies) && !isForAll) return undefined;
  const etag = firstLineOf(head.headers, "etag");
  const lastModified = firstLineOf(head.headers, "last-modified");
  const freshForS = freshForOf(exchange, said);
  const windows = windowsOf(request, said);
  const hasValidator = etag !== undefined || lastModified !== undefined;
  const isUsed = freshForS > 0 || windows.staleWhileRevalidateS > 0 || windows.staleIfErrorS > 0;
  if (!isUsed && !hasValidator) return undefined;
  return {
    kind: "answer",
    status: head.status,
    headers: keptHeaders(shownHeaders(exchange, isEncodable), said, cameAtMs),
    ...{ cameAtMs, cameAgedMs: agedMs(exchange), freshForS, ...windows },
    staleRule: staleRuleOf(said),
    noCache: said.noCache === true,
    ...{ isForAll, isEncodable, vary, mark, etag, lastModified },
    origin: originOf(request),
    tags: tagsOf(request, head.headers),
  };
}

/** With what caches before this must know. */
export function shownHeaders(
  { head, length }: Pick<Exchange, "head" | "length">,
  isEncodable: boolean,
): readonly string[] {
  return isEncodable && isOfCodedLength(length) ? varyByCoding(head.headers) : head.headers;
}

function mayBeKept({ request, facts, head }: Exchange, said: AnswerDirectives): boolean {
  if (request.method !== "GET" || facts.directives?.noStore === true) return false;
  if (head.status === 206 || head.status === 304 || head.status < 200) return false;
  if (said.mustUnderstand && !UNDERSTOOD.has(head.status)) return false;
  if (said.noStore && !said.mustUnderstand) return false;
  if (said.isPrivate === true) return false;
  return isWellFormed(head) && !setsCookies(head.headers, said);
}

/** Fields that `private` or `no-cache` name are left out, so that a cookie may be one of them. */
function setsCookies(headers: readonly string[], said: AnswerDirectives): boolean {
  const unkept = namedFields(said);
  const isSet = (name: string): boolean =>
    firstLineOf(headers, name) !== undefined && !unkept.has(name);
  return isSet("set-cookie") || isSet("set-cookie2");
}

function namedFields({ isPrivate, noCache }: AnswerDirectives): Set<string> {
  const lists = [isPrivate, noCache].filter((one) => typeof one === "object");
  return new Set(lists.flat());
}

function isForEveryone(said: AnswerDirectives): boolean {
  if (said.isPublic || said.sharedMaxAgeS !== undefined) return true;
  return said.isTargeted && said.maxAgeS !== undefined;
}

/**
 * Sorted names, without `*`, by which nothing can be found again. What is encoded here does not
 * vary by codings for this cache.
 */
function varyOf(headers: readonly string[], isEncodable: boolean): readonly string[] | undefined {
  const value = valueOf(headers, "vary");
  const coding = firstLineOf(headers, "content-encoding");
  if (value === undefined && coding === undefined) return [];
  const names = new Set(listOf(value?.toLowerCase()));
  if (coding !== undefined && coding.toLowerCase() !== "identity") names.add("accept-encoding");
  if (isEncodable) names.delete("accept-encoding");
  if (names.has("*") || names.size > VARY_MAX) return undefined;
  return [...names].toSorted();
}

function freshForOf({ request, head, cameAtMs }: Exchange, said: AnswerDirectives): number {
  const own = ownLifetimeS(head.headers, said, cameAtMs);
  const { ttl, maxTtl } = request.policy;
  const lifetime = own ?? (FRESH_BY_POLICY.has(head.status) ? ttl : 0);
  return maxTtl === undefined ? lifetime : Math.min(lifetime, maxTtl);
}

/** What the answer says itself (RFC 9111, 4.2.1). */
function ownLifetimeS(
  headers: readonly string[],
  said: AnswerDirectives,
  cameAtMs: number,
): number | undefined {
  const seconds = said.sharedMaxAgeS ?? said.maxAgeS;
  if (seconds !== undefined) return seconds;
  if (said.isTargeted) return undefined;
  const expires = valueOf(headers, "expires");
  if (expires === undefined) return undefined;
  const until = parseHttpDate(expires, cameAtMs);
  if (until === undefined) return 0;
  const date = parseHttpDate(firstLineOf(headers, "date"), cameAtMs) ?? cameAtMs;
  return Math.max(0, Math.floor((until - date) / 1_000));
}

/** RFC 9111, 4.2.3. */
function agedMs({ head, askedAtMs, cameAtMs }: Exchange): number {
  const date = parseHttpDate(firstLineOf(head.headers, "date"), cameAtMs);
  // Seconds are all that a date has, so that one of now is up to a second old.
  const apparent = date === undefined ? 0 : Math.max(0, cameAtMs - date - 1_000);
  const given = /^\s*(\d+)\s*(?:$|[,;])/.exec(firstLineOf(head.headers, "age") ?? "")?.[1];
  const delay = Math.max(0, cameAtMs - askedAtMs);
  const corrected = Math.min(Number(given ?? 0), 2 ** 31) * 1_000 + delay;
  return Math.max(apparent, corrected);
}

function windowsOf(
  { policy }: CacheRequest,
  said: AnswerDirectives,
): Pick<KeptAnswer, "staleWhileRevalidateS" | "staleIfErrorS"> {
  return {
    staleWhileRevalidateS: said.staleWhileRevalidateS ?? policy.staleWhileRevalidate ?? 0,
    staleIfErrorS: said.staleIfErrorS ?? policy.staleIfError ?? 0,
  };
}

function staleRuleOf(said: AnswerDirectives): StaleRule {
  if (said.mustRevalidate || said.proxyRevalidate || said.noCache === true) return "never";
  return said.sharedMaxAgeS === undefined ? "open" : "windows";
}

function keptHeaders(
  headers: readonly string[],
  said: AnswerDirectives,
  cameAtMs: number,
): readonly string[] {
  const dropped = namedFields(said);
  for (const name of NEVER_KEPT) dropped.add(name);
  for (const name of TAG_HEADERS) dropped.add(name);
  for (const name of listOf(valueOf(headers, "connection")?.toLowerCase())) dropped.add(name);
  const kept = without(headers, dropped);
  if (firstLineOf(kept, "date") === undefined) kept.push("Date", formatHttpDate(cameAtMs));
  return kept;
}

/** Where an answer to it is from. */
export function originOf({ stage, host, url, policy }: CacheRequest): KeptAnswer["origin"] {
  return { stage, host: host.toLowerCase(), url, keyUrl: keyUrlOf(url, policy.query) };
}

/** More than so many are not read: then the answer is purged by its URL only. */
function tagsOf({ policy }: CacheRequest, headers: readonly string[]): readonly string[] {
  const own = [
    ...listOf(valueOf(headers, "cache-tag")),
    ...(valueOf(headers, "surrogate-key") ?? "").split(/[\s,]+/),
  ];
  const some = own.filter((tag) => tag !== "" && tag.length <= TAG_CHARS_MAX).slice(0, TAGS_MAX);
  return [...new Set([...policy.tags, ...some])];
}

function isWellFormed({ status, headers }: AnswerHead): boolean {
  if (!Number.isInteger(status) || status > 599) return false;
  return headers.every((text, index) => (index % 2 === 0 ? NAME : VALUE).test(text));
}
