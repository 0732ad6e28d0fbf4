/** A topic with one trigger, as tests ask things of it, and what a gateway gets of it. */
import {
  groupSettings,
  type GroupSettings,
  topicOptions,
  type TopicTriggerRequest,
} from "@skerry/api-schema";
import { until } from "@skerry/testkit";
import type { GatewayDouble, HeldRun } from "./gateway-double.ts";
import type { World } from "./world.ts";

export interface Event {
  readonly id: string;
  readonly source: string;
  readonly partitionkey?: string;
  readonly data: number;
}

/** What a test asks of topics, with what it does not care for left out. */
export class Shop {
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  asked<B>(body: B, more: { readonly trigger?: string; readonly limit?: number } = {}) {
    const { accountId } = this.world;
    const { trigger = "store", limit = 1_000 } = more;
    const params = { app: "shop", topic: "prices", trigger };
    return { accountId, params, query: { limit, from: "earliest" }, body };
  }

  get topics() {
    return this.world.dispatch.topics;
  }

  async open(settings: Partial<GroupSettings> = {}): Promise<void> {
    await this.topics.putTopic(this.asked(topicOptions.parse({ partitions: 2 })));
    await this.trigger({ settings: groupSettings.parse(settings) });
  }

  async trigger(more: Partial<TopicTriggerRequest> = {}): Promise<void> {
    const trigger = { topic: "prices", function: "work", from: "earliest", enabled: true };
    const settings = groupSettings.parse({});
    const asked = this.asked({ ...trigger, settings, ...more });
    await this.topics.check("putTopicTrigger", asked);
    await this.topics.putTopicTrigger(asked);
  }

  publish(...pairs: readonly (readonly [key: string, data: number])[]) {
    const messages = pairs.map(([key, data]) => ({ key, data }));
    return this.topics.publishMessages(this.asked({ messages }));
  }

  stand() {
    return this.topics.getTopicTrigger(this.asked(null));
  }

  /** Publishes messages that fail, each alone or with others, until so many are dead. */
  async die(
    gateway: GatewayDouble,
    pairs: readonly (readonly [key: string, data: number])[],
    count = pairs.length,
  ): Promise<void> {
    await this.publish(...pairs);
    await until(`${count} dead letters`, async () => {
      const runs = [...gateway.held.values()];
      if (runs.length > 0) await gateway.settle(runs, { outcome: "function_error" });
      return (await this.stand()).deadLettersKept === count;
    });
  }

  async untilDead(count: number): Promise<void> {
    await until(`${count} dead letters`, async () => {
      return (await this.stand()).deadLettersKept === count;
    });
  }

  async untilSettled(count: number): Promise<void> {
    await until(`${count} to be settled`, async () => (await this.stand()).settled === count);
  }
}

export function eventsOf(run: HeldRun | undefined): readonly Event[] {
  return JSON.parse(run?.payload ?? "[]") as readonly Event[];
}

/** What each message of a batch carries. */
export function dataOf(run: HeldRun): readonly number[] {
  return eventsOf(run).map(({ data }) => data);
}

/** Waits for batches that carry as many messages, all together. */
export async function batches(gateway: GatewayDouble, count: number): Promise<readonly HeldRun[]> {
  const held = (): readonly HeldRun[] => [...gateway.held.values()];
  const sum = (): number => held().reduce((all, run) => all + eventsOf(run).length, 0);
  await until(`${count} messages at the gateway`, () => sum() === count);
  return held();
}

/** What is out already is not to be refused when control says it again. */
export const FULL_WITH_ONE = { policy: { openInvocationsMax: 1 } };
