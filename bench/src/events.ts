/**
 * Where events come from beside requests: how late timers begin that are due in one second, and
 * how fast a topic takes messages and a function reads them.
 */
import { startPlatform, until, type Platform } from "@skerry/testkit";
import { fewAtOnce } from "./few-at-once.ts";
import { quantile, round } from "./figures.ts";
import { ticksLateMs } from "./ledger-rows.ts";
import type { RunOptions } from "./run-options.ts";
import { NOTHING } from "./sources.ts";
import { runWrk } from "./wrk.ts";

export interface EventsFigure {
  readonly timers: number;
  /** From the time that it names to the begin of the tick's attempt, over one second. */
  readonly timerP50Ms: number;
  readonly timerP99Ms: number;
  /** The same where all name the same millisecond: the last waits for all others. */
  readonly burstP50Ms: number;
  readonly burstP99Ms: number;
  /** Messages of 100 bytes, 500 in a request, over four connections. */
  readonly publishedPerSecond: number;
  /** By a function with batches of 1,000, four at once. */
  readonly consumedPerSecond: number;
  readonly errors: number;
}

const TIMERS = 1_000;
/** For all of them to be set before they are due. */
const SOON_MS = 20_000;
const MESSAGES = 500;

export async function benchEvents(options: RunOptions): Promise<EventsFigure> {
  const platform = await startPlatform();
  try {
    // As many at once as there are ticks: how late they are is asked, not how long others run.
    const config = { auth: "none", concurrency: TIMERS, maxInstances: 1 } as const;
    await platform.deploy({ app: "bench", fn: "work", files: NOTHING, config });
    return { ...(await timers(platform)), ...(await topic(platform, options)) };
  } finally {
    await platform.stop();
  }
}

async function timers(platform: Platform) {
  // The function has an instance when they come.
  await platform.client.invoke({ app: "bench", fn: "work" }, {});
  const apart = await lateness(platform, (n, dueMs) => dueMs + n * (1_000 / TIMERS));
  const burst = await lateness(platform, (_n, dueMs) => dueMs);
  return {
    timers: TIMERS,
    ...{ timerP50Ms: round(quantile(apart, 0.5), 0), timerP99Ms: round(quantile(apart, 0.99), 0) },
    ...{ burstP50Ms: round(quantile(burst, 0.5), 0), burstP99Ms: round(quantile(burst, 0.99), 0) },
  };
}

/** Of as many timers, each for once. */
async function lateness(
  platform: Platform,
  atOf: (n: number, dueMs: number) => number,
): Promise<readonly number[]> {
  const before = ticksLateMs(platform).length;
  const dueMs = Date.now() + SOON_MS;
  await fewAtOnce(TIMERS, async (n) => {
    const at = new Date(atOf(n - 1, dueMs)).toISOString();
    const params = { app: "bench", timer: `t-${before + n}` };
    await platform.client.putTimer({ params, body: { function: "work", at } });
  });
  if (Date.now() >= dueMs) throw new RangeError("the timers were due before all of them were set");
  const ticked = (): boolean => ticksLateMs(platform).length === before + TIMERS;
  await until("all timers to tick", ticked, { deadlineMs: 2 * SOON_MS });
  return ticksLateMs(platform).slice(before);
}

async function topic(platform: Platform, options: RunOptions) {
  const { client } = platform;
  await client.putTopic({ params: { topic: "prices" }, body: { partitions: 4 } });
  const messages = Array.from({ length: MESSAGES }, (_, i) => {
    return { key: `hotel-${i}`, data: { cents: 9_900, text: "x".repeat(70) } };
  });
  const target = {
    ...{ url: `${platform.apiUrl}/v1/topics/prices/messages`, body: JSON.stringify({ messages }) },
    headers: { authorization: `Bearer ${platform.key}` },
  };
  const published = await runWrk(target, { connections: 4, seconds: options.seconds });
  const params = { app: "bench", trigger: "read" };
  const settings = { batchMessages: 1_000, batchBytes: 512 << 10, batchesAtOnce: 4 };
  const body = { topic: "prices", function: "work", from: "earliest", settings };
  const fromMs = performance.now();
  await client.putTopicTrigger({ params, body });
  const lag = async (): Promise<number> => (await client.getTopicTrigger({ params })).lag;
  await until("all to be read", async () => (await lag()) === 0, { deadlineMs: 60_000 });
  const readMs = performance.now() - fromMs;
  const count = published.requests * MESSAGES;
  return {
    publishedPerSecond: round(published.requestsPerSecond * MESSAGES, 0),
    consumedPerSecond: round((count / readMs) * 1_000, 0),
    errors: published.errors,
  };
}
