/** One client's request at the cache, and how it is answered from what is kept. */
import type { AnswerHead, AnswerSink } from "@skerry/http";
import { isNotModified, isRangeOf, type Validators } from "./conditions.ts";
import { firstLineOf } from "./header-list.ts";
import { notModified } from "./heads.ts";
import type { VaryNote } from "./kept-answer.ts";
import type { AskOrigin, CacheRequest, Hit } from "./ports.ts";
import { rangedAnswer } from "./ranges.ts";
import type { RequestFacts } from "./request-facts.ts";

export interface Waiter {
  readonly request: CacheRequest;
  readonly facts: RequestFacts;
  /** Where it is looked for before `Vary`. */
  readonly primary: string;
  /** Where it is looked for. */
  key: string;
  readonly to: AnswerSink;
  readonly ask: AskOrigin;
  /** What led from `primary` to `key`. */
  note: VaryNote | undefined;
  /** How often it has waited in vain. */
  rounds: number;
  /** How it was answered, where that says how others are. */
  hit: Hit | undefined;
}

const NOTHING = new Uint8Array();

/** What decides whether a client gets the whole, a part, or 304. */
export interface WholeAnswer {
  readonly head: AnswerHead;
  readonly body: Uint8Array;
}

/** Gives a kept answer as the client's conditions and ranges say. */
export function giveKept(
  { request, facts, to }: Waiter,
  { head, body }: WholeAnswer,
  at: { readonly nowMs: number; readonly boundary: () => string },
): void {
  const kept = validatorsOf(head);
  if (isNotModified(facts, kept, at.nowMs)) return to.whole(notModified(head), NOTHING);
  if (facts.range === undefined || head.status !== 200) return to.whole(head, body);
  if (request.method !== "GET" || !isRangeOf(facts, kept)) return to.whole(head, body);
  const part = rangedAnswer({ ...head, body }, facts.range, at.boundary);
  to.whole(part?.head ?? head, part?.body ?? body);
}

/** True when only the whole answer can tell what this client gets. */
export function needsWhole({ facts }: Waiter): boolean {
  return facts.range !== undefined;
}

/** By its head alone: the client has it already. */
export function hasAlready({ facts }: Waiter, head: AnswerHead, nowMs: number): boolean {
  return isNotModified(facts, validatorsOf(head), nowMs);
}

function validatorsOf({ status, headers }: AnswerHead): Validators {
  return {
    status,
    etag: firstLineOf(headers, "etag"),
    lastModified: firstLineOf(headers, "last-modified"),
  };
}
