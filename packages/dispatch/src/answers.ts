/**
 * What invocations answered, for those who wait for it. Whoever asks is told at once what has
 * ended, else as soon as it does, else after a while that it is open; then it asks again. So
 * nothing is kept here that a restart could lose. Ends that were written elsewhere, by another
 * platform or for what was too old, are found by a look at the store each second.
 */
import type { Clock, RequestId } from "@skerry/base";
import type { AnswerPiece, AnswerReply, LedgerEnd } from "@skerry/contracts";
import type { AnswerOfInvocation } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { DISPATCH_LIMITS } from "./limits.ts";
import { storeModule } from "./store-module.ts";

export interface AnswersDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
}

export class Answers {
  readonly #deps: AnswersDeps;
  readonly #waiting = new Map<RequestId, Set<() => void>>();
  #isClosed = false;

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  /** Rejects with the store's reasons. */
  async answer({ id, f: functionId }: AnswerPiece): Promise<AnswerReply> {
    const { store, clock } = this.#deps;
    const endMs = clock.monotonicMs() + DISPATCH_LIMITS.answerHoldMs;
    for (;;) {
      // Asked before the look, so that no end falls between the two.
      const waiting = this.#wait(id);
      const found = await store.call(storeModule, "readAnswer", { id, functionId });
      const isOpen = found?.state === "waiting" || found?.state === "running";
      const isLate = clock.monotonicMs() >= endMs || this.#isClosed;
      if (isOpen && !isLate) await waiting.ended;
      else {
        waiting.cancel();
        return replyOf(found);
      }
    }
  }

  /** These have come to their end, and it is on disk. */
  ended(ids: readonly RequestId[]): void {
    if (this.#waiting.size === 0) return;
    for (const id of ids) for (const tell of this.#waiting.get(id) ?? []) tell();
  }

  /** Whoever waits is told that it is open. */
  close(): void {
    this.#isClosed = true;
    this.ended([...this.#waiting.keys()]);
  }

  #wait(id: RequestId): { readonly ended: Promise<void>; readonly cancel: () => void } {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const told = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, told);
    const cancel = (): void => {
      cancelTimer();
      told.delete(cancel);
      if (told.size === 0 && this.#waiting.get(id) === told) this.#waiting.delete(id);
      resolve();
    };
    const { answerLookMs } = DISPATCH_LIMITS;
    const cancelTimer = this.#deps.clock.schedule(answerLookMs, cancel, { background: true });
    told.add(cancel);
    return { ended, cancel };
  }
}

function replyOf(found: AnswerOfInvocation | null): AnswerReply {
  if (found === null) return { state: "gone" };
  const { state, status, error, resultType, resultCut, result, headers } = found;
  if (state === "waiting" || state === "running") return { state: "open" };
  return {
    state: state satisfies LedgerEnd,
    ...(status === null ? {} : { s: status }),
    ...(resultType === null ? {} : { ct: resultType }),
    ...(headers === null ? {} : { h: headers }),
    ...(resultCut ? { cut: true } : {}),
    ...(error === null || state === "succeeded" ? {} : { e: error }),
    ...(result === null ? {} : { body: Buffer.from(result).toString("base64") }),
  };
}
