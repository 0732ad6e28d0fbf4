/** Dead letters, and triggers that stand still, are told of once, and only where a rule hears. */
import assert from "node:assert/strict";
import { groupSettings } from "@skerry/api-schema";
import { createIdSource, seededRandom, systemClock, type TopicGroupId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import {
  CLOUD_EVENT_TYPE,
  placedMessages,
  prepareMessages,
  type TopicMessage,
} from "@skerry/triggers";
import { onBothStores, type BusWorld } from "../../test/bus-world.ts";
import { storeModule } from "../store-module.ts";
import { readPublished } from "../topics/published.ts";
import type { Bus } from "./bus.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(53) });
const HEARS = { type: [{ prefix: "skerry.message." }, { prefix: "skerry.trigger." }] };
const PLAIN: TopicMessage = {
  ...{ key: "k", contentType: null, headers: [], timeMs: null },
  value: Buffer.from("x"),
};

async function groupOf(world: BusWorld): Promise<TopicGroupId> {
  const { accountId, store, clock } = world;
  await world.topic("orders");
  const topic = await store.call(storeModule, "findTopic", { accountId, name: "orders" });
  assert.ok(topic !== undefined);
  const id = ids.id("tgr");
  const made = await store.call(storeModule, "createGroup", {
    ...{ id, topicId: topic.id, accountId, name: "bill", target: "shop/work" },
    ...{ from: { kind: "earliest" }, settings: groupSettings.parse({}), nowMs: clock.wallMs() },
  });
  assert.equal(made.kind, "created");
  return id;
}

/** Gives up as many messages from an offset on. */
async function bury(
  world: BusWorld,
  groupId: TopicGroupId,
  letters: { from: number; count?: number; message?: TopicMessage; holder?: string },
) {
  const { store, clock } = world;
  const { from, count = 1, message = PLAIN, holder = "a" } = letters;
  const nowMs = clock.wallMs();
  const taking = { holder, nowMs, untilMs: nowMs + 10_000, takenMax: 10 };
  const { held } = await store.call(storeModule, "rebalance", taking);
  const lease = held.find((one) => one.groupId === groupId);
  assert.ok(lease !== undefined);
  const { records: record } = prepareMessages([message], 0);
  const dead = Array.from({ length: count }, (_, i) => {
    return { offset: from + i, attempts: 3, reason: "It failed.", record };
  });
  const position = from + count;
  const saved = { position, readOffset: position, open: [], nextFlight: 7, settled: 0, expired: 0 };
  const args = { ...lease, holder, saved, dead, nowMs };
  return async () => (await store.call(storeModule, "savePosition", args)).kind;
}

async function told(world: BusWorld, bus: Bus) {
  const query = { limit: 100, from: "earliest" };
  const { items } = await bus.listEvents({ accountId: world.accountId, query });
  return items.map(({ event }) => event);
}

async function showLetters(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const groupId = await groupOf(world);
  await (
    await bury(world, groupId, { from: 0 })
  )();
  assert.deepEqual(await told(world, bus), [], "nobody hears of it");
  await world.rule(bus, "heard", HEARS);
  const save = await bury(world, groupId, { from: 1, count: 2 });
  assert.equal(await save(), "saved");
  assert.equal(await save(), "saved", "its answer was lost, and it is saved again");
  const events = await told(world, bus);
  assert.deepEqual(
    events.map(({ type, source, subject }) => [type, source, subject]),
    Array.from({ length: 2 }, () => {
      return ["skerry.message.dead-lettered.v1", "/skerry/apps/shop", "shop/work"];
    }),
  );
  assert.deepEqual(events[0]?.["data"], {
    ...{ app: "shop", function: "work", topic: "orders", trigger: "bill", partition: 0 },
    ...{ offset: 1, key: "k", attempts: 3, error: "It failed." },
  });
  await bus.start();
  await world.calm();
  assert.equal((await world.entered("heard")).length, 2);
  await bus.close();
}

/** A rule that publishes dead letters to the topic whose trigger made them. */
async function showOwn(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const groupId = await groupOf(world);
  await world.rule(bus, "heard", HEARS);
  const { accountId, store } = world;
  await bus.putRule({
    ...{ accountId, app: "shop", name: "handed", ifVersion: null, functionId: null },
    request: {
      pattern: { type: [{ prefix: "" }] },
      enabled: true,
      topic: "orders",
      eventFormat: "cloudevents",
    },
  });
  const topic = await store.call(storeModule, "findTopic", { accountId, name: "orders" });
  assert.ok(topic !== undefined);
  await (
    await bury(world, groupId, { from: 0 })
  )();
  await world.put(bus, { type: "order.placed" });
  await bus.start();
  await world.calm();
  const read = { topicId: topic.id, partition: 0, from: 0, messagesMax: 9, bytesMax: 1 << 20 };
  const handed = placedMessages(
    (await store.call(storeModule, "readPartition", read))?.pieces ?? [],
  );
  const [own, users] = handed;
  assert.ok(own !== undefined && users !== undefined);
  await (
    await bury(world, groupId, { from: 1, message: own })
  )();
  assert.equal((await told(world, bus)).length, 2, "the first letter and the order");
  await (
    await bury(world, groupId, { from: 2, message: users })
  )();
  assert.equal((await told(world, bus)).length, 3, "the control: a user's event is told of");
  await bus.close();
}

/** A message that says of itself what a rule says of the platform's. */
async function showForged(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const groupId = await groupOf(world);
  await world.rule(bus, "heard", HEARS);
  const type = "skerry.message.dead-lettered.v1";
  const [message] = readPublished([
    { data: 1, contentType: CLOUD_EVENT_TYPE, headers: { type, skerrydepth: "1" } },
  ]);
  assert.ok(message !== undefined);
  await (
    await bury(world, groupId, { from: 0, message })
  )();
  assert.equal((await told(world, bus)).length, 1);
}

async function showStopped(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const groupId = await groupOf(world);
  const { topicDeadLettersMax: most } = LIMITS;
  await (
    await bury(world, groupId, { from: 0, count: most })
  )();
  await world.rule(bus, "heard", HEARS);
  const late = await bury(world, groupId, { from: most });
  world.clock.advance(20_000);
  const save = await bury(world, groupId, { from: most, holder: "b" });
  assert.equal(await late(), "fenced", "who was taken over knows nothing of where it stands");
  assert.deepEqual(await told(world, bus), []);
  for (let i = 0; i < 3; i += 1) assert.equal(await save(), "full");
  const [stopped, ...others] = await told(world, bus);
  assert.deepEqual(others, [], "however often it is tried");
  assert.equal(stopped?.["type"], "skerry.trigger.stopped.v1");
  assert.deepEqual(stopped?.["data"], {
    ...{ app: "shop", function: "work", topic: "orders", trigger: "bill", deadLettersMax: most },
  });
  await world.store.call(storeModule, "discardDeadLetters", { groupId });
  assert.equal(await save(), "saved");
  const types = (await told(world, bus)).map(({ type }) => type);
  assert.deepEqual(types, ["skerry.trigger.stopped.v1", "skerry.message.dead-lettered.v1"]);
}

onBothStores("dead letters on the bus", {
  "each that a trigger gives up is told of once, where a rule hears of it": showLetters,
  "what the platform told goes no further when it becomes one": showOwn,
  "nobody who publishes keeps one from being told": showForged,
  "a trigger that stands still is told of once, and what it kept back when it goes on": showStopped,
});
