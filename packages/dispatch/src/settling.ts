/**
 * Ends of attempts, as their gateways tell them: written in one transaction for all that came
 * together, and answered after the commit. Room that an end leaves is used at once, so that what
 * is claimed for it shares that commit.
 */
import type { RequestId } from "@skerry/base";
import type { SettlePiece, SettleResult } from "@skerry/contracts";
import { Batches, slotOf, type AttemptEnd, type Settled } from "@skerry/invocations";
import type { Dispatcher, DispatcherDeps } from "./dispatcher.ts";
import { BATCH_BOUNDS } from "./limits.ts";
import { storeModule } from "./store-module.ts";

export interface ToldEnd {
  readonly head: SettlePiece;
  readonly bytes: Uint8Array;
}

export interface SettlingDeps extends DispatcherDeps {
  readonly dispatcher: Dispatcher;
  /** These have come to their end, and it is on disk. */
  readonly onEnded: (ids: readonly RequestId[]) => void;
}

export class Settling {
  readonly #deps: SettlingDeps;
  readonly #atOnceMax: number;
  readonly #byHolder = new Map<string, Batches<ToldEnd, SettleResult>>();

  constructor(deps: SettlingDeps, options: { readonly writesAtOnceMax: number }) {
    this.#deps = deps;
    this.#atOnceMax = options.writesAtOnceMax;
  }

  /** One result each, in order. Rejects with the store's reasons: they must be told again then. */
  settle(holder: string, ends: readonly ToldEnd[]): Promise<readonly SettleResult[]> {
    return this.#batchesOf(holder).add(ends);
  }

  #batchesOf(holder: string): Batches<ToldEnd, SettleResult> {
    const known = this.#byHolder.get(holder);
    if (known !== undefined) return known;
    const batches = new Batches<ToldEnd, SettleResult>({
      ...{ ...BATCH_BOUNDS, atOnceMax: this.#atOnceMax },
      bytesOf: ({ bytes }) => bytes.length,
      write: (told) => this.#write(holder, told),
      onIdle: () => this.#byHolder.delete(holder),
    });
    this.#byHolder.set(holder, batches);
    return batches;
  }

  async #write(holder: string, told: readonly ToldEnd[]): Promise<readonly SettleResult[]> {
    const { store, clock, config, random, nextSeq, dispatcher, onEnded } = this.#deps;
    const items = told.map((end) => attemptEndOf(this.#deps, end));
    const functionIds = items.map((item) => dispatcher.attemptOf(item)?.functionId);
    const destinations = config.destinationsAmong(functionIds);
    const named = { holder, items, destinations, toldSeq: nextSeq(items.length) };
    const args = { ...named, nowMs: clock.wallMs(), slot: slotOf(random) };
    const settling = store.call(storeModule, "settle", args);
    const freed = dispatcher.free(
      told.map(({ head: { id, n, o } }) => ({
        ...{ id, attempt: n },
        wasThrottled: o === "unavailable" || o === "cancelled" ? undefined : o === "throttled",
      })),
    );
    try {
      const answers = await settling;
      dispatcher.absorb(answers);
      onEnded(items.flatMap(({ id }, i) => (answers[i]?.kind === "settled" ? [id] : [])));
      return answers.map(resultOf);
    } catch (error) {
      dispatcher.found(freed);
      throw error;
    }
  }
}

function attemptEndOf(
  { config, dispatcher, random }: SettlingDeps,
  { head, bytes }: ToldEnd,
): AttemptEnd {
  const { id, n: attempt, o: outcome, from, to, s, ct, cut, e, h: headers, w } = head;
  const out = dispatcher.attemptOf({ id, attempt });
  return {
    ...{ id, attempt, outcome, startedMs: from, endedMs: to, error: e, status: s },
    ...{ resultType: ct, resultCut: cut === true, headers, withdrawn: w === true },
    result: bytes.length === 0 && ct === undefined ? undefined : new Uint8Array(bytes),
    // An attempt that is not out is stale, whatever the policy.
    policy: config.policyOf(out?.functionId),
    isUncounted: !dispatcher.isCounted({ id, attempt }, outcome),
    chance: random.float(),
  };
}

function resultOf(answer: Settled): SettleResult {
  return answer.kind === "retry" ? "retried" : answer.kind;
}
