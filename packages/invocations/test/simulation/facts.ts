/**
 * What truly happened in a simulated ledger, kept beside it from what its procedures answered, and
 * the promises that each answer is held against. Knows everything, also what nobody heard of.
 */
import { Buffer } from "node:buffer";
import type { FunctionId, RequestId } from "@skerry/base";
import { LIMITS, type AsyncPolicy, type AttemptOutcome, type LedgerEnd } from "@skerry/contracts";
import {
  derivedId,
  type Accepted,
  type AttemptEnd,
  type Cancelled,
  type ClaimArgs,
  type Claimed,
  type ClaimedRun,
  type DestinationsByFunction,
  type NewInvocation,
  type Settled,
} from "../../src/index.ts";

import { Broken, demand, running, type Fact } from "./fact.ts";
import { HolderFacts } from "./holder-facts.ts";

/** Ends, and what their destinations were told, that retention has taken. */
interface Gone {
  readonly ends: Record<LedgerEnd, number>;
  readonly told: Record<"delivered" | "failed", number>;
}

/** Faults of the function, by the class that a policy names; what is absent is the platform's. */
const FAULTS: Readonly<Partial<Record<AttemptOutcome, "error" | "timeout" | "crash" | "never">>> = {
  function_error: "error",
  bad_response: "error",
  init_failed: "error",
  timeout: "timeout",
  crashed: "crash",
  out_of_memory: "crash",
  too_large: "never",
  gone: "never",
};

interface KeyFact {
  readonly id: RequestId;
  readonly digest: string;
  readonly expiresMs: number;
}

export class Facts {
  readonly all = new Map<string, Fact>();
  /** Open ones, in the order of acceptance. */
  readonly open = new Map<string, Fact>();
  /** How often each state was met that the workload must reach. */
  readonly reached = new Map<string, number>();
  /** What the table must say of each end that has a destination, by the one that ended. */
  readonly deliveries = new Map<string, string>();
  readonly destinations: DestinationsByFunction;
  /** Those that retention has taken. */
  readonly forgotten = new Set<string>();
  readonly gone: Gone = {
    ends: { succeeded: 0, failed: 0, expired: 0, cancelled: 0 },
    told: { delivered: 0, failed: 0 },
  };
  readonly holders = new HolderFacts(this.open);
  readonly #keys = new Map<string, KeyFact>();
  readonly #requestIds = new Set<string>();
  readonly #policies: ReadonlyMap<string, AsyncPolicy>;

  constructor(policies: ReadonlyMap<string, AsyncPolicy>, destinations: DestinationsByFunction) {
    this.#policies = policies;
    this.destinations = destinations;
  }

  get acceptedSum(): number {
    return this.all.size + this.forgotten.size;
  }

  reach(state: string): void {
    this.reached.set(state, (this.reached.get(state) ?? 0) + 1);
  }

  policyOf(functionId: string): AsyncPolicy {
    const policy = this.#policies.get(functionId);
    if (policy === undefined) throw new Error(`function ${functionId} is not of this world`);
    return policy;
  }

  /** What of a function may run, due or not: nothing before it in its key, no attempt running. */
  heads(functionId: string): readonly Fact[] {
    const keys = new Set<string>();
    const heads: Fact[] = [];
    for (const fact of this.open.values()) {
      const { functionId: own, orderingKey } = fact.item;
      if (own !== functionId) continue;
      const isFirst = orderingKey === null || !keys.has(orderingKey);
      if (orderingKey !== null) keys.add(orderingKey);
      if (isFirst && running(fact) === undefined) heads.push(fact);
    }
    return heads;
  }

  nextDueMs(functionId: string): number | null {
    const dues = this.heads(functionId).map(({ dueMs }) => dueMs);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  accepted(items: readonly NewInvocation[], answers: readonly Accepted[]): void {
    demand(items.length === answers.length, "conservation", "an item has no answer");
    for (const [i, item] of items.entries()) {
      const wanted = this.#acceptance(item);
      const told = `${answers[i]?.kind} ${answers[i]?.id}`;
      const asWanted = told === `${wanted.kind} ${wanted.id}`;
      const invariant =
        item.idempotency === null ? "conservation" : "one invocation per idempotency key";
      demand(asWanted, invariant, `${item.id} was ${told} instead of ${wanted.kind} ${wanted.id}`);
    }
  }

  #acceptance(item: NewInvocation): Accepted {
    const { id, functionId, idempotency, acceptedMs } = item;
    const name = `${functionId} ${idempotency?.key}`;
    if (this.all.has(id)) {
      if (idempotency !== null && !this.#keys.has(name))
        this.#keys.set(name, { id, ...idempotency });
      return this.#known("told twice", { kind: "repeated", id });
    }
    if (idempotency !== null) {
      const known = this.#keys.get(name);
      if (known !== undefined && known.expiresMs > acceptedMs) {
        const kind = known.digest === idempotency.digest ? "repeated" : "conflict";
        return this.#known(`key ${kind}`, { kind, id: known.id });
      }
      if (known !== undefined) this.reach("key taken anew");
      this.#keys.set(name, { id, ...idempotency });
    }
    const dueMs = Math.min(item.dueMs, item.expiresMs);
    const fact: Fact = {
      ...{ item, dueMs, attempts: [], counted: 0 },
      ...{ end: undefined, endedMs: 0, isUnwanted: false },
    };
    this.all.set(id, fact);
    this.open.set(id, fact);
    return { kind: "accepted", id };
  }

  #known(state: string, answer: Accepted): Accepted {
    this.reach(state);
    return answer;
  }

  claimed({ functionId, holder, nowMs, requestIds }: ClaimArgs, claimed: Claimed): void {
    const { runs, expired, told, nextDueMs } = claimed;
    const wantedTold = new Set<FunctionId>();
    const due = this.heads(functionId).filter(({ dueMs }) => dueMs <= nowMs);
    for (const id of expired) {
      const fact = this.#open(id, "expired");
      demand(
        fact.item.expiresMs <= nowMs,
        "nothing runs early or late",
        `${id} expired before its time`,
      );
      this.reach("expired while waiting");
      const tells = this.#end(fact, "expired", { nowMs });
      if (tells !== undefined) wantedTold.add(tells);
    }
    demand(
      [...wantedTold].join() === told.join(),
      "nothing due is passed over",
      `${told.join()} are said to be told instead of ${[...wantedTold].join()}`,
    );
    for (const run of runs) this.#hold(run, { holder, nowMs });
    const found = runs.length + expired.length;
    const wanted = Math.min(due.length, requestIds.length);
    demand(
      found === wanted,
      "nothing due is passed over",
      `of ${due.length} due of ${functionId}, ${found} were claimed`,
    );
    const next = this.nextDueMs(functionId);
    demand(
      next === nextDueMs,
      "nothing due is passed over",
      `the next of ${functionId} is due ${next}, told was ${nextDueMs}`,
    );
  }

  #hold(run: ClaimedRun, { holder, nowMs }: { holder: string; nowMs: number }): void {
    const { id, attempt, requestId } = run;
    const fact = this.#open(id, "claimed");
    const { item, attempts } = fact;
    demand(running(fact) === undefined, "ends once", `two attempts of ${id} at once`);
    const number = attempts.length + 1;
    demand(
      attempt === number,
      "bounded attempts",
      `attempt ${number} of ${id} is named ${attempt}`,
    );
    const early = fact.dueMs > nowMs;
    demand(!early, "nothing runs early or late", `${id} runs before it is due`);
    demand(item.expiresMs > nowMs, "nothing runs early or late", `${id} runs when it is too old`);
    demand(
      !this.#requestIds.has(requestId) && (requestId === id) === (number === 1),
      "what was accepted is what runs",
      `attempt ${number} of ${id} has request id ${requestId}`,
    );
    this.#requestIds.add(requestId);
    demand(
      asAccepted(run.payload, item) &&
        JSON.stringify(run.event) === JSON.stringify(item.event) &&
        run.accountId === item.accountId &&
        run.source === item.source,
      "what was accepted is what runs",
      `${id} runs with something else than it was accepted with`,
    );
    this.#checkKey(fact);
    attempts.push({ attempt, holder, requestId, outcome: undefined });
    if (number > 1) this.reach("another attempt");
  }

  #checkKey(fact: Fact): void {
    const { id, functionId, orderingKey } = fact.item;
    if (orderingKey === null) return;
    for (const other of this.open.values()) {
      if (other === fact) break;
      const { item } = other;
      if (item.functionId !== functionId || item.orderingKey !== orderingKey) continue;
      demand(
        running(other) === undefined,
        "one at a time per key",
        `${id} runs beside ${item.id} of its key ${orderingKey}`,
      );
      demand(false, "order per key", `${id} runs before ${item.id} of its key ${orderingKey}`);
    }
    for (const other of this.open.values()) {
      const { item } = other;
      if (other === fact || item.functionId !== functionId) continue;
      const isBeside = item.orderingKey === orderingKey && running(other) !== undefined;
      demand(!isBeside, "one at a time per key", `${id} runs beside ${item.id} of its key`);
    }
  }

  settled(
    { holder, items, nowMs }: { holder: string; items: readonly AttemptEnd[]; nowMs: number },
    answers: readonly Settled[],
  ): void {
    demand(items.length === answers.length, "no stale settle", "an end has no answer");
    for (const [i, item] of items.entries()) {
      const answer = answers[i];
      const fact = this.all.get(item.id);
      const own = fact === undefined ? undefined : running(fact);
      const isHeld = own?.holder === holder && own.attempt === item.attempt;
      const isStale = answer?.kind === "stale";
      demand(
        isHeld !== isStale,
        "no stale settle",
        `attempt ${item.attempt} of ${item.id} by ${holder} was ${answer?.kind}`,
      );
      if (isStale) this.reach("stale settle");
      else if (fact !== undefined && answer !== undefined) {
        const policy = this.policyOf(fact.item.functionId);
        const { outcome, isUncounted = false } = item;
        if (isUncounted) this.reach("not counted, as its breaker was open");
        this.#attempted(fact, outcome, { answer, nowMs, policy, isUncounted });
      }
    }
  }

  /** `freed` are those that the tables show to be held no more, in the order of the answers. */
  released(
    args: {
      readonly holder: string;
      readonly kept: readonly Pick<ClaimedRun, "id" | "attempt">[] | null;
      readonly rowsMax: number;
      readonly nowMs: number;
      readonly policy: AsyncPolicy;
    },
    answers: readonly Settled[],
    freed: readonly RequestId[],
  ): void {
    const { kept, holder, nowMs, rowsMax, policy } = args;
    const names = new Set(kept?.map(({ id, attempt }) => `${id} ${attempt}`));
    const lost = [...this.open.values()].filter((fact) => {
      const own = running(fact);
      return own?.holder === holder && !names.has(`${fact.item.id} ${own.attempt}`);
    });
    const ids = new Set(lost.map(({ item }) => item.id));
    const wanted = Math.min(lost.length, rowsMax);
    demand(
      freed.every((id) => ids.has(id)) && freed.length === wanted && answers.length === wanted,
      "conservation",
      `of ${lost.length} that ${holder} lost, ${freed.length} were freed`,
    );
    if (wanted < lost.length) this.reach("release in parts");
    if (wanted > 0 && names.size > 0) this.reach("release beside what is kept");
    for (const [i, id] of freed.entries()) {
      const answer = answers[i];
      if (answer === undefined) continue;
      this.#attempted(this.#open(id, "released"), "lost", { answer, nowMs, policy });
    }
  }

  /** `ids` are those that the tables show no more, in the order of acceptance. */
  endedWaiting(
    {
      functionId,
      rowsMax,
      nowMs,
    }: { readonly functionId: string; readonly rowsMax: number; readonly nowMs: number },
    answer: number,
    ids: readonly RequestId[],
  ): void {
    const blocked = new Set<string>();
    let wanted = 0;
    for (const fact of this.open.values()) {
      const { functionId: own, orderingKey } = fact.item;
      if (own !== functionId) continue;
      const isRunning = running(fact) !== undefined;
      if (isRunning && orderingKey !== null) blocked.add(orderingKey);
      if (!isRunning && (orderingKey === null || !blocked.has(orderingKey))) wanted += 1;
    }
    wanted = Math.min(wanted, rowsMax);
    demand(
      answer === wanted && ids.length === wanted,
      "nothing due is passed over",
      `of ${functionId} ${ids.length} ended, told was ${answer}, to end were ${wanted}`,
    );
    if (wanted > 0) this.reach("ended with its function");
    if (blocked.size > 0) this.reach("ended with its function, beside what runs");
    for (const id of ids) {
      const fact = this.#open(id, "ended with its function");
      const isHead = this.heads(functionId).includes(fact);
      demand(isHead, "order per key", `${id} ended before its turn`);
      this.#end(fact, "failed", { nowMs, isTold: false });
    }
  }

  /** `still` are the names that the tables show, of function and key. */
  forgotKeys(
    { nowMs, rowsMax }: { readonly nowMs: number; readonly rowsMax: number },
    answer: number,
    still: ReadonlySet<string>,
  ): void {
    const old = [...this.#keys.values()].filter(({ expiresMs }) => expiresMs <= nowMs);
    const gone = [...this.#keys].filter(([name]) => !still.has(name));
    demand(
      answer === Math.min(old.length, rowsMax) && gone.length === answer,
      "one invocation per idempotency key",
      `of ${old.length} old keys ${gone.length} were forgotten, told was ${answer}`,
    );
    for (const [name, { expiresMs }] of gone) {
      const isOld = expiresMs <= nowMs;
      demand(isOld, "one invocation per idempotency key", `${name} was forgotten while in force`);
      this.#keys.delete(name);
    }
    if (gone.length > 0) this.reach("keys forgotten");
  }

  /** Retention took an invocation. */
  forget(fact: Fact): void {
    const { id } = fact.item;
    if (fact.end !== undefined) this.gone.ends[fact.end] += 1;
    const [told] = (this.deliveries.get(id) ?? "").split(" ");
    if (told === "delivered" || told === "failed") this.gone.told[told] += 1;
    this.deliveries.delete(id);
    this.all.delete(id);
    this.forgotten.add(id);
    this.reach("forgotten");
  }

  cancelled(
    { id, nowMs }: { readonly id: RequestId; readonly nowMs: number },
    answer: Cancelled,
  ): void {
    const fact = this.open.get(id);
    const own = fact === undefined ? undefined : running(fact);
    const wanted = fact === undefined ? "over" : own === undefined ? "cancelled" : "running";
    demand(answer.kind === wanted, "ends once", `${id}: ${answer.kind} instead of ${wanted}`);
    this.reach(`cancel: ${wanted}`);
    if (fact === undefined) return;
    fact.isUnwanted = true;
    if (own !== undefined || answer.kind !== "cancelled") return;
    const { functionId, orderingKey } = fact.item;
    if (orderingKey !== null && !this.heads(functionId).includes(fact)) {
      this.reach("cancel: behind another of its key");
    }
    this.#end(fact, "cancelled", { nowMs, woke: answer.woke === functionId });
  }

  #attempted(
    fact: Fact,
    outcome: AttemptOutcome,
    {
      answer,
      nowMs,
      policy,
      isUncounted = false,
    }: { answer: Settled; nowMs: number; policy: AsyncPolicy; isUncounted?: boolean },
  ): void {
    const own = running(fact);
    if (own !== undefined) own.outcome = outcome;
    const { id, functionId, expiresMs } = fact.item;
    const kind = FAULTS[outcome];
    const fault = isUncounted && kind !== "never" ? undefined : kind;
    if (fault !== undefined) fact.counted += 1;
    const { attempts: attemptsMax } = this.policyOf(functionId);
    demand(fact.counted <= attemptsMax, "bounded attempts", `${id} failed ${fact.counted} times`);
    if (answer.kind === "retry") {
      this.reach(fault === undefined ? "retry, not counted" : "retry, counted");
      const mayRetry =
        outcome !== "ok" &&
        !fact.isUnwanted &&
        (fault === undefined || (fault !== "never" && policy.retryOn.includes(fault))) &&
        fact.counted < attemptsMax;
      demand(mayRetry, "bounded attempts", `${id} is tried again after ${outcome}`);
      const { retryDelayMs, retryDelayMsMax } = policy;
      const waitMs = answer.dueMs - nowMs;
      const inTime =
        waitMs >= Math.floor(retryDelayMs / 2) &&
        waitMs <= Math.max(retryDelayMs, retryDelayMsMax) &&
        answer.dueMs < expiresMs;
      demand(inTime, "nothing runs early or late", `${id} is tried again after ${waitMs} ms`);
      fact.dueMs = answer.dueMs;
      return;
    }
    if (answer.kind === "stale") return;
    const wanted = endAfter(fact, { outcome, fault, nowMs, policy });
    demand(
      answer.end === wanted,
      answer.end === "failed" ? "bounded attempts" : "ends once",
      `${id} ${answer.end} instead of ${wanted} after ${outcome}`,
    );
    this.reach(`attempt ended it: ${answer.end}`);
    const tells = this.#end(fact, answer.end, { nowMs, woke: answer.woke === true });
    demand(
      answer.told === tells,
      "nothing due is passed over",
      `${answer.told} is said to be told of ${id} instead of ${tells}`,
    );
  }

  #open(id: string, what: string): Fact {
    const fact = this.open.get(id);
    if (fact !== undefined) return fact;
    const known = this.all.get(id);
    if (known === undefined) throw new Broken("conservation", `${id}, ${what}, was never accepted`);
    throw new Broken("ends once", `${id} was ${what} after it had ${known.end}`);
  }

  /**
   * `woke` is what was told of the next of its key; nothing is, where it is looked at anyway.
   * Returns the function that is told of the end.
   */
  #end(
    fact: Fact,
    end: LedgerEnd,
    {
      nowMs,
      woke,
      isTold = true,
    }: { readonly nowMs: number; readonly woke?: boolean; readonly isTold?: boolean },
  ): FunctionId | undefined {
    const { id, functionId, orderingKey } = fact.item;
    demand(fact.end === undefined, "ends once", `${id} ended again`);
    const wasHead = running(fact) !== undefined || this.heads(functionId).includes(fact);
    fact.end = end;
    fact.endedMs = nowMs;
    this.open.delete(id);
    const next = this.heads(functionId).find(({ item }) => item.orderingKey === orderingKey);
    const isNext = wasHead && orderingKey !== null && next !== undefined;
    if (isNext) this.reach(`next of a key after ${end}`);
    demand(
      woke === undefined || woke === isNext,
      "nothing due is passed over",
      `that ${id} frees its key was ${woke === true ? "told" : "not told"}`,
    );
    return isTold ? this.#tell(fact, end, nowMs) : undefined;
  }

  #tell({ item }: Fact, end: LedgerEnd, nowMs: number): FunctionId | undefined {
    const { onSuccess, onFailure } = this.destinations[item.functionId] ?? {};
    const to = end === "succeeded" ? onSuccess : end === "cancelled" ? undefined : onFailure;
    if (to === undefined) return undefined;
    if (to.kind === "webhook" || to.kind === "topic") {
      this.reach("a webhook is owed a call");
      this.deliveries.set(item.id, "waiting null");
      return undefined;
    }
    const depth = item.event.d ?? 0;
    const isTooDeep = depth >= LIMITS.destinationDepthMax;
    if (to.kind === "missing" || isTooDeep) {
      this.reach(isTooDeep ? "told of too many ends" : "nobody there to be told");
      this.deliveries.set(item.id, "failed null");
      return undefined;
    }
    this.reach(`told of one that ${end}`);
    const id = derivedId("destination", item.id);
    this.deliveries.set(item.id, `delivered ${id}`);
    const told: NewInvocation = {
      ...{ seq: 0, id, accountId: item.accountId, functionId: to.functionId, app: to.app },
      ...{ fn: to.fn, source: "destination", sourceId: item.id, acceptedMs: nowMs, dueMs: nowMs },
      ...{ expiresMs: nowMs + to.maxAgeMs, orderingKey: null, idempotency: null },
      ...{ event: { d: depth + 1 }, payload: Buffer.from(`invocation.${end}`) },
    };
    const fact: Fact = {
      ...{ item: told, dueMs: nowMs, attempts: [], counted: 0 },
      ...{ end: undefined, endedMs: 0, isUnwanted: false },
    };
    this.all.set(id, fact);
    this.open.set(id, fact);
    return to.functionId;
  }
}

function asAccepted(payload: Uint8Array, item: NewInvocation): boolean {
  if (item.source !== "destination") return Buffer.compare(payload, item.payload) === 0;
  const told = JSON.parse(Buffer.from(payload).toString()) as { id: string; type: string };
  return told.id === item.sourceId && told.type === Buffer.from(item.payload).toString();
}

/** By which end, if by any, an attempt that has ended so ends its invocation. */
function endAfter(
  fact: Fact,
  {
    outcome,
    fault,
    nowMs,
    policy,
  }: { outcome: string; fault: string | undefined; nowMs: number; policy: AsyncPolicy },
): LedgerEnd | "retry" {
  if (fact.isUnwanted) return "cancelled";
  if (outcome === "ok") return "succeeded";
  const isTriedAgain =
    fault === undefined ||
    (fact.counted < policy.attempts && policy.retryOn.some((kind) => kind === fault));
  if (!isTriedAgain) return "failed";
  const latestMs = nowMs + Math.max(policy.retryDelayMs, policy.retryDelayMsMax);
  return latestMs >= fact.item.expiresMs ? "expired" : "retry";
}
