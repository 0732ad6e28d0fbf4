/** What is published under an idempotency key is there once, and is told where it lies. */
import assert from "node:assert/strict";
import { topicOptions } from "@skerry/api-schema";
import { createIdSource, PlatformError, seededRandom, systemClock } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { TopicMessage } from "@skerry/triggers";
import { onBothStores, type BusWorld } from "../../test/bus-world.ts";
import { storeModule as ledgerModule } from "../../test/ledger.ts";
import type { Call } from "../../test/timer-world.ts";
import { storeModule } from "../store-module.ts";
import { Publisher, type Place, type PublisherDeps } from "./publisher.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(77) });
const KEYS_MS = 60_000;
const CONFLICT = { reason: "IDEMPOTENCY_KEY_CONFLICT", httpStatus: 422 };

function messagesOf(...texts: readonly string[]): readonly TopicMessage[] {
  const rest = { contentType: null, headers: [], timeMs: null };
  return texts.map((text) => ({ ...rest, key: text, value: Buffer.from(text) }));
}

/** A topic of an account of its own, and one that publishes there. */
async function shopOf({ store, clock }: BusWorld, faulty?: PublisherDeps["store"]) {
  const topic = { accountId: ids.id("acct"), name: "prices" };
  const options = topicOptions.parse({ partitions: 3 });
  const made = { ...topic, id: ids.id("top"), nowMs: clock.wallMs(), options };
  await store.call(storeModule, "createTopic", made);
  const grown: number[] = [];
  const publisher = new Publisher({
    ...{ store: faulty ?? store, clock, random: seededRandom(7), keysMs: KEYS_MS },
    onAppended: (_, ends) => void grown.push(ends.size),
  });
  const publish = (key: string | undefined, ...texts: readonly string[]) =>
    publisher.publish(topic, messagesOf(...texts), key);
  const count = async (): Promise<number> => {
    const found = await store.call(storeModule, "listPartitions", { topicId: made.id });
    return found.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
  };
  return { publisher, topic, topicId: made.id, publish, count, grown };
}

function textOf(places: readonly Place[]): string {
  return places.map(({ partition, offset }) => `${partition}:${offset}`).join(" ");
}

onBothStores("publishing under an idempotency key", {
  "is answered as the first time, and nothing is there twice": async (world) => {
    const { publish, count, grown } = await shopOf(world);
    const [a, b] = [await publish("one", "a", "b", "c", "a"), await publish("two", "a")];
    assert.equal(
      new Set(textOf([...a, ...b]).split(" ")).size,
      5,
      "each message has its own place",
    );
    const before = grown.length;
    assert.equal(textOf(await publish("one", "a", "b", "c", "a")), textOf(a));
    assert.equal(textOf(await publish("two", "a")), textOf(b));
    assert.equal(await count(), 5);
    assert.equal(grown.length, before, "readers are not woken by what was there");
    await publish(undefined, "a");
    await publish(undefined, "a");
    assert.equal(await count(), 7, "the control: without a key it is there each time");
  },
  "those at once join, whoever publishes": async (world) => {
    const one = await shopOf(world);
    const other = new Publisher({
      ...{ store: world.store, clock: world.clock, random: seededRandom(8) },
      onAppended: () => undefined,
    });
    // Without keys of their own each publisher would have them lie elsewhere.
    const messages = messagesOf("a", "b").map((message) => ({ ...message, key: null }));
    for (let round = 1; round <= 5; round += 1) {
      const all = Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? one.publisher : other).publish(one.topic, messages, `k${round}`),
      );
      const places = await Promise.all(all);
      assert.equal(new Set(places.map(textOf)).size, 1);
      assert.equal(await one.count(), round * 2);
    }
  },
  "is refused with other messages, and keeps neither them nor what fails beside": async (world) => {
    const { publisher, topic, topicId, publish, count } = await shopOf(world);
    const [first, refused, beside] = await Promise.allSettled([
      publish("k", "a"),
      publish("k", "b"),
      publish("other", "b"),
    ]);
    assert.deepEqual([first.status, beside.status], ["fulfilled", "fulfilled"]);
    assert.ok(refused.status === "rejected" && PlatformError.is(refused.reason));
    assert.deepEqual(
      { reason: refused.reason.reason, httpStatus: refused.reason.httpStatus },
      CONFLICT,
    );
    await assert.rejects(publish("k", "a", "a"), CONFLICT);
    assert.equal(await count(), 2);
    const nowhere = publisher.publish({ ...topic, name: "nowhere" }, messagesOf("a"), "k");
    await assert.rejects(nowhere, { reason: "TOPIC_NOT_FOUND" });
    const bytes = LIMITS.topicPartitionBytesMax;
    for (const partition of [0, 1, 2]) {
      await world.store.call(ledgerModule, "fillPartition", { topicId, partition, bytes });
    }
    await assert.rejects(publish("late", "a"), { reason: "TOPIC_FULL" });
    assert.equal((await publish("k", "a")).length, 1, "what is there is told all the same");
    for (const partition of [0, 1, 2]) {
      await world.store.call(ledgerModule, "fillPartition", { topicId, partition, bytes: 0 });
    }
    await publish("late", "b");
    assert.equal(await count(), 3, "what was refused has left nothing under its key");
  },
  "is in force for as long as is configured, and free afterwards": async (world) => {
    const { publish, count } = await shopOf(world);
    const first = textOf(await publish("k", "a"));
    world.clock.advance(KEYS_MS - 1);
    assert.equal(textOf(await publish("k", "a")), first);
    world.clock.advance(1);
    assert.notEqual(textOf(await publish("k", "b")), first);
    assert.equal(await count(), 2);
    await assert.rejects(publish("k", "a"), CONFLICT);
  },
  "is one commit with its messages: whose answer was lost is told it when it comes again": async (
    world,
  ) => {
    let isLost = true;
    const call: Call["call"] = async (module, procedure, args) => {
      const answer = await world.store.call(module, procedure, args);
      if (isLost) throw new Error("control died behind the commit");
      return answer;
    };
    const { publish, count } = await shopOf(world, { call });
    await assert.rejects(publish("k", "a", "b"));
    isLost = false;
    assert.equal(await count(), 2);
    const places = await publish("k", "a", "b");
    assert.equal(textOf(places), textOf(await publish("k", "a", "b")));
    assert.equal(await count(), 2);
  },
});
