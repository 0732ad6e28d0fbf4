/** Heads that clients see: what is kept, with `Age` and `Cache-Status` (RFC 9211). */
import type { AnswerHead } from "@skerry/http";
import { firstLineOf, only, without } from "./header-list.ts";
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

const STATUS = "Cache-Status";
/** Of an answer with a body only. */
const OF_BODY = new Set(["content-type", "content-encoding", "content-language", "content-range"]);

/** The head of a kept answer, as of now. Made once a second for as many as want it. */
export function hitHead(kept: KeptAnswer, nowMs: number): AnswerHead {
  const ageMs = ageMsOf(kept, nowMs);
  const ageS = Math.floor(ageMs / 1_000);
  if (kept.memo?.ageS === ageS) return kept.memo.head;
  const ttl = Math.ceil(kept.freshForS - ageMs / 1_000);
  const head = keptHead(kept, ageS, `skerry; hit; ttl=${ttl}`);
  kept.memo = { ageS, head };
  return head;
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
  const before = firstLineOf(headers, "cache-status");
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
