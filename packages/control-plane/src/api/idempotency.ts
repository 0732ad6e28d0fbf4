/**
 * The idempotency key of a request: what it claims, what is kept for it, and that turned into an
 * answer again. A key belongs to the platform key that sent it. What is compared is what was sent:
 * method, path, query, condition and JSON, not what this release makes of it.
 */
import type { IncomingMessage } from "node:http";
import type { KeyId } from "@skerry/base";
import type { Operation } from "@skerry/api-schema";
import type { ParsedTarget } from "@skerry/http";
import {
  confidentialDigest,
  failRepeat,
  openAnswer,
  repeatClaim,
  sealAnswer,
  type AnsweredClaim,
  type KeptAnswer,
  type RepeatClaim,
  type Seal,
} from "@skerry/repeats";
import type { ApiDeps } from "./api-deps.ts";
import { credentialOf } from "./authenticate.ts";
import { EMPTY, idempotencyKeyOf, json, type Answer } from "@skerry/api-serving";

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

/**
 * Undefined without a key, and for operations that change nothing. Throws IDEMPOTENCY_KEY_INVALID.
 */
export function idempotencyOf(
  deps: Pick<ApiDeps, "clock" | "cookieName" | "limits" | "random">,
  { req, operation, keyId, target, sent }: KeyedRequest,
): Idempotency | undefined {
  const { clock, cookieName, limits, random } = deps;
  const token = operation.mutates ? idempotencyKeyOf(req) : undefined;
  if (token === undefined) return undefined;
  const { rawPath, rawQuery } = target;
  const condition = req.headers["if-match"] ?? "";
  const seal: Seal = { credential: credentialOf(req, cookieName), token };
  const asked = JSON.stringify(sent) ?? "";
  const body = operation.confidential === true ? confidentialDigest(seal, asked) : asked;
  const parts = [operation.method, rawPath, rawQuery, condition, body];
  const expiresAtMs = clock.wallMs() + limits.repeatTtlMs;
  const claim = repeatClaim({ keyId, token, parts, expiresAtMs });
  if (operation.secret !== true) {
    const echo = echoOf(operation, sent);
    const keep = (answer: unknown): AnsweredClaim => ({ ...claim, answer: textOf(answer, echo) });
    return { claim, keep, restore: ({ answer }) => answerOf(answer, echo) };
  }
  return {
    claim,
    keep: (answer) => ({ ...claim, answer: sealAnswer(seal, textOf(answer), random) }),
    restore: ({ answer, subject }) => {
      const text = openAnswer(seal, answer);
      if (text === undefined) throw failRepeat("IDEMPOTENT_ANSWER_GONE", { subject });
      return answerOf(text);
    },
  };
}

type Echo = Readonly<Record<string, unknown>>;

/** What the answer repeats of the body, as the operation says. */
function echoOf({ echoes }: Operation, sent: unknown): Echo {
  if (echoes === undefined) return {};
  return { [echoes]: (sent as Echo)[echoes] ?? null };
}

/** What is kept of an answer: all that the next request with the same body does not bring along. */
function textOf(answer: unknown, echo: Echo = {}): string {
  if (answer === undefined) return "";
  const unheard = Object.entries(answer as Echo).filter(([name]) => !Object.hasOwn(echo, name));
  return JSON.stringify(Object.fromEntries(unheard));
}

function answerOf(text: string, echo: Echo = {}): Answer {
  return text === "" ? EMPTY : json({ ...(JSON.parse(text) as object), ...echo });
}
