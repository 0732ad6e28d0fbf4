/**
 * Matches events that wait against the rules in force, and has what comes of it written. Any number
 * of runners may work on one database, and each may die between any two steps: what is read is only
 * a hint, and the transaction goes by the rules that it was matched against or does nothing
 * (`fanOut`). Between two puts nothing is done, but a look now and then where platforms share the
 * store, or where a rule hears of what the ledger puts by itself.
 */
import {
  delay,
  WokenWork,
  type AccountId,
  type Clock,
  type FunctionId,
  type Log,
  type Random,
} from "@skerry/base";
import { slotOf } from "@skerry/invocations";
import type { Store } from "@skerry/store";
import { compilePattern, type PendingEvents } from "@skerry/triggers";
import type { Ledger } from "../ledger.ts";
import { storeModule } from "../store-module.ts";
import type { FanOutStep, TopicGrown } from "./fan-out.ts";
import { matchEvent, stepsOf, type CompiledRule } from "./plan.ts";
import { Room } from "./room.ts";

export interface BusRunnerDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly ledger: Pick<Ledger, "holdBackMs" | "maxAgeOf" | "nextSeq" | "wake">;
  /** Messages were published. */
  readonly onGrown: (grown: TopicGrown) => void;
}

const FAN_OUT = {
  /** Events of one account that are looked at before those of the next. */
  eventsAtOnceMax: 32,
  /** Accounts whose rules are remembered; beyond it they are read again. */
  accountsMax: 100,
  /** What one transaction takes. */
  invocationsMax: 256,
  bytesMax: 4 << 20,
  /** An event as large is matched by itself, and others of control go before the next one. */
  largeBytes: 16 << 10,
  /** Between two looks, on a shared store. */
  lookEveryMs: 2_000,
  /** Until a look that failed is tried again; doubles up to the second. */
  againMsMin: 20,
  againMsMax: 2_000,
} as const;

interface RulesAt {
  readonly version: number;
  readonly rules: readonly CompiledRule[];
}

export class BusRunner {
  readonly #deps: BusRunnerDeps;
  readonly #isShared: boolean;
  readonly #room: Room;
  readonly #rules = new Map<AccountId, RulesAt>();
  readonly #closing = new AbortController();
  readonly #looks: WokenWork;
  /** When a look that failed is tried again. */
  #againMs: number | undefined;
  #failures = 0;
  #hearsEnds = false;

  constructor(deps: BusRunnerDeps, options: { readonly isShared: boolean }) {
    this.#deps = deps;
    this.#looks = new WokenWork(deps.clock, {
      work: () => this.#lookOrFail(),
      rest: () => this.#rest(),
    });
    this.#room = new Room(deps, options);
    this.#isShared = options.isShared;
  }

  /** Something may wait: looks at once. */
  wake(): void {
    this.#looks.wake();
  }

  /** While somebody hears of ends, which others put, it looks now and then by itself. */
  listen(hearsEnds: boolean): void {
    const isNew = hearsEnds && !this.#hearsEnds;
    this.#hearsEnds = hearsEnds;
    if (isNew) this.wake();
  }

  /** Invocations have ended. */
  ended(): void {
    const lookInMs = this.#room.freed();
    if (this.#hearsEnds) this.wake();
    else if (lookInMs !== undefined && !this.#looks.isRunning) this.#looks.after(lookInMs);
  }

  /** Resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#looks.close();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #lookOrFail(): Promise<void> {
    try {
      await this.#look();
      this.#failures = 0;
      this.#againMs = undefined;
    } catch (error) {
      const againMs = Math.min(FAN_OUT.againMsMax, FAN_OUT.againMsMin * 2 ** this.#failures);
      this.#failures += 1;
      this.#againMs = againMs;
      if (!this.#isClosed)
        this.#deps.log.warn("events could not be matched; it is tried again", { error, againMs });
    }
  }

  #rest(): void {
    const byItself = this.#isShared || this.#hearsEnds ? FAN_OUT.lookEveryMs : Infinity;
    const waitMs = Math.min(this.#againMs ?? byItself, this.#room.restMs ?? Infinity);
    if (waitMs !== Infinity) this.#looks.after(waitMs);
  }

  /** Until nothing waits, from the first account to the last. */
  async #look(): Promise<void> {
    const limit = FAN_OUT.eventsAtOnceMax;
    for (let after = ""; !this.#isClosed;) {
      const isMore = await this.#room.enter(() => this.#isClosed);
      const pending = await this.#deps.store.call(storeModule, "findPending", { limit, after });
      if (pending.length === 0 && after === "" && !isMore) return;
      for (const one of pending) await this.#match(one);
      after = pending.at(-1)?.accountId ?? "";
    }
  }

  /** What is overtaken is found again, or not. */
  async #match({ accountId, version, events }: PendingEvents): Promise<void> {
    const at = await this.#rulesOf(accountId, version);
    const { clock, random, ledger } = this.#deps;
    let steps: FanOutStep[] = [];
    let size = { invocations: 0, bytes: 0 };
    for (const kept of events) {
      if (this.#isClosed) return;
      const facts = {
        nowMs: clock.wallMs(),
        spread: Math.floor(random.float() * 2 ** 31),
        nextSeq: () => ledger.nextSeq(),
        maxAgeOf: ledger.maxAgeOf,
        hasRoom: (id: FunctionId) => this.#room.has(id),
      };
      const matched = matchEvent(kept, at.rules);
      for (const step of stepsOf(matched, facts)) {
        const count = step.invocations.length + step.topics.length;
        const bytes = count * kept.body.byteLength;
        const isFull =
          size.invocations + count > FAN_OUT.invocationsMax ||
          size.bytes + bytes > FAN_OUT.bytesMax;
        if (isFull && steps.length > 0) {
          if (!(await this.#take({ accountId, version: at.version, steps }))) return;
          steps = [];
          size = { invocations: 0, bytes: 0 };
        }
        steps.push(step);
        size = { invocations: size.invocations + count, bytes: size.bytes + bytes };
      }
      if (kept.body.byteLength >= FAN_OUT.largeBytes) await this.#breathe();
    }
    if (steps.length > 0) await this.#take({ accountId, version: at.version, steps });
  }

  /** False when it was overtaken: nothing of it was written. */
  async #take(part: {
    readonly accountId: AccountId;
    readonly version: number;
    readonly steps: readonly FanOutStep[];
  }): Promise<boolean> {
    const { store, clock, random, ledger, onGrown } = this.#deps;
    const nowMs = clock.wallMs();
    const answer = await store.call(storeModule, "fanOut", {
      ...{ ...part, nowMs, slot: slotOf(random) },
    });
    if (answer.kind === "overtaken") {
      this.#rules.delete(part.accountId);
      return false;
    }
    for (const grown of answer.grown) onGrown(grown);
    const woken = new Set(
      part.steps.flatMap(({ invocations }) => invocations.map(({ functionId }) => functionId)),
    );
    for (const functionId of woken) ledger.wake(functionId, nowMs);
    return true;
  }

  async #rulesOf(accountId: AccountId, version: number): Promise<RulesAt> {
    const known = this.#rules.get(accountId);
    if (known?.version === version) return known;
    const read = await this.#deps.store.call(storeModule, "readRules", { accountId });
    const rules = read.rules.flatMap((rule): readonly CompiledRule[] => {
      const compiled = compilePattern(JSON.parse(rule.pattern));
      if (compiled.ok) return [{ rule, pattern: compiled.pattern }];
      const { problems } = compiled;
      this.#deps.log.error("a rule cannot be read and matches nothing", {
        rule: rule.id,
        problems,
      });
      return [];
    });
    const at = { version: read.version, rules };
    if (this.#rules.size >= FAN_OUT.accountsMax) this.#rules.clear();
    this.#rules.set(accountId, at);
    return at;
  }

  async #breathe(): Promise<void> {
    await delay(this.#deps.clock, 0, this.#closing.signal).catch(() => undefined);
  }
}
