import assert from "node:assert/strict";
import type { TopicGroupId } from "@skerry/base";
import {
  message,
  onBothStores,
  textOf,
  type TopicCases,
  type TopicsWorld,
} from "../../test/topics-world.ts";
import { decodeRecord, encodeMessages } from "./records.ts";

const TTL_MS = 10_000;

async function take(world: TopicsWorld, holder: string, takenMax = 100) {
  const untilMs = world.nowMs + TTL_MS;
  return await world.call("rebalance", { holder, nowMs: world.nowMs, untilMs, takenMax });
}

const NOTHING = { open: [], nextFlight: 1, settled: 0, expired: 0 };

async function moveTo(
  world: TopicsWorld,
  lease: { groupId: TopicGroupId; partition: number; token: number; holder: string },
  position: number,
) {
  const saved = { position, readOffset: position, ...NOTHING };
  return (await world.call("savePosition", { ...lease, saved, dead: [], nowMs: 1 })).kind;
}

const LEASES: TopicCases = {
  "shares partitions between replicas, each to one, and hands them over when one comes": async (
    world,
  ) => {
    const topicId = await world.topic({ partitions: 16 });
    await world.group(topicId);
    const alone = await take(world, "a");
    assert.deepEqual([alone.held.length, alone.unwanted.length], [16, 0]);
    assert.equal((await take(world, "b")).held.length, 0);
    const { unwanted } = await take(world, "a");
    assert.ok(unwanted.length > 2 && unwanted.length < 14, String(unwanted.length));
    await world.call("releaseLeases", { holder: "a", leases: unwanted });
    const [a, b] = [await take(world, "a"), await take(world, "b")];
    assert.deepEqual(
      b.held.map(({ partition }) => partition),
      unwanted.map(({ partition }) => partition),
    );
    assert.equal(a.held.length + b.held.length, 16);
  },

  "refuses a zombie whose lease was taken over: the position's own row knows": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    const groupId = await world.group(topicId);
    await world.publish(
      topicId,
      Array.from({ length: 9 }, () => message(null, "x")),
    );
    const [mine] = (await take(world, "zombie")).held;
    assert.ok(mine !== undefined);
    const zombie = { ...mine, holder: "zombie" };
    assert.equal(await moveTo(world, zombie, 2), "saved");
    world.nowMs += TTL_MS + 1;
    const [taken] = (await take(world, "other")).held;
    assert.ok(taken !== undefined && taken.token > mine.token);
    assert.equal(await moveTo(world, zombie, 5), "fenced");
    assert.equal(await moveTo(world, { ...zombie, token: taken.token }, 5), "fenced");
    assert.equal((await world.call("openPosition", zombie)).kind, "fenced");
    assert.equal(await moveTo(world, { ...taken, holder: "other" }, 3), "saved");
    assert.equal(await moveTo(world, { ...taken, holder: "other" }, 2), "fenced", "never back");
    // The zombie comes back to life: what it takes then is a new lease.
    world.nowMs += TTL_MS + 1;
    const [again] = (await take(world, "zombie")).held;
    assert.ok(again !== undefined && again.token > taken.token);
    assert.equal(await moveTo(world, zombie, 5), "fenced");
    assert.equal((await world.call("readLag", { groupId }))[0]?.position, 3);
  },

  "gives everything back at once when a replica leaves": async (world) => {
    const topicId = await world.topic({ partitions: 4 });
    await world.group(topicId);
    await take(world, "a");
    await world.call("leave", { holder: "a" });
    assert.equal((await take(world, "b")).held.length, 4);
  },

  "hands out nothing of a paused group, and all of it afterwards": async (world) => {
    const groupId = await world.group(await world.topic({ partitions: 3 }));
    await world.call("pauseGroup", { groupId, paused: true });
    assert.equal((await take(world, "a")).held.length, 0);
    await world.call("pauseGroup", { groupId, paused: false });
    assert.equal((await take(world, "a", 2)).held.length, 2, "not more than it was told");
    assert.equal((await take(world, "a")).held.length, 3);
  },
};

const POSITIONS: TopicCases = {
  "goes on with what is open, and counts the lag without what is settled ahead": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    const groupId = await world.group(topicId);
    await world.publish(
      topicId,
      Array.from({ length: 10 }, (_, i) => message("k", String(i))),
    );
    assert.equal((await world.call("readLag", { groupId }))[0]?.lag, 10);
    const [lease] = (await take(world, "a")).held;
    assert.ok(lease !== undefined);
    const open = [
      { offset: 2, attempts: 1, dueMs: 77, suspects: 0, flight: null },
      { offset: 4, attempts: 0, dueMs: 0, suspects: 8, flight: 6 },
    ];
    const saved = { position: 2, readOffset: 6, open, nextFlight: 7, settled: 4, expired: 0 };
    const held = { ...lease, holder: "a" };
    await world.call("savePosition", { ...held, saved, dead: [], nowMs: 1 });
    const opened = await world.call("openPosition", held);
    assert.ok(opened.kind === "open");
    assert.deepEqual([opened.open, opened.nextFlight, opened.endOffset], [open, 7, 10]);
    const [lag] = await world.call("readLag", { groupId });
    assert.deepEqual([lag?.lag, lag?.settled, lag?.position], [6, 4, 2]);
  },

  "keeps a copy of what was given up, in the transaction that passes it over": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    const groupId = await world.group(topicId);
    await world.publish(topicId, [message("k", "poison"), message("k", "good")]);
    const [lease] = (await take(world, "a")).held;
    assert.ok(lease !== undefined);
    const record = encodeMessages([message("k", "poison")], () => 0).records;
    const dead = [{ offset: 0, attempts: 3, reason: "it threw", record }];
    const saved = { position: 1, readOffset: 1, ...NOTHING };
    const zombie = { ...lease, holder: "a", token: lease.token - 1 };
    const fenced = await world.call("savePosition", { ...zombie, saved, dead, nowMs: 5 });
    assert.equal(fenced.kind, "fenced");
    const page = { groupId, after: { partition: 0, offset: -1 }, rowsMax: 10 };
    assert.deepEqual(await world.call("listDeadLetters", page), []);
    await world.call("savePosition", { ...zombie, token: lease.token, saved, dead, nowMs: 5 });
    const [letter] = await world.call("listDeadLetters", page);
    assert.deepEqual([letter?.offset, letter?.attempts, letter?.reason], [0, 3, "it threw"]);
    assert.equal(textOf(decodeRecord(letter?.record ?? new Uint8Array())), "poison");
  },

  "cuts off who reads when the group is moved to another offset": async (world) => {
    const topicId = await world.topic({ partitions: 2 });
    const groupId = await world.group(topicId, { from: { kind: "latest" } });
    await world.publish(
      topicId,
      Array.from({ length: 300 }, (_, i) => message(`${i}`, "x")),
    );
    const [first] = (await take(world, "a")).held;
    assert.ok(first !== undefined);
    await world.call("seekGroup", { groupId, to: { kind: "offsets", offsets: { 1: 7 } } });
    const lag = await world.call("readLag", { groupId });
    assert.deepEqual(
      lag.map(({ position, holder }) => [position, holder]),
      [
        [0, "a"],
        [7, null],
      ],
    );
    await world.call("seekGroup", { groupId, to: { kind: "latest" } });
    assert.equal(await moveTo(world, { ...first, holder: "a" }, 200), "fenced");
    const [total] = await world.call("readLag", { groupId });
    assert.equal(total?.lag, 0);
  },
};

onBothStores("a group of a topic", { ...LEASES, ...POSITIONS });
