/**
 * The bus as control's API sees it, by its operations, and what works for it: who puts, who
 * matches, who forgets.
 */
import type { AccountId, FunctionId, IdSource } from "@skerry/base";
import type {
  KeptEventResource,
  PutEventsAnswer,
  RuleRequest,
  RuleResource,
} from "@skerry/api-schema";
import { invalid, type PublishResult } from "@skerry/contracts";
import { Batches } from "@skerry/invocations";
import {
  compilePattern,
  eventBytes,
  hearsType,
  matchesPattern,
  readCloudEvent,
  type CloudEvent,
  type KeptEvent,
  type EventShare,
  type NewEvent,
  type Pattern,
  type RuleSpec,
} from "@skerry/triggers";
import { storeModule } from "../store-module.ts";
import { jsonOf, refusedPublish, type FunctionPublish } from "../function-publish.ts";
import { eventsOf } from "./function-events.ts";
import { BusSweeper, type KeptEvents } from "./sweeper.ts";
import { HEARD_TYPES, platformEvent, type PlatformTelling } from "./platform-events.ts";
import { keptEventOf, ruleResourceOf } from "./resource.ts";
import { BusRunner, type BusRunnerDeps } from "./runner.ts";

/** A rule by its name within an app. */
export interface RuleName {
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
}

/** A change of it; `ifVersion` null is of any version, 0 of none. */
export interface RuleChange extends RuleName {
  readonly ifVersion: number | null;
}

export interface BusDeps extends BusRunnerDeps {
  readonly ids: IdSource;
}

export interface BusOptions extends KeptEvents {
  /** Platforms share the store. */
  readonly isShared: boolean;
}

const PUT_BOUNDS = {
  atOnceMax: 1,
  itemsMax: 1_000,
  bytesMax: 8 << 20,
  waitingItemsMax: 20_000,
  waitingBytesMax: 64 << 20,
} as const;
/** Bytes of events in one answer. */
const READ_BYTES_MAX = 1 << 20;
const READ_ROWS_MAX = 100;

/** Each operation rejects with the reasons of the bus and of the store. */
export class Bus {
  readonly #deps: BusDeps;
  readonly #runner: BusRunner;
  readonly #sweeper: BusSweeper;
  /** Of accounts for which something is on its way. */
  readonly #puts = new Map<AccountId, Batches<NewEvent, number | null>>();

  constructor(deps: BusDeps, options: BusOptions) {
    this.#deps = deps;
    this.#runner = new BusRunner(deps, options);
    this.#sweeper = new BusSweeper(deps, options);
  }

  /** Takes up what waits. Rejects with the store's reasons. */
  async start(): Promise<void> {
    await this.#listen();
    this.#runner.wake();
    this.#sweeper.start();
  }

  /** Invocations have ended, and the bus was told of it where somebody hears. */
  ended(): void {
    this.#runner.ended();
  }

  /** Whether any rule hears of ends, which transactions of the ledger put. */
  async #listen(): Promise<void> {
    this.#runner.listen(await this.isHeard());
  }

  /** Resolves when nothing of it uses the store any more. */
  async close(): Promise<void> {
    await Promise.all([this.#runner.close(), this.#sweeper.close()]);
  }

  /** What users put. Resolves when it is on disk, all or none. Also rejects with INPUT_INVALID. */
  async putEvents(accountId: AccountId, events: readonly unknown[]): Promise<PutEventsAnswer> {
    const { items, seqs } = await this.#put({ accountId, app: "" }, events);
    return { events: items.map(({ id }, i) => ({ id, repeated: seqs[i] === null })) };
  }

  /** What a function puts, as its gateway hands it on. Never rejects. */
  async publish({ head, bytes }: FunctionPublish): Promise<PublishResult> {
    try {
      const [app = ""] = head.f?.split("/") ?? [];
      const of = { accountId: head.a, app };
      const { seqs } = await this.#put(of, eventsOf(jsonOf(bytes), head));
      return { ok: true, places: seqs.map((seq) => [0, seq ?? -1]) };
    } catch (thrown) {
      return refusedPublish(thrown);
    }
  }

  async #put({ accountId, app }: EventShare, events: readonly unknown[]) {
    const read = this.#readEvents(events);
    const items = read.map((event): NewEvent => {
      const { id, source, type } = event;
      return { id, source, type, app, depth: 0, body: eventBytes(event) };
    });
    const seqs = await this.#putsOf(accountId).add(items);
    this.#runner.wake();
    return { items, seqs };
  }

  /** What the platform tells of itself; told again under the same id, it is there once. */
  async tell(telling: PlatformTelling): Promise<void> {
    const { store, clock } = this.#deps;
    const nowMs = clock.wallMs();
    const items = [platformEvent(telling, nowMs)];
    const args = { accountId: telling.accountId, items, nowMs, mayRefuse: false };
    await store.call(storeModule, "putEvents", args);
    this.#runner.wake();
  }

  /** Whether any rule hears of what is told only then. Rejects with the store's reasons. */
  async isHeard(): Promise<boolean> {
    return (await this.#deps.store.call(storeModule, "listeners", null)).length > 0;
  }

  /** The same, where a rule of the account hears of what is told only then. */
  async tellHeard(telling: PlatformTelling): Promise<void> {
    const accounts = await this.#deps.store.call(storeModule, "listeners", null);
    if (accounts.includes(telling.accountId)) await this.tell(telling);
  }

  async listEvents(args: {
    readonly accountId: AccountId;
    readonly query: { readonly cursor?: string | undefined; limit: number; from: string };
  }): Promise<{ readonly items: readonly KeptEventResource[]; readonly nextCursor: string }> {
    const { store } = this.#deps;
    const { accountId, query } = args;
    const limit = Math.min(query.limit, READ_ROWS_MAX);
    let after = await this.#startOf(query);
    const rows = await store.call(storeModule, "listEvents", { accountId, after, limit });
    const shown: KeptEvent[] = [];
    let bytes = 0;
    for (const row of rows) {
      bytes += row.body.byteLength;
      if (shown.length > 0 && bytes > READ_BYTES_MAX) break;
      shown.push(row);
      after = row.seq;
    }
    return { items: shown.map(keptEventOf), nextCursor: String(after) };
  }

  /** By name from `after` on, one more than `limit` when there are more. */
  async listRules(args: {
    readonly accountId: AccountId;
    readonly app: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly RuleResource[]> {
    return (await this.#deps.store.call(storeModule, "listRules", args)).map(ruleResourceOf);
  }

  async getRule(name: RuleName): Promise<RuleResource> {
    return ruleResourceOf(await this.#deps.store.call(storeModule, "getRule", name));
  }

  /** Rejects with why a change would be refused; without a request, of one that is there. */
  async checkRule(args: RuleChange & { readonly request: RuleRequest | null }): Promise<void> {
    const { request, ...change } = args;
    if (request !== null) compile(request.pattern);
    const mustExist = request === null;
    await this.#deps.store.call(storeModule, "checkRule", { ...change, mustExist });
  }

  /** `functionId` null when the rule publishes. Also rejects with INPUT_INVALID. */
  async putRule(
    args: RuleChange & {
      readonly functionId: FunctionId | null;
      readonly request: RuleRequest;
      readonly action?: string;
    },
  ): Promise<RuleResource> {
    const { functionId, request, action, ...change } = args;
    const { store, clock, ids } = this.#deps;
    const owner = action === undefined ? {} : ({ madeBy: "action", action } as const);
    const spec = { ...specOf(request, functionId), ...owner };
    const made = { ...change, spec, freshId: ids.id("rul"), wallMs: clock.wallMs() };
    const record = await store.call(storeModule, "putRule", made);
    await this.#listen();
    return ruleResourceOf(record);
  }

  /** `functionId` is what the rule's function is now. */
  async setRuleEnabled(
    args: RuleChange & { readonly enabled: boolean; readonly functionId: FunctionId | null },
  ): Promise<RuleResource> {
    const { store, clock } = this.#deps;
    const change = { ...args, wallMs: clock.wallMs() };
    const record = await store.call(storeModule, "setRuleEnabled", change);
    await this.#listen();
    return ruleResourceOf(record);
  }

  async removeRule(change: RuleChange): Promise<void> {
    await this.#deps.store.call(storeModule, "deleteRule", change);
  }

  /** Throws INPUT_INVALID. */
  testPattern(args: { readonly pattern: unknown; readonly event: unknown }): boolean {
    const pattern = compile(args.pattern);
    const [event] = this.#readEvents([args.event]);
    return event !== undefined && matchesPattern(pattern, event);
  }

  /** Pauses its rules; they say why. */
  async functionRemoved(functionId: FunctionId): Promise<void> {
    const { store, clock } = this.#deps;
    await store.call(storeModule, "pauseRulesOf", { functionId, wallMs: clock.wallMs() });
  }

  /** Removes its rules. */
  async appRemoved(args: { readonly accountId: AccountId; readonly app: string }): Promise<void> {
    await this.#deps.store.call(storeModule, "deleteRulesOfApp", args);
  }

  #readEvents(events: readonly unknown[]): readonly CloudEvent[] {
    const { clock, ids } = this.#deps;
    const timeMs = clock.wallMs();
    const read = events.map((event) => readCloudEvent(event, { id: ids.requestId(), timeMs }));
    const problems = read.flatMap((one, i) =>
      one.ok ? [] : one.problems.map((problem) => `events.${i}.${problem}`),
    );
    if (problems.length > 0) throw invalid("body", problems);
    return read.flatMap((one) => (one.ok ? [one.event] : []));
  }

  #putsOf(accountId: AccountId): Batches<NewEvent, number | null> {
    const known = this.#puts.get(accountId);
    if (known !== undefined) return known;
    const { store, clock } = this.#deps;
    const batches = new Batches<NewEvent, number | null>({
      ...PUT_BOUNDS,
      bytesOf: ({ body }) => body.byteLength,
      write: (items) => {
        const args = { accountId, items, nowMs: clock.wallMs(), mayRefuse: true };
        return store.call(storeModule, "putEvents", args);
      },
      onIdle: () => this.#puts.delete(accountId),
    });
    this.#puts.set(accountId, batches);
    return batches;
  }

  async #startOf(query: { readonly cursor?: string | undefined; readonly from: string }) {
    const { cursor, from } = query;
    if (cursor !== undefined) {
      if (!/^\d{1,16}$/.test(cursor)) throw invalid("query", ["cursor: it was never given out"]);
      return Number(cursor);
    }
    if (from === "earliest") return 0;
    const timeMs = from === "latest" ? null : Date.parse(from);
    return await this.#deps.store.call(storeModule, "eventsFrom", { timeMs });
  }
}

/** Throws INPUT_INVALID. */
function compile(pattern: unknown): Pattern {
  const compiled = compilePattern(pattern);
  if (!compiled.ok) throw invalid("body", compiled.problems);
  return compiled.pattern;
}

/** Throws INPUT_INVALID. */
function specOf(request: RuleRequest, functionId: FunctionId | null): RuleSpec {
  const { function: fn = null, topic = null, eventFormat, enabled, madeBy = null } = request;
  const pattern = compile(request.pattern);
  const hearsEnds = HEARD_TYPES.some((type) => hearsType(pattern, type));
  const text = JSON.stringify(request.pattern);
  const to = { functionId, fn, topic, eventFormat };
  return { pattern: text, hearsEnds, ...to, enabled, madeBy, action: null };
}
