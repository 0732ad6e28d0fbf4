/** Publishes a burst and watches it until every message has been counted. */
import { setTimeout as wait } from "node:timers/promises";
import type { Client } from "@skerry/sdk";
import { AGE_GROWTH, AGES, COUNTS, type PriceUpdate } from "../apply/prices.ts";
import type { Redis } from "../apply/redis.ts";

const APP = "hotels";
const TOPIC = "hotel-prices";
const TRIGGER = "apply";
/** Messages of one request: as many as fit into its mebibyte with room to spare. */
const REQUEST_MESSAGES = 4_000;
const REQUESTS_AT_ONCE = 4;
const LOOK_EVERY_MS = 250;

/** What became of the messages so far. `duplicates` came again and were counted before. */
export interface Counts {
  readonly applied: number;
  readonly superseded: number;
  readonly expired: number;
  readonly duplicates: number;
}

export interface Look {
  readonly elapsedMs: number;
  readonly published: number;
  readonly lag: number;
  readonly counts: Counts;
  readonly instances: Readonly<Record<string, number>>;
  /** Of the function's instances together. */
  readonly memoryBytes: number;
  readonly ages: Ages;
}

/** From publishing to being applied, to the next class of a quarter more. */
export interface Ages {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface BurstOptions {
  readonly client: Client;
  readonly redis: Redis;
  readonly updates: readonly PriceUpdate[];
  readonly deadlineMs: number;
  /** The platform may be away for a while. */
  readonly isUnsteady?: boolean;
  onLook?(look: Look): void;
}

export async function setTopicUp(client: Client, partitions: number): Promise<void> {
  await client.putTopic({ params: { topic: TOPIC }, body: { partitions } });
  const settings = { batchMessages: 1_000, batchBytes: 512 << 10, attempts: 100 };
  const body = { topic: TOPIC, function: TRIGGER, from: "latest", settings } as const;
  await client.putTopicTrigger({ params: { app: APP, trigger: TRIGGER }, body });
}

/** A trigger that is held takes nothing until it is let go. */
export async function holdTrigger(client: Client, isHeld: boolean): Promise<void> {
  const params = { app: APP, trigger: TRIGGER };
  await client.setTopicTriggerEnabled({ params, body: { enabled: !isHeld } });
}

export async function takeDown(client: Client): Promise<void> {
  await client.deleteApp({ params: { app: APP } });
  await client.deleteTopic({ params: { topic: TOPIC } });
}

/** Resolves to the last look, when all that was published has been counted. */
export async function runBurst(options: BurstOptions): Promise<Look> {
  const progress = { published: 0 };
  const publishing = publishAll(options, progress);
  // It is awaited below; until then a failure must not end the process.
  publishing.catch(() => undefined);
  const last = await watchBurst(options, progress);
  await publishing;
  return last;
}

/** Resolves when as many messages as there are updates have been counted. */
export async function watchBurst(
  options: BurstOptions,
  progress: { readonly published: number },
): Promise<Look> {
  const { updates, deadlineMs } = options;
  const startedMs = performance.now();
  for (;;) {
    const elapsedMs = performance.now() - startedMs;
    const seen = await look(options, { elapsedMs, published: progress.published });
    if (seen !== undefined) options.onLook?.(seen);
    if (seen !== undefined && counted(seen.counts) >= updates.length) return seen;
    if (elapsedMs > deadlineMs) throw new Error(`not drained within ${deadlineMs} ms`);
    await wait(LOOK_EVERY_MS);
  }
}

export function counted({ applied, superseded, expired }: Counts): number {
  return applied + superseded + expired;
}

export async function publishAll(
  options: BurstOptions,
  progress: { published: number },
): Promise<void> {
  const { client, updates } = options;
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < updates.length) {
      const part = updates.slice(next, next + REQUEST_MESSAGES);
      next += part.length;
      const messages = part.map((data) => ({ key: `hotel-${data.hotel}`, data }));
      await client.publishMessages({ params: { topic: TOPIC }, body: { messages } });
      progress.published += part.length;
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, sender));
}

/** Undefined while the platform does not answer, if it may do so. */
async function look(
  { client, redis, isUnsteady }: BurstOptions,
  so: Pick<Look, "elapsedMs" | "published">,
): Promise<Look | undefined> {
  try {
    const params = { app: APP, trigger: TRIGGER };
    const [{ lag }, { items }, counts, ages] = await Promise.all([
      client.getTopicTrigger({ params }),
      client.listInstances({}),
      readHash(redis, COUNTS),
      readHash(redis, AGES),
    ]);
    const instances: Record<string, number> = {};
    const own = items.filter(({ app }) => app === APP);
    for (const { state } of own) instances[state] = (instances[state] ?? 0) + 1;
    const memoryBytes = own.reduce((sum, one) => sum + one.memoryBytes, 0);
    const count = (name: string): number => counts.get(name) ?? 0;
    const told = {
      applied: count("applied"),
      superseded: count("superseded"),
      expired: count("expired"),
      duplicates: count("duplicates"),
    };
    return { ...so, lag, instances, memoryBytes, counts: told, ages: agesOf(ages) };
  } catch (error) {
    if (isUnsteady !== true) throw error;
    return undefined;
  }
}

async function readHash(redis: Redis, key: string): Promise<ReadonlyMap<string, number>> {
  const answer = await redis.send("HGETALL", key);
  const words = Array.isArray(answer) ? answer : [];
  return new Map(
    Array.from({ length: words.length / 2 }, (_, at) => [
      String(words[2 * at]),
      Number(words[2 * at + 1]),
    ]),
  );
}

function agesOf(classes: ReadonlyMap<string, number>): Ages {
  const sorted = [...classes].map(([at, n]) => [Number(at), n] as const).toSorted(byClass);
  const all = sorted.reduce((sum, [, n]) => sum + n, 0);
  const quantile = (part: number): number => {
    let passed = 0;
    for (const [at, n] of sorted) {
      passed += n;
      if (passed >= part * all) return Math.round(AGE_GROWTH ** at);
    }
    return 0;
  };
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

function byClass([a]: readonly [number, number], [b]: readonly [number, number]): number {
  return a - b;
}
