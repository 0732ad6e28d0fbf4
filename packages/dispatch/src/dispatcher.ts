/**
 * Performs what the lanes decide: claims in the name of a gateway, ends of what waits for functions
 * that are gone, and one timer for what is due next. It knows which attempts are out.
 *
 * Where nothing is due nothing happens: no look at the store, no timer.
 */
import { PlatformError, type Cancel, type FunctionId } from "@skerry/base";
import { failFunction, type AttemptOutcome } from "@skerry/contracts";
import {
  slotOf,
  type ClaimedRun,
  type HeldAttempt,
  type LedgerClock,
  type Sequence,
  type Settled,
} from "@skerry/invocations";
import type { ConfigView } from "./config-view.ts";
import {
  countOpenBreakers,
  createLanes,
  decide,
  judge,
  nextLookMs,
  viewOf,
  type Attempt,
  type LanesEffect,
  type LanesEvent,
  type LanesState,
  type LaneView,
} from "./lanes.ts";
import type { DispatchLimits } from "./limits.ts";
import type { DispatchDeps } from "./ports.ts";
import { storeModule } from "./store-module.ts";

export interface DispatcherDeps extends DispatchDeps {
  readonly clock: LedgerClock;
  readonly config: ConfigView;
  /** One of this process; see `createSequence`. */
  readonly nextSeq: Sequence;
}

export interface DispatcherOptions {
  /** Sends attempts that were claimed in the name of a holder. */
  readonly run: (holder: string, runs: readonly ClaimedRun[]) => void;
  /** Nobody knows what the store gave to this holder: it must say what it holds anew. */
  readonly doubt: (holder: string) => void;
  /** Of this lane an address is owed a call, or a topic what ended. */
  readonly owe: (lane: string) => void;
  /** So many more of a function are open, and not by an acceptance that came to control. */
  readonly onOpen: (functionId: FunctionId, count: number) => void;
  /** These attempts are out no more. */
  readonly onFreed: (names: readonly AttemptName[]) => void;
  /** Something waited for this function, which is not there. */
  readonly onGone: (functionId: FunctionId) => void;
  /** Something was accepted, begun or ended, or will be. */
  readonly onActivity: () => void;
  readonly limits: DispatchLimits;
}

const NO_CLAIMS: ReadonlySet<Promise<void>> = new Set();

export interface AttemptName {
  readonly id: string;
  readonly attempt: number;
}

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #options: DispatcherOptions;
  readonly #lanes: LanesState;
  readonly #out = new Map<string, Attempt>();
  /** Claims under way, by holder. */
  readonly #claims = new Map<string, Set<Promise<void>>>();
  #cancelTimer: Cancel | undefined;
  #timerMs = Infinity;
  #isStopped = false;
  /** The store failed, and has answered nothing since. */
  #isFailing = false;
  #starts = 0;
  #startWaitMs = 0;
  #breakersOpened = 0;

  constructor(deps: DispatcherDeps, options: DispatcherOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#lanes = createLanes(options.limits);
  }

  /** Attempts begun since the start, and how long they had waited since they were due, summed. */
  get figures(): {
    readonly starts: number;
    readonly startWaitMs: number;
    readonly lanes: number;
    readonly out: number;
    /** Functions whose breaker is open, and how often one has opened since the start. */
    readonly breakersOpen: number;
    readonly breakersOpened: number;
  } {
    const { size: lanes } = this.#lanes.lanes;
    const { size: out } = this.#out;
    const breakersOpen = countOpenBreakers(this.#lanes);
    return {
      ...{ starts: this.#starts, startWaitMs: this.#startWaitMs, lanes, out },
      ...{ breakersOpen, breakersOpened: this.#breakersOpened },
    };
  }

  /** Undefined when nothing of the function waits, is out, or is remembered. */
  laneOf(functionId: FunctionId): LaneView | undefined {
    return viewOf(this.#lanes, functionId);
  }

  /**
   * What the end of an attempt means for its function's breaker; told in the order of ends, before
   * they are freed. False when it is to use up none of its invocation's attempts.
   */
  isCounted(name: AttemptName, outcome: AttemptOutcome): boolean {
    const attempt = this.#out.get(keyOf(name));
    if (attempt === undefined) return true;
    const { functionId } = attempt;
    const said = { ...attempt, outcome: attempt.isStopping === true ? "cancelled" : outcome };
    const verdict = judge(this.#lanes, said, this.#deps.clock.wallMs());
    const { log } = this.#deps;
    if (verdict.turn === "opened") {
      this.#breakersOpened += 1;
      log.warn("a breaker opened: nothing of the function is begun for now", { functionId });
    } else if (verdict.turn === "closed") {
      log.info("a breaker closed: the function runs again", { functionId });
    }
    return verdict.isCounted;
  }

  /** Something of the function can be claimed from `dueMs` on. */
  wake(functionId: FunctionId, dueMs: number): void {
    const facts = this.#deps.config.factsOf(functionId);
    this.feed({ kind: "woken", functionId, dueMs, facts });
  }

  /** Lets the lanes decide and does what they say. */
  feed(event: LanesEvent): void {
    const nowMs = this.#deps.clock.wallMs();
    const effects = decide(this.#lanes, event, nowMs);
    this.#options.onActivity();
    if (this.#isStopped) return;
    for (const effect of effects) void this.#perform(effect);
    this.#setTimer(nowMs);
  }

  /** What became of attempts that ended: wakes who waits for it. */
  absorb(answers: readonly Settled[]): void {
    for (const answer of answers) {
      if (answer.kind === "retry") this.wake(answer.functionId, answer.dueMs);
      if (answer.kind !== "settled") continue;
      this.#options.onOpen(answer.functionId, -1);
      if (answer.told !== undefined) this.#options.onOpen(answer.told, 1);
      if (answer.woke) this.wake(answer.functionId, 0);
      if (answer.told !== undefined) this.wake(answer.told, 0);
      if (answer.webhook !== undefined) this.#options.owe(answer.webhook);
    }
  }

  /** Somebody cancelled it: its end says nothing of its function. */
  stopping(name: AttemptName): void {
    const attempt = this.#out.get(keyOf(name));
    if (attempt !== undefined) this.#out.set(keyOf(name), { ...attempt, isStopping: true });
  }

  attemptOf(name: AttemptName): Attempt | undefined {
    return this.#out.get(keyOf(name));
  }

  /** These are out no more; returns those that were. */
  free(
    names: readonly (AttemptName & { readonly wasThrottled?: boolean | undefined })[],
  ): readonly OutAttempt[] {
    const freed: OutAttempt[] = [];
    const events = names.flatMap((name) => {
      const attempt = this.#out.get(keyOf(name));
      if (attempt === undefined) return [];
      this.#out.delete(keyOf(name));
      freed.push({ ...name, ...attempt });
      return [{ ...attempt, wasThrottled: name.wasThrottled }];
    });
    if (events.length > 0) this.feed({ kind: "freed", attempts: events });
    this.#options.onFreed(freed);
    return freed;
  }

  /** These are out although nothing was claimed for them here. */
  found(attempts: readonly OutAttempt[]): void {
    const fresh = attempts.filter((attempt) => !this.#out.has(keyOf(attempt)));
    for (const { functionId, holder, bytes, ...name } of fresh) {
      this.#out.set(keyOf(name), { functionId, holder, bytes });
    }
    if (fresh.length > 0) this.feed({ kind: "found", attempts: fresh });
  }

  /** Brings what is known to be out in line with what a holder holds. */
  reconcile(holder: string, held: readonly HeldAttempt[]): void {
    const names = new Set(held.map(keyOf));
    const gone = [...this.#out].filter(
      ([key, attempt]) => attempt.holder === holder && !names.has(key),
    );
    this.free(gone.map(([key]) => nameOf(key)));
    this.found(held.map((attempt) => ({ ...attempt, holder, bytes: 0 })));
  }

  /** As a claim is: what the holder held before is not compared until this is over. */
  async asClaim<T>(holder: string, work: Promise<T>): Promise<T> {
    const over = work.then(
      () => undefined,
      () => undefined,
    );
    void this.#note(holder, over);
    return await work;
  }

  /** Resolves when no claim in the name of the holder is under way. */
  async claimsDone(holder: string): Promise<void> {
    await Promise.all(this.#claims.get(holder) ?? NO_CLAIMS);
  }

  /** Claims nothing more; resolves when no claim is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await Promise.all([...this.#claims.values()].flatMap((claims) => [...claims]));
  }

  async #perform(effect: LanesEffect): Promise<void> {
    const holder = effect.kind === "claim" ? effect.holder : "";
    const work = effect.kind === "claim" ? this.#claim(effect) : this.#end(effect.functionId);
    await this.#note(holder, work);
  }

  async #note(holder: string, work: Promise<void>): Promise<void> {
    const claims = this.#claims.get(holder) ?? new Set();
    this.#claims.set(holder, claims.add(work));
    await work;
    claims.delete(work);
    if (claims.size === 0 && this.#claims.get(holder) === claims) this.#claims.delete(holder);
  }

  async #claim({
    functionId,
    holder,
    max,
    isTrial,
  }: Extract<LanesEffect, { kind: "claim" }>): Promise<void> {
    const { store, clock, config, ids, random, nextSeq } = this.#deps;
    const nowMs = clock.wallMs();
    const requestIds = Array.from({ length: max }, () => ids.requestId());
    const bytesMax = this.#options.limits.claimBytesMax;
    const destinations = config.destinationsOf(functionId);
    const named = { functionId, holder, nowMs, requestIds, bytesMax };
    const toldSeq = destinations && nextSeq(max);
    const args = { ...named, destinations, toldSeq, slot: slotOf(random) };
    const answered = { kind: "claimed", functionId, holder, asked: max, isTrial } as const;
    try {
      const claimed = await store.call(storeModule, "claim", args);
      const { runs, expired, told, webhooks, nextDueMs } = claimed;
      this.#options.onOpen(functionId, -expired.length);
      this.#isFailing = false;
      let bytes = 0;
      for (const run of runs) {
        const { id, attempt, payload, dueMs } = run;
        bytes += payload.length;
        const out = { functionId, holder, bytes: payload.length, isTrial };
        this.#out.set(keyOf({ id, attempt }), out);
        this.#startWaitMs += Math.max(0, nowMs - dueMs);
      }
      this.#starts += runs.length;
      if (runs.length > 0) this.#options.run(holder, runs);
      this.feed({ ...answered, taken: runs.length, bytes, nextDueMs });
      for (const id of told) this.wake(id, 0);
      for (const webhook of webhooks) this.#options.owe(webhook);
    } catch (error) {
      this.#tellFailure("nothing could be claimed; it is tried again", { functionId, error });
      if (PlatformError.from(error).reason === "STORE_OUTCOME_UNKNOWN") this.#options.doubt(holder);
      const nextDueMs = nowMs + this.#options.limits.claimAgainMs;
      this.feed({ ...answered, taken: 0, bytes: 0, nextDueMs });
    }
  }

  async #end(functionId: FunctionId): Promise<void> {
    const { store, clock, config, random } = this.#deps;
    const rowsMax = this.#options.limits.releaseRowsMax;
    const error = failFunction("FUNCTION_NOT_FOUND", { function: functionId }).toWire();
    const nowMs = clock.wallMs();
    const args = { functionId, error, nowMs, rowsMax, slot: slotOf(random) };
    try {
      // Another platform may have made it a moment ago.
      await config.refresh();
      if (config.factsOf(functionId) !== undefined) {
        this.feed({ kind: "configured", factsOf: (id) => config.factsOf(id) });
        return this.feed({ kind: "ended", functionId, isMore: true });
      }
      this.#options.onGone(functionId);
      const ended = await store.call(storeModule, "endWaiting", args);
      this.#isFailing = false;
      this.#options.onOpen(functionId, -ended);
      this.feed({ kind: "ended", functionId, isMore: ended >= rowsMax });
    } catch (failure) {
      const what = "what waits for a removed function could not be ended";
      this.#tellFailure(what, { functionId, error: failure });
      this.feed({ kind: "ended", functionId, isMore: false });
      this.wake(functionId, nowMs + this.#options.limits.claimAgainMs);
    }
  }

  /** A warning for the first: every lane meets what one has met, several times a second. */
  #tellFailure(message: string, fields: { readonly functionId: FunctionId; error: unknown }): void {
    const level = this.#isFailing ? "debug" : "warn";
    this.#isFailing = true;
    this.#deps.log[level](message, fields);
  }

  /** One timer; it may run early, and looks again then. */
  #setTimer(nowMs: number): void {
    const nextMs = nextLookMs(this.#lanes) ?? Infinity;
    if (nextMs === this.#timerMs) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerMs = nextMs;
    if (nextMs === Infinity) return;
    const waitMs = Math.min(Math.max(0, nextMs - nowMs), this.#options.limits.sleepMsMax);
    this.#cancelTimer = this.#deps.clock.schedule(waitMs, () => {
      this.#timerMs = Infinity;
      this.feed({ kind: "looked" });
    });
  }
}

/** An attempt that is out, with its name. */
export interface OutAttempt extends AttemptName, Attempt {}

function keyOf({ id, attempt }: AttemptName): string {
  return `${id} ${attempt}`;
}

function nameOf(key: string): AttemptName {
  const [id = "", attempt] = key.split(" ");
  return { id, attempt: Number(attempt) };
}
