/**
 * Runs the batches of topics as invocations: a source for each group, whose batches enter the
 * ledger under ids that follow from their names, and are acknowledged by how the ledger says they
 * ended. The ledger's record is the only word on that, so a batch that comes again after a death is
 * never run twice: it is known there, and what is known of it is taken.
 *
 * Ends of this process's own are heard of at once, all others by looking. While no group exists,
 * nothing is done but a look now and then where platforms share a database.
 */
import type { Cancel, Clock, Log, Random, RequestId, TopicGroupId, TopicId } from "@skerry/base";
import type { Store } from "@skerry/store";
import {
  createLogSource,
  createTopicPort,
  laneOf,
  type BatchEnd,
  type LogSource,
  type NamedGroup,
  type TopicCalls,
  type TriggerBatch,
} from "@skerry/triggers";
import type { Ledger } from "../ledger.ts";
import { storeModule } from "../store-module.ts";
import { batchEndOf, batchId } from "./batch-event.ts";
import { isEntered } from "./entered.ts";
import { batchEvent } from "./event-formats.ts";
import { splitName } from "./resource.ts";
import { SharedLeases } from "./shared-leases.ts";

export interface TopicRunnerDeps {
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly ledger: Pick<Ledger, "accept" | "functionOf">;
}

export interface TopicRunnerOptions {
  /** Named anew at each start. */
  readonly holder: string;
  /** Platforms share the store. */
  readonly isShared: boolean;
}

export const TOPIC_RUNS = {
  leaseEveryMs: 1_000,
  /** Below the time between two looks of a group, so that each of them shares with the others. */
  leaseFreshMs: 900,
  leaseTtlMs: 6_000,
  /** Between two looks at which groups there are, on a shared store. */
  lookEveryMs: 5_000,
  /** Between two looks at how what is out ended. */
  endsEveryMs: 1_000,
  endsAtOnceMax: 200,
} as const;

/** A group, and who reads for it. */
interface Reading {
  readonly group: NamedGroup;
  readonly source: LogSource;
}

/** A batch that was given out. */
interface Out {
  readonly reading: Reading;
  readonly name: string;
  /** Whether the ledger has it; `unsure` when that could not be read. */
  state: "entering" | "entered" | "unsure";
}

export class TopicRunner {
  readonly #deps: TopicRunnerDeps;
  readonly #options: TopicRunnerOptions;
  readonly #leases: SharedLeases;
  readonly #readings = new Map<TopicGroupId, Reading>();
  readonly #out = new Map<RequestId, Out>();
  /** How these ended is asked for next. */
  readonly #asked = new Set<RequestId>();
  readonly #work = new Set<Promise<unknown>>();
  #looking: Promise<void> = Promise.resolve();
  #isReading = false;
  #isClosed = false;
  #cancelLook: Cancel | undefined;
  #cancelEnds: Cancel | undefined;

  constructor(deps: TopicRunnerDeps, options: TopicRunnerOptions) {
    this.#deps = deps;
    this.#options = options;
    const { leaseFreshMs: freshMs, leaseTtlMs: ttlMs } = TOPIC_RUNS;
    const { holder, isShared } = options;
    this.#leases = new SharedLeases(deps, { holder, freshMs, ttlMs, isAlone: !isShared });
  }

  /** Takes up every group. Rejects with the store's reasons. */
  async start(): Promise<void> {
    await this.look();
    this.#scheduleLook();
  }

  /** Which groups there are has changed, or one of them has. Rejects with the store's reasons. */
  look(): Promise<void> {
    const looked = this.#looking.then(() => this.#look());
    this.#looking = looked.catch(() => undefined);
    return looked;
  }

  /** These have ended in the ledger, or may have. */
  ended(ids: readonly RequestId[]): void {
    if (this.#out.size === 0) return;
    for (const id of ids) if (this.#out.has(id)) this.#asked.add(id);
    this.#readEnds();
  }

  /** There is more to read: offsets after the newest messages, by partition. */
  appended(topicId: TopicId, ends: ReadonlyMap<number, number>): void {
    for (const { group, source } of this.#readings.values()) {
      if (group.topicId !== topicId) continue;
      for (const [partition, end] of ends) {
        source.appended(laneOf({ groupId: group.id, partition }), end);
      }
    }
  }

  /** Who reads for a group; undefined when there is no such group. */
  async sourceOf(groupId: TopicGroupId): Promise<LogSource | undefined> {
    if (!this.#readings.has(groupId)) await this.look();
    return this.#readings.get(groupId)?.source;
  }

  /** Begins anew with a group whose settings have changed. */
  async restart(groupId: TopicGroupId): Promise<void> {
    const reading = this.#readings.get(groupId);
    this.#readings.delete(groupId);
    await reading?.source.stop();
    await this.look();
  }

  /** Resolves when nothing of it uses the store any more. What is out ends without it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook?.();
    this.#cancelEnds?.();
    await this.#looking;
    const readings = [...this.#readings.values()];
    this.#readings.clear();
    await Promise.all(readings.map(({ source }) => source.stop()));
    while (this.#work.size > 0) await Promise.all(this.#work);
    if (readings.length > 0) await this.#leases.leave().catch(() => undefined);
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return;
    const groups = await this.#deps.store.call(storeModule, "listAllGroups", { accountId: null });
    const ids = new Set(groups.map(({ id }) => id));
    for (const [id, { source }] of this.#readings) {
      if (ids.has(id)) continue;
      this.#readings.delete(id);
      await source.stop();
    }
    const fresh = groups.filter(({ id }) => !this.#readings.has(id));
    if (fresh.length > 0) this.#leases.changed();
    for (const group of fresh) await this.#take(group);
  }

  async #take(group: NamedGroup): Promise<void> {
    const { clock, random } = this.#deps;
    const port = createTopicPort(this.#calls(), {
      ...{ topicId: group.topicId, groupId: group.id, holder: this.#leases.holder },
      wallMs: () => clock.wallMs(),
    });
    const { leaseEveryMs } = TOPIC_RUNS;
    const source = createLogSource({ port, clock, random }, { leaseEveryMs });
    const reading = { group, source };
    this.#readings.set(group.id, reading);
    await source.start({ deliver: (batch) => this.#deliver(reading, batch) });
  }

  #calls(): TopicCalls {
    const { store } = this.#deps;
    const changing = async <T>(change: Promise<T>): Promise<T> => {
      const changed = await change;
      this.#leases.changed();
      return changed;
    };
    return {
      rebalance: () => this.#rebalance(),
      openPosition: (args) => store.call(storeModule, "openPosition", args),
      readPartition: (args) => store.call(storeModule, "readPartition", args),
      readOffsets: (args) => store.call(storeModule, "readOffsets", args),
      savePosition: (args) => store.call(storeModule, "savePosition", args),
      releaseLeases: (args) => store.call(storeModule, "releaseLeases", args),
      pauseGroup: (args) => changing(store.call(storeModule, "pauseGroup", args)),
      seekGroup: (args) => changing(store.call(storeModule, "seekGroup", args)),
      readLag: (args) => store.call(storeModule, "readLag", args),
    };
  }

  async #rebalance() {
    const rebalanced = await this.#leases.rebalance();
    // Partitions of groups that another platform has made are given to this one too.
    const isNew = rebalanced.held.some(({ groupId }) => !this.#readings.has(groupId));
    if (isNew) this.look().catch(() => undefined);
    return rebalanced;
  }

  #scheduleLook(): void {
    if (this.#isClosed || !this.#options.isShared) return;
    const onDue = async (): Promise<void> => {
      await this.look().catch((error: unknown) => {
        this.#deps.log.warn("groups of topics could not be looked at", { error });
      });
      this.#scheduleLook();
    };
    const run = (): void => this.#track(onDue());
    const options = { background: true };
    this.#cancelLook = this.#deps.clock.schedule(TOPIC_RUNS.lookEveryMs, run, options);
  }

  #deliver(reading: Reading, batch: TriggerBatch): void {
    const id = batchId(batch.name);
    const out: Out = { reading, name: batch.name, state: "entering" };
    this.#out.set(id, out);
    this.#scheduleEnds();
    this.#track(this.#enter(id, out, batch));
  }

  async #enter(id: RequestId, out: Out, batch: TriggerBatch): Promise<void> {
    const { clock, ledger, log } = this.#deps;
    const { group } = out.reading;
    const [app, fn] = splitName(group.target);
    const functionId = await ledger.functionOf(group.accountId, app, fn).catch(() => undefined);
    if (functionId === undefined) return await this.#refused(id, out);
    const topic = { id: group.topicId, name: group.topic };
    const { payload, ...event } = batchEvent(topic, batch.messages, group.settings.eventFormat);
    const told = { source: "topic", sourceId: group.name, atMs: clock.wallMs() } as const;
    const [answer] = await ledger.accept([{ id, functionId, ...told, event, payload }]);
    if (answer?.ok !== true) {
      log.warn("a batch of a topic was not accepted; it comes again", { group: group.name });
      return await this.#refused(id, out);
    }
    out.state = "entered";
    if (answer.repeated) this.#asked.add(id);
    this.#readEnds();
  }

  /** Its messages may come in other batches, unless it was entered all the same. */
  async #refused(id: RequestId, out: Out): Promise<void> {
    const isThere = await isEntered(this.#deps.store, id);
    if (isThere === false) return await this.#end(id, out, { kind: "unavailable" });
    out.state = isThere === true ? "entered" : "unsure";
    if (isThere === true) this.#asked.add(id);
    this.#readEnds();
  }

  #scheduleEnds(): void {
    if (this.#cancelEnds !== undefined || this.#isClosed) return;
    const run = (): void => {
      this.#cancelEnds = undefined;
      for (const [id, out] of this.#out) {
        if (out.state === "entered") this.#asked.add(id);
        if (out.state === "unsure") this.#track(this.#refused(id, out));
      }
      if (this.#out.size > 0) this.#scheduleEnds();
      this.#readEnds();
    };
    const options = { background: true };
    this.#cancelEnds = this.#deps.clock.schedule(TOPIC_RUNS.endsEveryMs, run, options);
  }

  #readEnds(): void {
    if (this.#isReading || this.#asked.size === 0 || this.#isClosed) return;
    this.#isReading = true;
    this.#track(this.#readAsked());
  }

  async #readAsked(): Promise<void> {
    const { store, log } = this.#deps;
    try {
      while (this.#asked.size > 0 && !this.#isClosed) {
        const ids = [...this.#asked].slice(0, TOPIC_RUNS.endsAtOnceMax);
        for (const id of ids) this.#asked.delete(id);
        for (const ended of await store.call(storeModule, "readEnds", { ids })) {
          const out = this.#out.get(ended.id);
          if (out === undefined) continue;
          const { id: groupId, topicId, settings } = out.reading.group;
          const end = batchEndOf(ended, { groupId, topicId, format: settings.eventFormat });
          this.#track(this.#end(ended.id, out, end));
        }
      }
    } catch (error) {
      log.warn("ends of batches could not be read; it is tried again", { error });
    }
    this.#isReading = false;
  }

  /** A batch that was given out again meanwhile is another one's to end. */
  async #end(id: RequestId, out: Out, end: BatchEnd): Promise<void> {
    if (this.#out.get(id) !== out) return;
    this.#out.delete(id);
    await out.reading.source.acknowledge(out.name, end);
  }

  #track(work: Promise<unknown>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }
}
