import assert from "node:assert/strict";
import { hashKey } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { message, onBothStores, textOf, type TopicCases } from "../../test/topics-world.ts";
import { prepareMessages } from "./append.ts";

const PUBLISHING: TopicCases = {
  "keeps each message as it was published, in order and without gaps": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    const full = {
      ...{ key: "schlüssel", contentType: "application/json", timeMs: 12.5 },
      headers: [["ce-type", "order"] as const, ["x", ""] as const],
      value: Buffer.from([0, 255, 1]),
    };
    const { offsets } = await world.publish(topicId, [full, message(null, "")]);
    assert.deepEqual([...offsets], [0, 1]);
    world.nowMs += 5;
    await world.publish(topicId, [message("k", "later")]);
    const [first, second, third] = await world.read(topicId, 0);
    assert.deepEqual(
      { ...first, value: [...(first?.value ?? [])], bytes: 0 },
      { ...full, value: [0, 255, 1], offset: 0, atMs: 1_000_000, bytes: 0 },
    );
    assert.deepEqual([second?.key, second?.contentType, second?.value.byteLength], [null, null, 0]);
    assert.deepEqual([third?.offset, third?.atMs], [2, 1_000_005]);
  },

  "gives every message a place of its own when many append at once": async (world) => {
    const topicId = await world.topic({ partitions: 2 });
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let i = 0; i < 5; i += 1) {
        const keys = i % 2 === 0 ? ["a", "hotel"] : ["hotel", "a"];
        await world.publish(
          topicId,
          keys.map((key) => message(key, `${writer}.${i}`)),
        );
      }
    });
    await Promise.all(writers);
    const kept = [...(await world.read(topicId, 0)), ...(await world.read(topicId, 1))];
    assert.equal(new Set(kept.map((one) => `${one.key} ${textOf(one)}`)).size, 60);
    const partitions = await world.call("listPartitions", { topicId });
    assert.equal(
      partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0),
      60,
    );
  },

  "takes what is published together as a whole, or nothing of it where a partition is full": async (
    world,
  ) => {
    const topicId = await world.topic({ partitions: 4 });
    const bytes = LIMITS.topicPartitionBytesMax;
    await world.call("fillPartition", { topicId, partition: 3, bytes });
    const many = Array.from({ length: 100 }, (_, i) => message(`${i}`, "x"));
    const args = { topicId, messages: prepareMessages(many, 0), nowMs: world.nowMs };
    assert.deepEqual(await world.call("append", args), { kind: "full", partition: 3 });
    const partitions = await world.call("listPartitions", { topicId });
    assert.deepEqual(
      partitions.map(({ nextOffset }) => nextOffset),
      [0, 0, 0, 0],
    );
  },

  "spreads keys over partitions, and keeps each key in one": async (world) => {
    const topicId = await world.topic({ partitions: 8 });
    const keys = Array.from({ length: 2_000 }, (_, i) => `key-${i % 500}`);
    const { partitions } = await world.publish(
      topicId,
      keys.map((key, i) => message(key, String(i))),
    );
    assert.deepEqual([...partitions.subarray(0, 500)], [...partitions.subarray(500, 1_000)]);
    const counts = Map.groupBy(partitions, (partition) => partition);
    assert.equal(counts.size, 8);
    for (const { length } of counts.values()) assert.ok(length > 100, String(length));
  },

  "reads on from any offset, within the count and the bytes it was told": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    const texts = Array.from({ length: 2_500 }, (_, i) => `message ${i}`);
    await world.publish(
      topicId,
      texts.slice(0, 2_300).map((text) => message(null, text)),
    );
    for (const text of texts.slice(2_300)) await world.publish(topicId, [message(null, text)]);
    const read = async (from: number, messagesMax: number, bytesMax: number) => {
      const want = { topicId, partition: 0, from, messagesMax, bytesMax };
      return await world.call("readPartition", want);
    };
    assert.deepEqual((await world.read(topicId, 0, 998)).map(textOf), texts.slice(998));
    assert.equal((await read(999, 3, 1 << 20))?.nextOffset, 1_002);
    assert.equal((await read(0, 100, 1))?.nextOffset, 1, "one comes whatever its size");
    const bytes = (await world.read(topicId, 0))[0]?.bytes ?? 0;
    assert.equal((await read(0, 100, bytes * 3))?.nextOffset, 3);
    assert.deepEqual(await read(2_500, 10, 100), {
      ...{ firstOffset: 0, endOffset: 2_500, nextOffset: 2_500, pieces: [] },
    });
  },

  "finds the offset of a time, though the clock went back meanwhile": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    for (const step of [10, 10, -500, 500, 10]) {
      world.nowMs += step;
      await world.publish(topicId, [message(null, "a"), message(null, "b")]);
    }
    const groupId = await world.group(topicId, { from: { kind: "time", timeMs: 1_000_021 } });
    assert.equal((await world.call("readLag", { groupId }))[0]?.position, 8);
    for (const [timeMs, position] of [
      [0, 0],
      [1_000_011, 2],
      [1_000_020, 2],
      [1_000_031, 10],
    ] as const) {
      await world.call("seekGroup", { groupId, to: { kind: "time", timeMs } });
      assert.equal((await world.call("readLag", { groupId }))[0]?.position, position);
    }
  },

  "refuses what is beyond its bounds, and writes nothing then": async (world) => {
    const topicId = await world.topic({ partitions: 2 });
    const partitions = LIMITS.topicPartitionsMax + 1;
    assert.equal((await world.call("addPartitions", { topicId, partitions })).kind, "full");
    assert.equal((await world.call("listPartitions", { topicId })).length, 2);
    const gone = { topicId: `${topicId}x` as typeof topicId };
    assert.equal((await world.call("addPartitions", { ...gone, partitions: 2 })).kind, "missing");
    await world.call("removeTopic", { topicId });
    assert.equal((await world.call("listTopics", { accountId: world.accountId })).length, 0);
    const messages = { records: new Uint8Array(4), ends: Uint32Array.of(4) };
    const one = { ...messages, hashes: Uint32Array.of(0) };
    const answer = await world.call("append", { topicId, messages: one, nowMs: 1 });
    assert.equal(answer.kind, "missing");
  },

  "makes a topic once by its name, and frees the name of a removed one": async (world) => {
    const topicId = await world.topic();
    const options = { partitions: 1, retentionMs: 60_000 };
    const again = { accountId: world.accountId, name: topicId, options, nowMs: 1 };
    const other = `${topicId}2` as typeof topicId;
    const made = await world.call("createTopic", { ...again, id: other });
    assert.deepEqual([made.kind, made.kind === "exists" && made.topic.id], ["exists", topicId]);
    await world.publish(
      topicId,
      Array.from({ length: 30 }, () => message(null, "x")),
    );
    await world.publish(topicId, [message(null, "y")], 2);
    await world.call("removeTopic", { topicId });
    assert.equal((await world.call("createTopic", { ...again, id: other })).kind, "created");
    while (await world.call("sweepRemoved", { chunksMax: 1 }));
    assert.deepEqual(await world.read(topicId, 0), []);
  },
};

const RETENTION: TopicCases = {
  "forgets by age only what is older than it was told": async (world) => {
    const topicId = await world.topic({ partitions: 1, retentionMs: 60_000 });
    for (let i = 0; i < 4; i += 1) {
      await world.publish(topicId, [message(null, String(i))]);
      world.nowMs += 30_000;
    }
    // Ages are 120, 90, 60 and 30 s.
    const trimmed = await world.call("trimTopic", { topicId, nowMs: world.nowMs, chunksMax: 10 });
    assert.deepEqual([trimmed.messages, trimmed.hasMore], [2, false]);
    assert.deepEqual((await world.read(topicId, 0)).map(textOf), ["2", "3"]);
  },

  "forgets by bytes down to what is to be kept, never less, and so much in a pass": async (
    world,
  ) => {
    const topicId = await world.topic({ partitions: 1, retentionBytes: 1 << 20 });
    const value = "v".repeat(100_000);
    for (let i = 0; i < 20; i += 1) await world.publish(topicId, [message(null, value)]);
    const pass = () => world.call("trimTopic", { topicId, nowMs: world.nowMs, chunksMax: 4 });
    const passes = [await pass(), await pass(), await pass()];
    assert.deepEqual(
      passes.map(({ chunks, hasMore }) => [chunks, hasMore]),
      [
        [4, true],
        [4, true],
        [1, false],
      ],
    );
    const [left] = await world.call("listPartitions", { topicId });
    assert.deepEqual([left?.firstOffset, left?.nextOffset], [9, 20]);
    assert.ok((left?.bytes ?? 0) >= 1 << 20 && (left?.bytes ?? 0) < (1 << 20) + 100_100);
  },
};

const ORDER: TopicCases = {
  "places keys for ever: another hash would break the order of what is kept": async () => {
    const keys = ["", "a", "hotel-600000", "schlüssel", "🏨"];
    assert.deepEqual(keys.map(hashKey), [
      ...[2872998923, 444641715, 1298072292, 1660859099, 542729851],
    ]);
    await Promise.resolve();
  },

  "keeps the order of a key when partitions are added": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    const groupId = await world.group(topicId);
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    await world.publish(
      topicId,
      keys.map((key) => message(key, `${key} old`)),
    );
    // The last of them is split from one that has no messages yet.
    const added = await world.call("addPartitions", { topicId, partitions: 4 });
    assert.deepEqual(added, { kind: "added", partitions: 4 });
    const { partitions } = await world.publish(
      topicId,
      keys.map((key) => message(key, "new")),
    );
    assert.deepEqual(new Set(partitions), new Set([0, 1, 2, 3]));
    const take = async () => {
      const args = { holder: "one", nowMs: 1, untilMs: 1_000, takenMax: 10 };
      const { held } = await world.call("rebalance", args);
      return held.map(({ partition, token }) => ({ groupId, partition, token, holder: "one" }));
    };
    assert.deepEqual(
      (await take()).map(({ partition }) => partition),
      [0],
    );
    const settleTo = async (position: number) => {
      const [lease] = await take();
      assert.ok(lease !== undefined);
      const more = { open: [], nextFlight: 1, settled: 0, expired: 0 };
      const saved = { position, readOffset: position, ...more };
      await world.call("savePosition", { ...lease, saved, dead: [], nowMs: 1 });
      return (await take()).map(({ partition }) => partition);
    };
    assert.deepEqual(await settleTo(39), [0], "one of the old ones is open");
    assert.deepEqual(await settleTo(40), [0, 1, 2, 3]);
  },
};

onBothStores("a topic", { ...PUBLISHING, ...RETENTION, ...ORDER });
