/**
 * The idempotency key of a request: what it claims, what is kept for it, and that turned into an
 * answer again. A key belongs to the platform key that sent it. What is compared is what was sent:
 * method, path, query, condition and JSON, not what this release makes of it.
 */
import type { IncomingMessage } from "node:http";
import type { KeyId } from "@skerry/base";
import { IDEMPOTENCY_HEADERS, type Operation } from "@skerry/contracts";
import type { ParsedTarget } from "@skerry/http";
import { fail } from "../errors.ts";
import { repeatClaim, type AnsweredClaim, type KeptAnswer, type RepeatClaim } from "../repeats.ts";
import type { ApiDeps } from "./api-deps.ts";
import { credentialOf } from "./authenticate.ts";
import { EMPTY, json, type Answer } from "./call.ts";
import { openAnswer, sealAnswer, type Seal } from "./sealed-answer.ts";

export interface Idempotency {
  readonly claim: RepeatClaim;
  /** The claim with what its request is answered; undefined is an empty answer. */
  keep(answer: unknown): AnsweredClaim;
  /** Throws IDEMPOTENT_ANSWER_GONE when the answer is another credential's secret. */
  restore(kept: KeptAnswer): Answer;
}

interface KeyedRequest {
  readonly req: IncomingMessage;
  readonly operation: Operation;
  readonly keyId: KeyId;
  readonly target: ParsedTarget;
  /** The JSON body as it was sent; undefined without one. */
  readonly sent: unknown;
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]+$/;

/**
 * Undefined without a key, and for operations that change nothing. Throws IDEMPOTENCY_KEY_INVALID.
 */
export function idempotencyOf(
  deps: Pick<ApiDeps, "clock" | "cookieName" | "limits" | "random">,
  { req, operation, keyId, target, sent }: KeyedRequest,
): Idempotency | undefined {
  const { clock, cookieName, limits, random } = deps;
  const token = operation.mutates ? tokenOf(req) : undefined;
  if (token === undefined) return undefined;
  const { rawPath, rawQuery } = target;
  const condition = req.headers["if-match"] ?? "";
  const parts = [operation.method, rawPath, rawQuery, condition, JSON.stringify(sent) ?? ""];
  const expiresAtMs = clock.wallMs() + limits.repeatTtlMs;
  const claim = repeatClaim({ keyId, token, parts, expiresAtMs });
  if (operation.secret !== true) {
    const keep = (answer: unknown): AnsweredClaim => ({ ...claim, answer: textOf(answer) });
    return { claim, keep, restore: ({ answer }) => answerOf(answer) };
  }
  const seal: Seal = { credential: credentialOf(req, cookieName), token };
  return {
    claim,
    keep: (answer) => ({ ...claim, answer: sealAnswer(seal, textOf(answer), random) }),
    restore: ({ answer, subject }) => {
      const text = openAnswer(seal, answer);
      if (text === undefined) throw fail("IDEMPOTENT_ANSWER_GONE", { subject });
      return answerOf(text);
    },
  };
}

function textOf(answer: unknown): string {
  return answer === undefined ? "" : JSON.stringify(answer);
}

function answerOf(text: string): Answer {
  return text === "" ? EMPTY : json(JSON.parse(text));
}

/** Node joins repeated headers with a comma and a blank, which no key has. */
function tokenOf(req: IncomingMessage): string | undefined {
  const token = req.headers["idempotency-key"];
  const charsMax = IDEMPOTENCY_HEADERS.keyCharsMax;
  if (token === undefined) return undefined;
  if (typeof token !== "string" || token.length > charsMax || !IDEMPOTENCY_KEY.test(token)) {
    throw fail("IDEMPOTENCY_KEY_INVALID", { charsMax });
  }
  return token;
}
