/** What a topic has no room for waits for it, and nothing else does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { topicOptions } from "@skerry/api-schema";
import {
  createIdSource,
  hashKey,
  seededRandom,
  silentLog,
  systemClock,
  type AccountId,
  type TopicId,
} from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Store } from "@skerry/store";
import { HandClock, until } from "@skerry/testkit";
import { onBothStores, type BusWorld } from "../../test/bus-world.ts";
import { storeModule as ledgerModule } from "../../test/ledger.ts";
import { storeModule } from "../store-module.ts";
import { EndPublisher } from "./end-publisher.ts";
import type { PublishedEnds } from "./publish-ends.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(54) });
const HOUR_MS = 3_600_000;

/** Of an account, "ends"; full are the partitions that are named. */
async function topicOf(
  { store, clock }: BusWorld,
  accountId: AccountId,
  of: { readonly partitions?: number; readonly full?: readonly number[] } = {},
): Promise<TopicId> {
  const { partitions = 1, full = [] } = of;
  const id = ids.id("top");
  await store.call(storeModule, "createTopic", {
    ...{ id, accountId, name: "ends", nowMs: clock.wallMs() },
    options: topicOptions.parse({ partitions }),
  });
  for (const partition of full) await fill({ store }, { topicId: id, partition });
  return id;
}

async function fill(
  { store }: Pick<BusWorld, "store">,
  of: { readonly topicId: TopicId; readonly partition: number; readonly bytes?: number },
): Promise<void> {
  const bytes = LIMITS.topicPartitionBytesMax;
  await store.call(ledgerModule, "fillPartition", { bytes, ...of });
}

let seq = 0;

async function owe(
  { store, clock }: BusWorld,
  accountId: AccountId,
  of: { readonly count?: number; readonly key?: string; readonly maxAgeMs?: number } = {},
) {
  const { count = 1, key = null, maxAgeMs = HOUR_MS } = of;
  const owed = Array.from({ length: count }, () => ids.requestId());
  await store.call(ledgerModule, "owe", {
    ...{ accountId, functionId: ids.id("fn"), topic: "ends", ids: owed, orderingKey: key },
    ...{ maxAgeMs, seq, nowMs: clock.wallMs() },
  });
  seq += count;
  return owed;
}

function publish({ store, clock }: BusWorld, lane: string, rowsMax = 10): Promise<PublishedEnds> {
  const args = { lane, nowMs: clock.wallMs(), rowsMax, spread: 1, chance: 1, slot: 0 };
  return store.call(storeModule, "publishEnds", args);
}

async function idsOf({ store }: BusWorld, state: string): Promise<readonly string[]> {
  const found = await store.call(ledgerModule, "deliveries", { state });
  return found.map(({ id }) => id);
}

async function lanesOf({ store }: BusWorld): Promise<readonly string[]> {
  const lanes = await store.call(ledgerModule, "listWebhooks", null);
  return lanes.map(({ lane }) => lane);
}

onBothStores("ends that a topic has no room for", {
  "wait for the topic of their account alone, whatever it is called": async (world) => {
    const [here, there] = [world.accountId, world.otherAccount()];
    await topicOf(world, here, { full: [0] });
    await topicOf(world, there);
    const waits = await owe(world, here, { count: 3 });
    const goes = await owe(world, there);
    const lanes = await lanesOf(world);
    assert.deepEqual(new Set(lanes), new Set([`${here} ends`, `${there} ends`]));
    const full = await publish(world, `${here} ends`);
    assert.deepEqual([full.isFull, full.grown, full.refusal?.reason], [true, null, "TOPIC_FULL"]);
    assert.deepEqual(await idsOf(world, "delivered"), [], "the others' were not looked at");
    const open = await publish(world, `${there} ends`);
    assert.deepEqual([open.isFull, open.grown?.ends, open.nextDueMs], [false, [[0, 1]], null]);
    assert.deepEqual(await idsOf(world, "delivered"), goes);
    assert.deepEqual(new Set(await idsOf(world, "waiting")), new Set(waits));
  },
  "are left out of what the other partitions take": async (world) => {
    const { accountId } = world;
    const topicId = await topicOf(world, accountId, { partitions: 2, full: [1] });
    const keyOf = (isUpper: boolean): string => {
      const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`);
      return keys.find((key) => hashKey(key) >= 2 ** 31 === isUpper) ?? assert.fail("no key");
    };
    const waits = await owe(world, accountId, { key: keyOf(true) });
    const goes = await owe(world, accountId, { key: keyOf(false), count: 2 });
    const done = await publish(world, `${accountId} ends`);
    assert.deepEqual([done.isFull, done.grown], [false, { topicId, ends: [[0, 2]] }]);
    assert.deepEqual(await idsOf(world, "delivered"), goes.toSorted());
    assert.deepEqual(await idsOf(world, "waiting"), waits);
    assert.equal((await publish(world, `${accountId} ends`)).isFull, undefined, "none was tried");
    await fill(world, { topicId, partition: 1, bytes: 0 });
    world.clock.advance(60_000);
    assert.deepEqual((await publish(world, `${accountId} ends`)).grown?.ends, [[1, 1]]);
  },
  "are given up when they are too old, also those that were not tried": async (world) => {
    const { accountId, store, clock } = world;
    await topicOf(world, accountId, { full: [0] });
    const old = await owe(world, accountId, { count: 6, maxAgeMs: 10_000 });
    const young = await owe(world, accountId);
    const lane = `${accountId} ends`;
    assert.equal((await publish(world, lane, 2)).isFull, true);
    assert.deepEqual(await idsOf(world, "failed"), [], "the control: they are not too old yet");
    clock.advance(10_000);
    assert.equal((await publish(world, lane, 2)).isFull, true);
    assert.deepEqual(await idsOf(world, "failed"), old.toSorted());
    const failed = await store.call(ledgerModule, "deliveries", { state: "failed" });
    assert.ok(failed.every(({ error }) => error?.includes("TOPIC_FULL")));
    assert.deepEqual(await idsOf(world, "waiting"), young);
    const { sums, deliveries } = await store.call(ledgerModule, "readBalance", null);
    assert.deepEqual([sums.undelivered, deliveries], [6, { waiting: 1, difference: 0 }]);
  },
  "wait in their lane also where an earlier release wrote them": async (world) => {
    const { accountId, store } = world;
    await topicOf(world, accountId);
    await owe(world, accountId, { count: 3 });
    await store.call(ledgerModule, "forgetLanes", null);
    assert.deepEqual(await lanesOf(world), [], "the control");
    assert.equal(await store.call(ledgerModule, "nameLanes", { rowsMax: 2 }), 2);
    assert.equal(await store.call(ledgerModule, "nameLanes", { rowsMax: 2 }), 1);
    assert.deepEqual(await lanesOf(world), [`${accountId} ends`]);
    await publish(world, `${accountId} ends`);
    assert.equal((await idsOf(world, "delivered")).length, 3);
  },
});

/** Over topics of which some are full; which lanes were tried. */
function publisherOver(full: Set<string>) {
  const clock = new HandClock();
  const tried: string[] = [];
  const call = async (_module: unknown, _name: string, args: { readonly lane: string }) => {
    const { lane } = args;
    tried.push(lane);
    const isFull = full.has(lane);
    const nextDueMs = isFull ? clock.wallMs() : null;
    return await Promise.resolve({ grown: null, refusal: null, isFull, nextDueMs });
  };
  const store = { call } as unknown as Pick<Store, "call">;
  const deps = { store, clock, random: seededRandom(1), log: silentLog() };
  const publisher = new EndPublisher({ ...deps, onGrown: () => undefined });
  const isCalm = (): boolean => full.size === 0 || clock.nextInMs !== undefined;
  return { clock, tried, publisher, rests: () => until("it rests", isCalm) };
}

test("a topic that is full is tried once in a while, however much ends meanwhile", async () => {
  const full = new Set(["acct_1 ends"]);
  const { clock, tried, publisher, rests } = publisherOver(full);
  for (let n = 0; n < 3; n += 1) publisher.owe("acct_1 ends", 0);
  await rests();
  for (let n = 0; n < 1_000; n += 1) publisher.owe("acct_1 ends", clock.wallMs());
  publisher.owe("acct_2 ends", clock.wallMs());
  // One that is owed as it falls asleep is come to a moment later.
  const triesAre = (count: number): boolean => {
    clock.advance(1);
    return tried.length >= count;
  };
  await until("the other is tried", () => triesAre(2));
  await rests();
  assert.deepEqual(tried, ["acct_1 ends", "acct_2 ends"]);
  for (let n = 0; n < 8; n += 1) {
    const triesBefore = tried.length;
    clock.advance(clock.nextInMs ?? assert.fail("nothing is to be tried"));
    await until("it is tried again", () => tried.length > triesBefore);
    await rests();
  }
  assert.equal(tried.length, 10, "once each time");
  const { nextInMs = 0 } = clock;
  assert.ok(nextInMs >= 7_500 && nextInMs <= 15_000, `after ${nextInMs} ms`);
  full.clear();
  publisher.owe("acct_1 ends", clock.wallMs());
  clock.advance(nextInMs);
  await until("it has room", () => triesAre(11));
  publisher.owe("acct_1 ends", clock.wallMs());
  await until("it is tried at once", () => triesAre(12));
  await publisher.close();
});
