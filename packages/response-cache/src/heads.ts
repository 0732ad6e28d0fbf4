/** Heads that clients see: what is kept, with `Age` and `Cache-Status` (RFC 9211). */
import type { AnswerHead } from "@skerry/http";
import type { Coding } from "./codings.ts";
import { firstLineOf, only, valueOf, without } from "./header-list.ts";
import { ageMsOf, type KeptAnswer } from "./kept-answer.ts";
import { TAG_HEADERS } from "./storing.ts";

/** Why the origin was asked. */
export type Forward = "bypass" | "method" | "uri-miss" | "vary-miss" | "stale" | "request";

export interface Forwarded {
  readonly fwd: Forward;
  /** Of the origin; undefined when it gave none. */
  readonly fwdStatus: number | undefined;
  readonly isStored: boolean;
  readonly isCollapsed: boolean;
}

type Headed = Pick<KeptAnswer, "status" | "headers" | "cameAtMs" | "cameAgedMs">;

/** Of exactly these bytes. */
const OF_BYTES = new Set([
  ...["etag", "content-encoding", "accept-ranges"],
  ...["content-md5", "digest", "content-digest", "repr-digest"],
]);
const STATUS = "Cache-Status";
/** Of an answer with a body only. */
const OF_BODY = new Set(["content-type", "content-encoding", "content-language", "content-range"]);

/** The head of a kept answer, as of now. Made once a second for as many as want it. */
export function hitHead(kept: KeptAnswer, nowMs: number, coding?: Coding): AnswerHead {
  const ageMs = ageMsOf(kept, nowMs);
  const ageS = Math.floor(ageMs / 1_000);
  const memo = kept.memo?.[coding ?? "identity"];
  if (memo?.ageS === ageS) return memo.head;
  const ttl = Math.ceil(kept.freshForS - ageMs / 1_000);
  const plain = keptHead(kept, ageS, `skerry; hit; ttl=${ttl}`);
  const head = coding === undefined ? plain : codedHead(plain, coding);
  kept.memo ??= {};
  kept.memo[coding ?? "identity"] = { ageS, head };
  return head;
}

/** Another representation: a strong tag of the plain one would lie about it (RFC 9110, 8.8.3). */
function codedHead({ status, headers }: AnswerHead, coding: Coding): AnswerHead {
  const etag = firstLineOf(headers, "etag");
  const rest = without(headers, OF_BYTES);
  rest.push("Content-Encoding", coding);
  if (etag !== undefined) rest.push("ETag", etag.startsWith("W/") ? etag : `W/${etag}`);
  return { status, headers: rest };
}

/** The head of what is kept, after the origin was asked about it. */
export function askedHead(kept: Headed, nowMs: number, how: Forwarded): AnswerHead {
  return keptHead(kept, Math.floor(ageMsOf(kept, nowMs) / 1_000), forwardedText(how));
}

/** The head of an answer that goes on as it came. */
export function passedHead({ status, headers }: AnswerHead, how: Forwarded): AnswerHead {
  return { status, headers: withStatus(without(headers, TAG_HEADERS), forwardedText(how)) };
}

/** 304 in place of an answer. */
export function notModified({ headers }: AnswerHead): AnswerHead {
  return { status: 304, headers: without(headers, OF_BODY) };
}

/** `head` with the cookies that the origin has just set for one client. */
export function withCookies(head: AnswerHead, from: readonly string[]): AnswerHead {
  const cookies = only(from, new Set(["set-cookie"]));
  return cookies.length === 0 ? head : { ...head, headers: [...head.headers, ...cookies] };
}

function keptHead({ status, headers }: AnswerHead, ageS: number, text: string): AnswerHead {
  return { status, headers: withStatus([...headers, "Age", String(ageS)], text) };
}

/** Other caches have said theirs before (RFC 9211, 2). */
function withStatus(headers: string[], text: string): string[] {
  const before = valueOf(headers, "cache-status");
  if (before === undefined) {
    headers.push(STATUS, text);
    return headers;
  }
  const rest = without(headers, new Set(["cache-status"]));
  rest.push(STATUS, `${before}, ${text}`);
  return rest;
}

function forwardedText({ fwd, fwdStatus, isStored, isCollapsed }: Forwarded): string {
  const status = fwdStatus === undefined ? "" : `; fwd-status=${fwdStatus}`;
  return `skerry; fwd=${fwd}${status}${isStored ? "; stored" : ""}${isCollapsed ? "; collapsed" : ""}`;
}
