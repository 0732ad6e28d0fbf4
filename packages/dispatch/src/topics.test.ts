/**
 * Topics from publishing to dead letters, over control's ledger and a gateway that a test plays, on
 * SQLite and, where it is installed, on PostgreSQL.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { topicOptions } from "@skerry/api-schema";
import { createIdSource, systemClock, systemRandom, type AccountId } from "@skerry/base";
import type { PublishResult } from "@skerry/contracts";
import { hasPostgres, startPostgres, until, type PostgresServer } from "@skerry/testkit";
import { KeyWatch } from "../test/key-watch.ts";
import { batches, eventsOf, FULL_WITH_ONE, Shop } from "../test/shop.ts";
import { World } from "../test/world.ts";

function otherAccount(): AccountId {
  return createIdSource({ clock: systemClock(), random: systemRandom() }).id("acct");
}

type Open = () => Promise<World>;
type Cases = Readonly<Record<string, (world: World, shop: Shop) => Promise<void>>>;

const CASES: Cases = {
  "a message published runs the function, and the position moves when that has ended": async (
    world,
    shop,
  ) => {
    world.function();
    const gateway = await world.gateway();
    await shop.open();
    const { messages } = await shop.publish(["a", 1], ["a", 2]);
    const [place] = messages;
    const [run] = await batches(gateway, 2);
    assert.deepEqual(
      [run?.head.src, run?.head.ct],
      ["topic", "application/cloudevents-batch+json"],
    );
    const [first, second] = eventsOf(run);
    assert.equal(first?.id, `${place?.partition}:${place?.offset}`);
    assert.deepEqual(
      [first?.source, first?.partitionkey, first?.data, second?.data],
      ["/topics/prices", "a", 1, 2],
    );
    assert.equal((await shop.stand()).lag, 2);
    await gateway.settle(run === undefined ? [] : [run]);
    await shop.untilSettled(2);
    assert.equal((await shop.stand()).lag, 0);
  },

  "what a gateway hands on of functions is on disk when it is answered, each by its own": async (
    world,
    shop,
  ) => {
    world.function();
    const gateway = await world.gateway();
    await shop.open();
    const a = world.accountId;
    const publish = async (text: string, ...topics: readonly string[]) => {
      const pieces = topics.map((t) => ({ a, t }));
      return (await gateway.ask("publish", pieces, text)) as readonly PublishResult[];
    };
    const saidOf = (result: PublishResult): unknown =>
      result.ok ? result.places.length : result.error.reason;
    const text = JSON.stringify({ messages: [{ key: "a", data: 1 }, { data: 2 }] });
    const results = await publish(text, "prices", "nowhere", "prices");
    assert.deepEqual(results.map(saidOf), [2, "TOPIC_NOT_FOUND", 2]);
    const page = await shop.topics.listTopicMessages(shop.asked(null));
    assert.equal(page.items.length, 4);
    const keyed = (data: number) =>
      publish(JSON.stringify({ messages: [{ data }], idempotencyKey: "k" }), "prices");
    const [first] = await keyed(1);
    assert.deepEqual(await keyed(1), [first]);
    assert.deepEqual((await keyed(2)).map(saidOf), ["IDEMPOTENCY_KEY_CONFLICT"]);
    const onBus = await publish(JSON.stringify({ messages: [{}], idempotencyKey: "k" }), "$bus");
    assert.deepEqual(onBus.map(saidOf), ["INPUT_INVALID"]);
    assert.equal((await shop.topics.listTopicMessages(shop.asked(null))).items.length, 5);
    const others = await gateway.ask("publish", [{ a: otherAccount(), t: "prices" }], text);
    assert.deepEqual((others as readonly PublishResult[]).map(saidOf), ["TOPIC_NOT_FOUND"]);
    for (const bad of ["{", "[]", `{"messages":[]}`, `{"messages":[{"dat":1}]}`]) {
      assert.deepEqual((await publish(bad, "prices")).map(saidOf), ["INPUT_INVALID"], bad);
    }
    const names = [
      { a: "root", t: "prices" },
      { a, t: "x".repeat(300) },
      { a, t: "prices" },
    ];
    const beside = (await gateway.ask("publish", names, text)) as readonly PublishResult[];
    const unread = "LEDGER_PIECE_UNREADABLE";
    assert.deepEqual(beside.map(saidOf), [unread, unread, 2], "a bad name spoils nobody's");
  },

  "only what the function names comes again, under another invocation, until it is dead": async (
    world,
    shop,
  ) => {
    world.function({ policy: { attempts: 5, retryDelayMs: 10 } });
    const gateway = await world.gateway();
    await shop.open({ attempts: 2, retryDelayMs: 10 });
    await shop.publish(["a", 1], ["a", 2]);
    const [run] = await batches(gateway, 2);
    const itemIdentifier = eventsOf(run)[1]?.id ?? "";
    const result = JSON.stringify({ batchItemFailures: [{ itemIdentifier }] });
    await gateway.settle(run === undefined ? [] : [run], { result });
    const [again] = await batches(gateway, 1);
    assert.equal(eventsOf(again)[0]?.data, 2);
    assert.notEqual(again?.head.id, run?.head.id);
    const settled = gateway.settle(again === undefined ? [] : [again], {
      outcome: "function_error",
    });
    assert.deepEqual(await settled, ["settled"], "its retries are the group's, not the ledger's");
    const letters = async () => (await shop.topics.listTopicDeadLetters(shop.asked(null))).items;
    await until("a dead letter", async () => (await letters()).length === 1);
    const [letter] = await letters();
    assert.deepEqual([letter?.data, letter?.attempts, letter?.key], [2, 2, "a"]);
    assert.deepEqual([(await shop.stand()).lag, (await shop.stand()).deadLetters], [0, 1]);
  },

  "a batch that is out when control goes away is still the gateway's, and settled when it ends":
    async (world, shop) => {
      world.function(FULL_WITH_ONE);
      const gateway = await world.gateway();
      await shop.open();
      await shop.publish(["a", 1]);
      const runs = await batches(gateway, 1);
      await world.stop();
      await world.start();
      gateway.reconnect();
      await gateway.sayHolding();
      gateway.onRun = "end";
      await gateway.settle(runs);
      await shop.untilSettled(1);
      assert.equal(gateway.given.length, 1, "it was given once");
    },

  "a paused trigger runs nothing and goes on where it stood; moved back, it runs all again": async (
    world,
    shop,
  ) => {
    world.function();
    const gateway = await world.gateway();
    gateway.onRun = "end";
    await shop.open();
    await shop.publish(["a", 1]);
    await shop.untilSettled(1);
    await shop.topics.setTopicTriggerEnabled(shop.asked({ enabled: false }));
    await shop.publish(["a", 2]);
    assert.equal((await shop.stand()).enabled, false);
    assert.equal((await shop.stand()).lag, 1);
    assert.equal(gateway.given.length, 1);
    await shop.topics.setTopicTriggerEnabled(shop.asked({ enabled: true }));
    await shop.untilSettled(2);
    await shop.topics.seekTopicTrigger(shop.asked({ to: "earliest" }));
    await shop.untilSettled(4);
  },

  "a trigger goes on from an offset of one partition, and the others stay": async (world, shop) => {
    world.function();
    const gateway = await world.gateway();
    gateway.onRun = "end";
    await shop.open();
    const pairs = Array.from({ length: 12 }, (_, i) => [`k${i}`, i] as const);
    const { messages: places } = await shop.publish(...pairs);
    await shop.untilSettled(12);
    const of = (n: number) => places.filter(({ partition }) => partition === n).length;
    assert.ok(of(0) > 2 && of(1) > 0);
    await shop.topics.seekTopicTrigger(shop.asked({ to: "0:2" }));
    await shop.untilSettled(12 + of(0) - 2);
    assert.equal((await shop.stand()).lag, 0);
    const read = { ...shop.asked(null), query: { limit: 50, from: `0:2,1:${of(1)}` } };
    const { items } = await shop.topics.listTopicMessages(read);
    const left = items.map(({ partition, offset }) => [partition, offset]);
    assert.deepEqual(
      left,
      Array.from({ length: of(0) - 2 }, (_, i) => [0, i + 2]),
    );
  },

  "a place in no partition of the topic, or twice in one, is refused wherever it is given": async (
    world,
    shop,
  ) => {
    world.function();
    await shop.open();
    const signal = AbortSignal.timeout(60_000);
    const give: Record<string, readonly [part: string, at: (place: string) => Promise<unknown>]> = {
      seek: ["body", (to) => shop.topics.check("seekTopicTrigger", shop.asked({ to }))],
      trigger: ["body", (from) => shop.trigger({ from })],
      list: [
        "query",
        (from) => shop.topics.listTopicMessages({ ...shop.asked(null), query: { limit: 1, from } }),
      ],
      follow: [
        "query",
        (from) => shop.topics.followTopicMessages({ ...shop.asked(null), query: { from }, signal }),
      ],
    };
    for (const [name, [part, at]] of Object.entries(give)) {
      const strange = RegExp(`${part}.*no partition 2, 9; its last one is 1`);
      await assert.rejects(at("0:1,2:0,9:0"), strange, name);
      await assert.rejects(at("0:7,0:1"), RegExp(`${part}.*partition 0 stands there twice`), name);
      await at("0:7,1:1");
    }
  },

  "a trigger that is made paused runs nothing until it is resumed": async (world, shop) => {
    world.function();
    const gateway = await world.gateway();
    gateway.onRun = "end";
    await shop.topics.putTopic(shop.asked(topicOptions.parse({ partitions: 2 })));
    await shop.trigger({ enabled: false });
    await shop.publish(["a", 1]);
    assert.deepEqual([(await shop.stand()).enabled, (await shop.stand()).lag], [false, 1]);
    await shop.topics.setTopicTriggerEnabled(shop.asked({ enabled: true }));
    await shop.untilSettled(1);
  },

  "messages wait while their function is not there, and run when it is": async (world, shop) => {
    const fn = world.function();
    const gateway = await world.gateway();
    gateway.onRun = "end";
    await shop.open({ retryDelayMs: 20, retryDelayMsMax: 20 });
    world.remove(fn);
    await shop.publish(["a", 1]);
    assert.equal((await shop.stand()).deadLetters, 0);
    world.function();
    await shop.untilSettled(1);
  },

  "what was published is read from the beginning, page by page, and from a cursor on": async (
    world,
    shop,
  ) => {
    world.function();
    await shop.topics.putTopic(shop.asked(topicOptions.parse({ partitions: 3 })));
    const pairs = Array.from({ length: 40 }, (_, i) => [`k${i % 7}`, i] as const);
    await shop.publish(...pairs);
    const seen: number[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 20; pages += 1) {
      const query = { limit: 7, from: "earliest", cursor };
      const page = await shop.topics.listTopicMessages({ ...shop.asked(null), query });
      seen.push(...page.items.map(({ data }) => data as number));
      cursor = page.nextCursor;
    }
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      pairs.map(([, data]) => data),
    );
    await shop.publish(["late", 99]);
    const query = { limit: 7, from: "earliest", cursor };
    const { items } = await shop.topics.listTopicMessages({ ...shop.asked(null), query });
    assert.deepEqual(
      items.map(({ key, data }) => [key, data]),
      [["late", 99]],
    );
  },

  "what cannot be is refused by its reason": async (world, shop) => {
    const { topics } = shop;
    await assert.rejects(topics.getTopic(shop.asked(null)), { reason: "TOPIC_NOT_FOUND" });
    await assert.rejects(shop.publish(["a", 1]), { reason: "TOPIC_NOT_FOUND" });
    await topics.putTopic(shop.asked(topicOptions.parse({ partitions: 3 })));
    await assert.rejects(shop.trigger(), { reason: "FUNCTION_NOT_FOUND" });
    const narrower = shop.asked(topicOptions.parse({ partitions: 2 }));
    await assert.rejects(topics.check("putTopic", narrower), { reason: "TOPIC_PARTITIONS" });
    await assert.rejects(topics.check("deleteTopicTrigger", shop.asked(null)), {
      reason: "TOPIC_TRIGGER_NOT_FOUND",
    });
    world.function();
    await shop.trigger();
    const other = { ...shop.asked(topicOptions.parse({})) };
    await topics.putTopic({ ...other, params: { ...other.params, topic: "other" } });
    await assert.rejects(shop.trigger({ topic: "other" }), { reason: "TOPIC_TRIGGER_MOVED" });
    const large = { data: "x".repeat(300_000) };
    for (const messages of [[large], [{ key: "k".repeat(2_000) }], [{ headers: { id: "1" } }]]) {
      await assert.rejects(topics.publishMessages(shop.asked({ messages })), {
        reason: "INPUT_INVALID",
      });
    }
    await topics.deleteTopic(shop.asked(null));
    await assert.rejects(shop.stand(), { reason: "TOPIC_TRIGGER_NOT_FOUND" });
  },
};

function onStore(open: Open): void {
  for (const [title, show] of Object.entries(CASES)) {
    void it(title, async () => {
      await using world = await open();
      await show(world, new Shop(world));
    });
  }
}

void it("a batch whose end nobody heard of is settled from the record, and not run again", async () => {
  await using world = await World.open();
  const shop = new Shop(world);
  world.function();
  const gateway = await world.gateway();
  await shop.open();
  await shop.publish(["a", 1]);
  await batches(gateway, 1);
  await world.stop();
  world.inLedger("UPDATE ledger_invocations SET state = 'succeeded', settled_ms = 1");
  world.inLedger("DELETE FROM ledger_queue");
  gateway.held.clear();
  await world.start();
  gateway.reconnect();
  await gateway.sayHolding();
  await shop.untilSettled(1);
  assert.equal(gateway.given.length, 1, "it was given once");
});

void describe("topics, SQLite", () => onStore(() => World.open()));

const skip = hasPostgres() ? false : "PostgreSQL is absent";
void describe("topics, PostgreSQL", { skip }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server?.stop());
  it("two platforms share a topic's triggers, and each batch is run by one of them", async () => {
    const shared = { url: server?.url ?? "", looksEveryMs: 50 };
    await using first = await World.open({}, shared);
    await using second = await World.open({}, { ...shared, accountId: first.accountId });
    second.configure(first.function(), {});
    const gateways = [await first.gateway(), await second.gateway()];
    const watch = new KeyWatch(gateways, (run) =>
      eventsOf(run).map(({ partitionkey = "" }) => partitionkey),
    );
    const [one, other] = [new Shop(first), new Shop(second)];
    await one.open({ batchMessages: 3 });
    const pairs = Array.from({ length: 60 }, (_, i) => [`k${i % 9}`, i] as const);
    for (const shop of [one, other]) await shop.publish(...pairs);
    await until("120 to be settled", async () => {
      await watch.endAll();
      return (await other.stand()).settled === 120;
    });
    assert.equal((await one.stand()).deadLetters, 0);
    assert.deepEqual(watch.beside, [], "messages of one key ran at once");
    const byKey = Map.groupBy(watch.ran.flatMap(eventsOf), ({ partitionkey }) => partitionkey);
    for (const events of byKey.values()) {
      const offsets = events.map(({ id }) => Number(id.split(":")[1]));
      const once = [...new Set(offsets)].toSorted((a, b) => a - b);
      assert.deepEqual(offsets, once, "each once, in the order of its key");
    }
  });

  onStore(async () => {
    const shared = { url: server?.url ?? "", looksEveryMs: 50 };
    return await World.open({}, shared);
  });
});
