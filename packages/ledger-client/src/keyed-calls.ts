/**
 * Calls that the ledger knows: with an idempotency key each from its key to the one answer. The
 * first of a key is written down before it is made, is made here, and is written down again with
 * its answer before anybody is told. Those that come meanwhile wait for that answer; those that
 * come afterwards, or to another gateway, are given it by the ledger. So it does not matter what
 * dies in between.
 */
import {
  delay,
  PlatformError,
  type Clock,
  type FunctionId,
  type RequestId,
  type WireError,
} from "@skerry/base";
import { LIMITS, type AnswerReply, type CallPiece, type SettleResult } from "@skerry/contracts";
import { refusalOf } from "./refusal.ts";
import { failLedger } from "./errors.ts";
import type { LedgerClient } from "./ledger-client.ts";
import type { AttemptEnd, AttemptListener, RunningAttempt } from "./ports.ts";

/** What the callers of one key are told. */
export type CallAnswer =
  | {
      readonly kind: "whole";
      readonly status: number;
      /** Flat. */
      readonly headers: readonly string[];
      readonly body: Uint8Array;
    }
  | { readonly kind: "failure"; readonly error: PlatformError }
  /** The first caller has it; nothing of it is kept. */
  | { readonly kind: "passed" };

/** Hears of the attempt of a call. */
export interface CallListener extends Pick<AttemptListener, "reported"> {
  /** Called once: what is written down, and what the callers are told then. */
  ended(end: AttemptEnd, answer: CallAnswer): void;
}

/** One call, and how it is made here. */
export interface KeyedCall {
  readonly piece: CallPiece;
  readonly body: Uint8Array;
  /** Longest wait for the end of a call that another makes. */
  readonly waitMs: number;
  /** Makes it and tells its end once, perhaps before it returns. */
  readonly begin: (told: CallListener) => RunningAttempt | undefined;
  /** Its end was told: what was passed on of it is whole, or is to be broken off. */
  readonly release: (isWhole: boolean) => void;
}

/** What a caller is told, and of which invocation. */
export interface ToldCall {
  readonly id: RequestId;
  readonly answer: CallAnswer;
  /** Another caller's call was answered so. */
  readonly isReplay: boolean;
}

export interface KeyedCallsDeps {
  readonly clock: Clock;
  readonly client: Pick<LedgerClient, "answer" | "begin" | "call">;
  /** Longest wait for an answer to be on disk; 10 s when undefined. */
  readonly writeWaitMs: number | undefined;
}

interface Joint {
  /** Of what runs: the first caller's own, until the ledger has named another. */
  id: RequestId;
  readonly digest: string;
  readonly told: Promise<ToldCall>;
}

const WRITE_WAIT_MS = 10_000;
const RETRY_AFTER_MS = 1_000;

export class KeyedCalls {
  readonly #deps: KeyedCallsDeps;
  readonly #underWay = new Map<string, Joint>();

  constructor(deps: KeyedCallsDeps) {
    this.#deps = deps;
  }

  /** Rejects with why it was not accepted, LEDGER_… or CALL_UNDER_WAY. */
  async call(asked: KeyedCall): Promise<ToldCall> {
    const { id, f, ik, no } = asked.piece;
    if (ik === undefined) return await this.#run(asked);
    const name = `${f} ${ik.key}`;
    const known = this.#underWay.get(name);
    if (known?.digest === ik.digest) return await this.#join(known, asked);
    // Of another request the ledger says what its key stands for; nobody joins one that is refused.
    if (known !== undefined || no !== undefined) return await this.#run(asked);
    const told = this.#run(asked, (named) => (joint.id = named));
    const joint: Joint = { id, digest: ik.digest, told };
    this.#underWay.set(name, joint);
    const forget = (): void => void this.#underWay.delete(name);
    told.then(forget, forget);
    return await told;
  }

  async #join(joint: Joint, asked: KeyedCall): Promise<ToldCall> {
    const { clock } = this.#deps;
    const endMs = clock.monotonicMs() + asked.waitMs;
    let found: ToldCall | undefined;
    try {
      found = await within(clock, asked.waitMs, joint.told);
    } catch (error) {
      const waitMs = endMs - clock.monotonicMs();
      // The first may have had less time: its wait was its own.
      if (isUnderWay(error) && waitMs > 0) return await this.call({ ...asked, waitMs });
      throw error;
    }
    if (found === undefined) throw underWay(joint.id);
    if (found.answer.kind !== "passed") return { ...found, isReplay: true };
    return { id: found.id, answer: tooLarge(found.id), isReplay: true };
  }

  async #run(asked: KeyedCall, named?: (id: RequestId) => void): Promise<ToldCall> {
    const { piece, body, waitMs } = asked;
    const result = await this.#deps.client.call(piece, body);
    if (!result.ok) throw refusalOf(result.error);
    const { id, held } = result;
    named?.(id);
    const answer = held ? await this.#make(asked) : undefined;
    if (answer !== undefined) return { id, answer, isReplay: false };
    // Another has it: it was there before, or this gateway was taken for lost.
    return { id, answer: await this.#follow(piece.f, id, waitMs), isReplay: id !== piece.id };
  }

  /** Undefined when its end is not wanted any more, because another makes it. */
  async #make({ piece, begin, release }: KeyedCall): Promise<CallAnswer | undefined> {
    const { clock, client, writeWaitMs: waitedMs = WRITE_WAIT_MS } = this.#deps;
    const answered = Promise.withResolvers<CallAnswer>();
    const told = Promise.withResolvers<SettleResult>();
    client.begin(piece.id, {
      told: told.resolve,
      isOnce: piece.src === "game",
      run: ({ ended, reported }) => {
        const end = (attempt: AttemptEnd, answer: CallAnswer): void => {
          answered.resolve(answer);
          ended(attempt);
        };
        return begin({ ended: end, reported });
      },
    });
    const answer = await Promise.race([answered.promise, told.promise.then(() => undefined)]);
    const result = await within(clock, waitedMs, told.promise);
    release(result === "settled" && answer !== undefined);
    if (result === undefined) {
      throw failLedger("LEDGER_ANSWER_UNWRITTEN", { waitedMs, retryAfterMs: RETRY_AFTER_MS });
    }
    return result === "settled" ? answer : undefined;
  }

  async #follow(f: FunctionId, id: RequestId, waitMs: number): Promise<CallAnswer> {
    const reply = await this.#deps.client.answer({ id, f }, waitMs);
    if (reply === undefined || reply.state === "open") throw underWay(id);
    return answerOf(id, reply);
  }
}

/** An error as it was written down. */
export function failureOf(wire: WireError, httpStatus?: number): CallAnswer {
  const { code, reason, message, hint, retryable, details } = PlatformError.fromWire(wire);
  const told = { code, reason, message, hint, retryable, details };
  const status = httpStatus === undefined ? {} : { httpStatus };
  return { kind: "failure", error: new PlatformError({ ...told, ...status }) };
}

/** What is kept of an end, as an answer. */
function answerOf(id: RequestId, reply: AnswerReply): CallAnswer {
  const { state, s: status = 200, ct, h, cut, e, body } = reply;
  if (state === "gone") return { kind: "failure", error: failLedger("CALL_ANSWER_GONE", { id }) };
  // One that was cancelled while it ran may have answered all the same; its caller was told so.
  const hasAnswered = body !== undefined || cut === true;
  const isAnswer = state === "succeeded" || (state === "cancelled" && hasAnswered);
  if (isAnswer && cut === true) return tooLarge(id);
  if (isAnswer) {
    const headers = h ?? (ct === undefined ? [] : ["content-type", ct]);
    return { kind: "whole", status, headers, body: Buffer.from(body ?? "", "base64") };
  }
  if (e !== undefined) return failureOf(e, reply.s);
  return { kind: "failure", error: failLedger("CALL_UNANSWERED", { id, state }) };
}

function tooLarge(id: RequestId): CallAnswer {
  const bytesMax = LIMITS.asyncResultBytesMax;
  return { kind: "failure", error: failLedger("CALL_ANSWER_TOO_LARGE", { id, bytesMax }) };
}

function underWay(id: RequestId): PlatformError {
  return failLedger("CALL_UNDER_WAY", { id, retryAfterMs: RETRY_AFTER_MS });
}

function isUnderWay(error: unknown): boolean {
  return PlatformError.is(error) && error.reason === "CALL_UNDER_WAY";
}

/** Undefined when it takes longer. */
async function within<T>(
  clock: Clock,
  waitMs: number,
  promise: Promise<T>,
): Promise<T | undefined> {
  const over = new AbortController();
  const late = delay(clock, waitMs, over.signal).then(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    late.catch(() => undefined);
    over.abort();
  }
}
