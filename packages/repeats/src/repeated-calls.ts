/**
 * Requests with an idempotency key. The first with a key performs its change, whose transaction
 * keeps the answer; those that come meanwhile wait for that answer, those that come later are given
 * it. A caller that leaves does not end what others wait for. What fails is kept by nobody: all who
 * waited are told, and the next one performs it.
 */
import { PlatformError } from "@skerry/base";
import { fail } from "./errors.ts";
import type { KeptAnswer, RepeatClaim } from "./kept-answers.ts";

/** One request that may come again. */
export interface RepeatableCall<Answer> {
  readonly claim: RepeatClaim;
  /** The client is gone, or control stops. */
  readonly signal: AbortSignal;
  /** Its body still streams: each such request is read by itself. */
  readonly streams: boolean;
  /** Does what is asked. The signal aborts when all who wait for it are gone. */
  perform(signal: AbortSignal): Promise<Answer>;
  /** Turns what was kept into the answer again. */
  restore(kept: KeptAnswer): Answer;
}

export interface RepeatedAnswer<Answer> {
  readonly answer: Answer;
  /** Somebody else's request performed it. */
  readonly isReplay: boolean;
}

export interface RepeatedCallsDeps {
  find(claim: RepeatClaim): Promise<KeptAnswer | undefined>;
}

/** A request under way, and those who wait for it. */
interface Joint<Answer> {
  readonly requestSha256: string;
  readonly over: AbortController;
  readonly answer: Promise<RepeatedAnswer<Answer>>;
  waiting: number;
}

export class RepeatedCalls<Answer> {
  readonly #deps: RepeatedCallsDeps;
  readonly #underWay = new Map<string, Joint<Answer>>();

  constructor(deps: RepeatedCallsDeps) {
    this.#deps = deps;
  }

  /** Rejects with IDEMPOTENCY_KEY_REUSED, IDEMPOTENT_ANSWER_GONE, or whatever `perform` does. */
  async answer(call: RepeatableCall<Answer>): Promise<RepeatedAnswer<Answer>> {
    const { keyId, tokenSha256, requestSha256 } = call.claim;
    if (call.streams) return this.#answerAlone(call, call.signal);
    const id = `${keyId}/${tokenSha256}`;
    const joint = this.#underWay.get(id);
    if (joint === undefined) return waitFor(this.#begin(id, call), call.signal);
    if (joint.requestSha256 !== requestSha256) throw fail("IDEMPOTENCY_KEY_REUSED");
    const { answer } = await waitFor(joint, call.signal);
    return { answer, isReplay: true };
  }

  #begin(id: string, call: RepeatableCall<Answer>): Joint<Answer> {
    const over = new AbortController();
    const answer = this.#answerAlone(call, over.signal).finally(() => this.#underWay.delete(id));
    const joint = { requestSha256: call.claim.requestSha256, over, answer, waiting: 0 };
    this.#underWay.set(id, joint);
    return joint;
  }

  async #answerAlone(
    call: RepeatableCall<Answer>,
    signal: AbortSignal,
  ): Promise<RepeatedAnswer<Answer>> {
    const kept = await this.#replay(call);
    if (kept !== undefined) return kept;
    try {
      return { answer: await call.perform(signal), isReplay: false };
    } catch (error) {
      const isRaced = PlatformError.is(error) && error.reason === "IDEMPOTENT_REQUEST_RACED";
      const raced = isRaced ? await this.#replay(call) : undefined;
      if (raced !== undefined) return raced;
      throw error;
    }
  }

  async #replay(call: RepeatableCall<Answer>): Promise<RepeatedAnswer<Answer> | undefined> {
    const kept = await this.#deps.find(call.claim);
    return kept === undefined ? undefined : { answer: call.restore(kept), isReplay: true };
  }
}

async function waitFor<Answer>(
  joint: Joint<Answer>,
  signal: AbortSignal,
): Promise<RepeatedAnswer<Answer>> {
  const leave = (): void => {
    joint.waiting -= 1;
    if (joint.waiting === 0) joint.over.abort();
  };
  joint.waiting += 1;
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  try {
    return await joint.answer;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
