/** How a client was answered with what is kept, as far as it says how another one will be. */
import type { AnswerHead } from "@skerry/http";
import type { Coding } from "./codings.ts";
import { ageMsOf, type KeptAnswer } from "./kept-answer.ts";
import type { Hit } from "./ports.ts";
import type { Waiter } from "./waiter.ts";

const NONE: readonly string[] = [];

interface Given {
  readonly kept: KeptAnswer;
  readonly head: AnswerHead;
  readonly body: Uint8Array;
  readonly nowMs: number;
  readonly coding?: Coding;
}

/**
 * Undefined of one that is stale, or where what a request says of caches has a word in it. Its head
 * holds until the age that it tells is another, or it is not fresh any more.
 */
export function hitOf(waiter: Waiter, given: Given): Hit | undefined {
  const { request, facts, primary, key, note } = waiter;
  if (facts.directives !== undefined) return undefined;
  const { kept, head, body, nowMs, coding } = given;
  const holdsS = Math.min(kept.freshForS, 1 + Math.floor(ageMsOf(kept, nowMs) / 1_000));
  const untilMs = kept.cameAtMs - kept.cameAgedMs + holdsS * 1_000;
  if (untilMs <= nowMs) return undefined;
  const found = { stage: request.stage, primary, note, key, kept, coding };
  return { head, body, fromMs: nowMs, untilMs, vary: note?.vary ?? NONE, found };
}
