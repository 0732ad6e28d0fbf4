/** Who puts invocations into a simulated ledger, and tells them again when nobody answered. */
import { Buffer } from "node:buffer";
import { PlatformError, type AccountId, type FunctionId, type RequestId } from "@skerry/base";
import { ASYNC_POLICY, type AsyncPolicy } from "@skerry/contracts";
import type { Dice } from "@skerry/testkit/simulation";
import type {
  DestinationsByFunction,
  NewInvocation,
  ResolvedDestination,
} from "../../src/index.ts";

const ORDERING_KEYS = ["a", "b", "c"];
const IDEMPOTENCY_KEYS = ["k", "l", "m"];
const KEPT_MAX = 60;

/** Functions of one world, with policies that differ. */
export function makePolicies(dice: Dice): ReadonlyMap<FunctionId, AsyncPolicy> {
  return new Map(
    ["fn_one", "fn_two", "fn_three"].map((name) => [
      name as FunctionId,
      {
        ...ASYNC_POLICY,
        attempts: dice.whole(1, 4),
        retryDelayMs: dice.whole(10, 400),
        retryDelayMsMax: dice.whole(10, 4_000),
        retryOn: ASYNC_POLICY.retryOn.filter(() => dice.chance(0.8)),
        maxAgeMs: dice.whole(2_000, 60_000),
      },
    ]),
  );
}

/** Whom the functions of one world tell of their ends: often each other, some in a circle. */
export function makeDestinations(
  dice: Dice,
  policies: ReadonlyMap<FunctionId, AsyncPolicy>,
): DestinationsByFunction {
  const one = (): ResolvedDestination | undefined => {
    if (dice.chance(0.6)) return undefined;
    if (dice.chance(0.2)) return WEBHOOK;
    const functionId = dice.one([...policies.keys()]);
    if (functionId === undefined || dice.chance(0.2)) return MISSING;
    const maxAgeMs = policies.get(functionId)?.maxAgeMs ?? 0;
    const named = { app: "shop", fn: functionId, target: `shop/${functionId}` };
    return { kind: "function", functionId, ...named, maxAgeMs };
  };
  const found = [...policies.keys()].map((functionId) => {
    const [onSuccess, onFailure] = [one(), one()];
    const named = {
      ...(onSuccess === undefined ? {} : { onSuccess }),
      ...(onFailure === undefined ? {} : { onFailure }),
    };
    return [functionId, named] as const;
  });
  return Object.fromEntries(found);
}

const WEBHOOK: ResolvedDestination = {
  ...{ kind: "webhook", target: "https://example.org/hook", maxAgeMs: 3_600_000 },
};
const MISSING: ResolvedDestination = {
  ...{ kind: "missing", target: "shop/gone" },
  error: PlatformError.from(undefined).toWire(),
};

export class Callers {
  readonly #dice: Dice;
  readonly #policies: ReadonlyMap<FunctionId, AsyncPolicy>;
  #told: NewInvocation[] = [];
  #unanswered: NewInvocation[] = [];
  #made = 0;

  constructor(dice: Dice, policies: ReadonlyMap<FunctionId, AsyncPolicy>) {
    this.#dice = dice;
    this.#policies = policies;
  }

  /** Some to tell now: new ones, and ones told before. */
  batch(nowMs: number, nextSeq: () => number): readonly NewInvocation[] {
    const dice = this.#dice;
    const length = dice.chance(0.04) ? dice.whole(8, 40) : dice.whole(1, 5);
    const items = Array.from({ length }, (): NewInvocation => {
      const seq = nextSeq();
      const waiting = dice.chance(0.5) ? this.#unanswered.shift() : undefined;
      if (waiting !== undefined) return { ...waiting, seq };
      const before = dice.chance(0.08) ? dice.one(this.#told) : undefined;
      return before === undefined ? this.#make(nowMs, seq) : { ...before, seq };
    });
    const twice = dice.chance(0.3) ? dice.one(items) : undefined;
    return twice === undefined ? items : [...items, { ...twice, seq: nextSeq() }];
  }

  unanswered(items: readonly NewInvocation[]): void {
    this.#unanswered.push(...items);
  }

  /** Tells those no more that retention took. */
  forget({ forgotten }: { readonly forgotten: ReadonlySet<string> }): void {
    this.#told = this.#told.filter(({ id }) => !forgotten.has(id));
    this.#unanswered = this.#unanswered.filter(({ id }) => !forgotten.has(id));
  }

  /** Somebody whom a caller may ask about; now and then one that never was. */
  someId(): RequestId {
    const one = this.#dice.chance(0.05) ? undefined : this.#dice.one(this.#told);
    return one?.id ?? ("req_unknown" as RequestId);
  }

  #make(nowMs: number, seq: number): NewInvocation {
    const dice = this.#dice;
    this.#made += 1;
    const functionId = dice.one([...this.#policies.keys()]) ?? ("" as FunctionId);
    const maxAgeMs = this.#policies.get(functionId)?.maxAgeMs ?? 0;
    const key = dice.chance(0.25) ? dice.one(IDEMPOTENCY_KEYS) : undefined;
    const digest = dice.chance(0.8) ? "same" : "other";
    const idempotency =
      key === undefined ? null : { key, digest, expiresMs: nowMs + dice.whole(1_000, 20_000) };
    const item: NewInvocation = {
      ...{ seq, id: `req_${this.#made}` as RequestId, accountId: "acct_one" as AccountId },
      ...{ functionId, app: "shop", fn: functionId, source: "url", sourceId: null },
      ...{ acceptedMs: nowMs, dueMs: nowMs + (dice.chance(0.2) ? dice.whole(1, 5_000) : 0) },
      expiresMs: nowMs + maxAgeMs,
      orderingKey: dice.chance(0.5) ? (dice.one(ORDERING_KEYS) ?? null) : null,
      ...{ idempotency, event: { ct: `text/${this.#made}` }, payload: Buffer.from([this.#made]) },
    };
    this.#told.push(item);
    if (this.#told.length > KEPT_MAX) this.#told.shift();
    return item;
  }
}
