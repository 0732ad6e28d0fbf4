/** The story of the hotel prices at work, with a real Redis, over kills in the middle. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { seededRandom } from "@skerry/base";
import {
  hasRedis,
  startPlatform,
  startRedis,
  until,
  type Platform,
  type RedisServer,
} from "@skerry/testkit";
import { AGES, COUNTS, type PriceUpdate } from "../solutions/hotel-prices/apply/prices.ts";
import { Redis } from "../solutions/hotel-prices/apply/redis.ts";
import {
  counted,
  holdTrigger,
  publishAll,
  runBurst,
  setTopicUp,
  takeDown,
  watchBurst,
  type BurstOptions,
} from "../solutions/hotel-prices/firehose/burst.ts";
import { deployApp } from "../solutions/hotel-prices/firehose/deploy.ts";
import { makeUpdates, newestOf } from "../solutions/hotel-prices/firehose/updates.ts";

const TIMEOUT = { timeout: 600_000 };
const skip = hasRedis() ? false : "needs redis-server";
const PARTITIONS = 8;
/** Few hotels, so that most are told about several times. */
const HOTELS = 2_000;
const DAY_MS = 86_400_000;

describe("hotel prices", { ...TIMEOUT, skip }, () => {
  let platform: Platform;
  let server: RedisServer;
  let redis: Redis;
  before(async () => {
    [platform, server] = await Promise.all([startPlatform(), startRedis()]);
    redis = new Redis(server.port, "127.0.0.1");
    const env = { PATH: process.env["PATH"], ...platform.cliEnvironment };
    await deployApp({ redis: `127.0.0.1:${server.port}`, instances: 4, env });
    await setTopicUp(platform.client, PARTITIONS);
  }, TIMEOUT);
  after(async () => {
    redis.close();
    await Promise.all([platform.stop(), server.stop()]);
  }, TIMEOUT);

  const burstOf = (count: number, validityMs: number): BurstOptions => {
    const options = { count, hotels: HOTELS, validityMs, nowMs: Date.now() };
    const updates = makeUpdates(seededRandom(count), options);
    return { client: platform.client, redis, updates, deadlineMs: 240_000 };
  };

  const assertNewestKept = async (updates: readonly PriceUpdate[]): Promise<void> => {
    for (const [hotel, { version, cents }] of newestOf(updates)) {
      const kept = await redis.send("HMGET", `hotel:${hotel}`, "version", "cents");
      assert.deepEqual(kept, [String(version), String(cents)], `hotel ${hotel}`);
    }
  };

  it("a burst drains, each update counts once, and the newest price of a hotel stays", async () => {
    const burst = burstOf(10_000, DAY_MS);
    const { counts } = await runBurst(burst);
    assert.equal(counted(counts), burst.updates.length);
    assert.equal(counts.expired, 0);
    await assertNewestKept(burst.updates);
  });

  it("nothing is lost when gateway, control and agent are killed in the middle", async () => {
    await redis.send("DEL", COUNTS, AGES);
    const burst = { ...burstOf(20_000, DAY_MS), isUnsteady: true };
    await holdTrigger(platform.client, true);
    const progress = { published: 0 };
    await publishAll(burst, progress);
    await holdTrigger(platform.client, false);
    const begun = async (): Promise<boolean> =>
      Number(await redis.send("HGET", COUNTS, "applied")) > 0;
    await until("the first updates are applied", begun);
    for (const role of ["gateway", "control", "agent"] as const) await platform.kill(role);
    const { counts } = await watchBurst(burst, progress);
    assert.equal(counted(counts), burst.updates.length, "not one more, either");
    const params = { app: "hotels", trigger: "apply" };
    // What has been counted is written down as settled a moment later.
    await until(
      "nothing to be left",
      async () => (await platform.client.getTopicTrigger({ params })).lag === 0,
    );
    await assertNewestKept(burst.updates);
  });

  it("updates whose time is over are counted and not applied", async () => {
    await redis.send("DEL", COUNTS, AGES);
    const burst = burstOf(1_000, -1);
    const { counts } = await runBurst(burst);
    assert.deepEqual([counts.applied, counts.expired], [0, 1_000]);
  });

  it("control: messages that are passed over are missed", async () => {
    await redis.send("DEL", COUNTS, AGES);
    const burst = { ...burstOf(1_000, DAY_MS), deadlineMs: 1_500 };
    await holdTrigger(platform.client, true);
    await publishAll(burst, { published: 0 });
    const params = { app: "hotels", trigger: "apply" };
    await platform.client.seekTopicTrigger({ params, body: { to: "latest" } });
    await holdTrigger(platform.client, false);
    await assert.rejects(watchBurst(burst, { published: 0 }), /not drained/);
    await takeDown(platform.client);
  });
});
