/** Consumers of a topic: instances come with what waits, and go when nothing does. */
import assert from "node:assert/strict";
import { until, type Platform, type SourceFiles } from "@skerry/testkit";

const INSTANCES = 3;
const MESSAGES = 24;
const APP = "scale";

/** Each instance has a name of its own, and tells it with the machine's time of each run. */
const CONSUMER: SourceFiles = {
  "index.ts": `
import { randomUUID } from "node:crypto";
const me = randomUUID();
export async function handler(): Promise<void> {
  const from = process.hrtime.bigint();
  await new Promise((resolve) => setTimeout(resolve, 250));
  console.log(["took", me, from, process.hrtime.bigint()].join(" "));
}
`,
};

interface Run {
  readonly instance: string;
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

export async function scaleWithLag(platform: Platform): Promise<void> {
  const { client } = platform;
  const config = { maxInstances: INSTANCES, idleTimeoutMs: 100 };
  await platform.deploy({ app: APP, fn: "work", files: CONSUMER, config });
  const topic = { topic: "waiting" };
  await client.putTopic({ params: topic, body: { partitions: 2 } });
  const params = { app: APP, trigger: "work" };
  const body = { ...topic, function: "work", settings: { batchMessages: 1 } };
  await client.putTopicTrigger({ params, body });
  const publish = async (count: number): Promise<void> => {
    const before = (await runsOf(platform)).length;
    const messages = Array.from({ length: count }, (_, data) => ({ data }));
    await client.publishMessages({ params: topic, body: { messages } });
    const isTold = async (): Promise<boolean> => (await runsOf(platform)).length >= before + count;
    await until(`${count} messages to be told of`, isTold);
    await until("none to wait", async () => (await client.getTopicTrigger({ params })).lag === 0);
  };
  await publish(MESSAGES);
  const runs = await runsOf(platform);
  const most = mostAtOnce(runs);
  assert.ok(most > 1 && most <= INSTANCES, `${most} instances at once`);
  const isGone = async (): Promise<boolean> =>
    (await client.listInstances()).items.every(({ app }) => app !== APP);
  await until("all instances to be gone", isGone);
  await publish(1);
  const known = new Set(runs.map(({ instance }) => instance));
  const fresh = (await runsOf(platform)).filter(({ instance }) => !known.has(instance));
  assert.ok(fresh.length > 0, "the next message has an instance made");
}

async function runsOf(platform: Platform): Promise<readonly Run[]> {
  const params = { app: APP, fn: "work" };
  const found: Run[] = [];
  for await (const { text } of platform.client.listLogs({ params, query: { limit: 1_000 } })) {
    const [word, instance = "", from = "", to = ""] = text.split(" ");
    if (word === "took") found.push({ instance, fromNs: BigInt(from), toNs: BigInt(to) });
  }
  return found;
}

/** Instances that were at work in one moment. */
function mostAtOnce(runs: readonly Run[]): number {
  const besides = runs.map(({ fromNs: atNs }) => {
    const beside = runs.filter(({ fromNs, toNs }) => fromNs <= atNs && atNs < toNs);
    return new Set(beside.map(({ instance }) => instance)).size;
  });
  return Math.max(0, ...besides);
}
