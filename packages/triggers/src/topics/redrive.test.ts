import assert from "node:assert/strict";
import { createIdSource, seededRandom, type RedriveId, type TopicGroupId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { HandClock } from "@skerry/testkit";
import {
  message,
  onBothStores,
  type TopicCases,
  type TopicsWorld,
} from "../../test/topics-world.ts";
import { encodeMessages } from "./records.ts";

const ids = createIdSource({ clock: new HandClock(), random: seededRandom(7) });
const record = encodeMessages([message("a", "x")], () => 0).records;

/** Gives up as many messages from an offset on. */
async function bury(world: TopicsWorld, groupId: TopicGroupId, from: number, count: number) {
  const untilMs = world.nowMs + 10_000;
  const taking = { holder: "a", nowMs: world.nowMs, untilMs, takenMax: 10 };
  const { held } = await world.call("rebalance", taking);
  const lease = held.find((one) => one.groupId === groupId);
  assert.ok(lease !== undefined);
  const dead = Array.from({ length: count }, (_, i) => {
    return { offset: from + i, attempts: 1, reason: "It failed.", record };
  });
  const position = from + count;
  const saved = { position, readOffset: position, open: [], nextFlight: 1, settled: 0, expired: 0 };
  const args = { ...lease, holder: "a", saved, dead, nowMs: world.nowMs };
  return (await world.call("savePosition", args)).kind;
}

const CASES: TopicCases = {
  "a group that stands still at its limit of dead letters goes on once some of them are gone":
    async (world) => {
      const topicId = await world.topic({ partitions: 1 });
      const groupId = await world.group(topicId);
      const { topicDeadLettersMax: most } = LIMITS;
      assert.equal(await bury(world, groupId, 0, most), "saved");
      assert.equal(await bury(world, groupId, most, 1), "full");
      assert.deepEqual(await world.call("countDeadLetters", { groupId }), {
        ...{ kept: most, redriving: 0 },
      });
      assert.equal(await world.call("discardDeadLetters", { groupId }), most);
      assert.equal(await bury(world, groupId, most, 1), "saved");
    },

  "a redrive takes a letter once, also by a clock that was set back; another one takes it again":
    async (world) => {
      const topicId = await world.topic({ partitions: 1 });
      const groupId = await world.group(topicId);
      assert.equal(await bury(world, groupId, 0, 1), "saved");
      const fresh = [0, 1, 2].map(() => ids.requestId());
      const [id = ids.requestId()] = fresh;
      const take = async (redriveId: RedriveId) => {
        const of = { groupId, redriveId, to: null, fromMs: 0, toMs: world.nowMs + 1, seen: 10 };
        const { taken, isMore } = await world.call("takeLetters", { ...of, ids: fresh });
        return [taken.length, isMore];
      };
      const [one, other] = [ids.id("rdr"), ids.id("rdr")];
      assert.deepEqual(await take(one), [1, false]);
      const end = { kind: "failed", reason: "Again." } as const;
      await world.call("endRedrive", { groupId, id, end, nowMs: world.nowMs - 1 });
      assert.deepEqual(await take(one), [0, false]);
      assert.deepEqual(await take(other), [1, false]);
    },

  "shows what is out and since when the oldest waits": async (world) => {
    const topicId = await world.topic({ partitions: 1 });
    const groupId = await world.group(topicId);
    const lag = async () => (await world.call("readLag", { groupId }))[0];
    assert.deepEqual([(await lag())?.oldestMs, (await lag())?.batches], [null, 0]);
    await world.publish(topicId, [message(null, "1"), message(null, "2")]);
    world.nowMs += 5_000;
    await world.publish(topicId, [message(null, "3")]);
    assert.equal((await lag())?.oldestMs, world.nowMs - 5_000);
    const taking = { holder: "a", nowMs: world.nowMs, untilMs: world.nowMs + 1, takenMax: 1 };
    const [lease] = (await world.call("rebalance", taking)).held;
    assert.ok(lease !== undefined);
    const waiting = { attempts: 0, dueMs: 0, suspects: 0 };
    const open = [{ ...waiting, offset: 2, flight: 7 }];
    const saved = { position: 2, readOffset: 3, open, nextFlight: 8, settled: 2, expired: 0 };
    await world.call("savePosition", { ...lease, holder: "a", saved, dead: [], nowMs: 1 });
    assert.deepEqual([(await lag())?.oldestMs, (await lag())?.batches], [world.nowMs, 1]);
  },
};

onBothStores("dead letters and lag", CASES);
