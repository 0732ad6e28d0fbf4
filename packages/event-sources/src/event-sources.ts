/**
 * All sources of events of a platform, over one ledger. Each enters invocations of itself and is
 * told which have ended; none knows of another.
 */
import type { Clock, FunctionId, IdSource, Log, Random, RequestId } from "@skerry/base";
import type { Store } from "@skerry/store";
import { BUS_TOPIC, type PublishResult } from "@skerry/contracts";
import { refusedPublish, type FunctionPublish } from "./function-publish.ts";
import type { Ledger } from "./ledger.ts";
import { Bus, type BusDeps } from "./bus/bus.ts";
import type { KeptEvents } from "./bus/sweeper.ts";
import { Timers } from "./timers/timers.ts";
import { Topics, type TopicsOptions } from "./topics/topics.ts";

export interface EventSourcesDeps {
  /** Must have been opened with the ledger's tables and `eventSourcesModule`. */
  readonly store: Pick<Store, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
  readonly log: Log;
  readonly ledger: Ledger;
  /** A redrive of dead letters that was held up may go on. */
  readonly onRoom: () => void;
}

export interface EventSourcesOptions extends TopicsOptions {
  /** What the bus keeps of events. */
  readonly events: KeptEvents;
}

export class EventSources {
  readonly timers: Timers;
  readonly topics: Topics;
  readonly bus: Bus;

  /** Nothing happens before `start`. */
  constructor(deps: EventSourcesDeps, options: EventSourcesOptions) {
    this.timers = new Timers(deps);
    this.topics = new Topics(deps, options);
    const onGrown: BusDeps["onGrown"] = ({ topicId, ends }) => {
      this.topics.appended(topicId, new Map(ends));
    };
    this.bus = new Bus({ ...deps, onGrown }, { ...options, ...options.events });
  }

  /** Rejects with the store's reasons. */
  async start(): Promise<void> {
    this.timers.start();
    await this.bus.start();
    await this.topics.start();
  }

  /** What functions publish; one result each, in order, after the commit. Never rejects. */
  async publishAll(items: readonly FunctionPublish[]): Promise<readonly PublishResult[]> {
    const topics = items.filter(({ head }) => head.t !== BUS_TOPIC);
    const places = this.topics.publishAll(topics);
    const results = items.map(async (item) =>
      item.head.t === BUS_TOPIC
        ? await this.bus.publish(item)
        : ((await places)[topics.indexOf(item)] ?? refusedPublish(undefined)),
    );
    return await Promise.all(results);
  }

  /** These invocations have ended in the ledger, whoever entered them. */
  ended(ids: readonly RequestId[]): void {
    this.topics.ended(ids);
    this.bus.ended();
  }

  /** Pauses what enters invocations for a function that is not there; it says why. */
  async functionRemoved(functionId: FunctionId): Promise<void> {
    await Promise.all([this.timers, this.bus].map((room) => room.functionRemoved(functionId)));
  }

  /** Resolves when nothing of it uses the store any more. */
  async close(): Promise<void> {
    await Promise.all([this.bus.close(), this.timers.close(), this.topics.close()]);
  }
}
