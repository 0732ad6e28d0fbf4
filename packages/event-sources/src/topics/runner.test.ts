/** What topics cost and keep: shared leases, joined appends, what is forgotten. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  createIdSource,
  PlatformError,
  seededRandom,
  silentLog,
  systemClock,
  type FunctionId,
  type RequestId,
  type TopicId,
} from "@skerry/base";
import { groupSettings, topicOptions, type TopicOptions } from "@skerry/api-schema";
import type { Store } from "@skerry/store";
import { HandClock, until } from "@skerry/testkit";
import { openTimerStore } from "../../test/timer-world.ts";
import type { SourcedInvocation } from "../ledger.ts";
import { storeModule } from "../store-module.ts";
import { Publisher, type Place } from "./publisher.ts";
import { TopicRunner } from "./runner.ts";
import { TopicSweeper } from "./sweeper.ts";

const random = seededRandom(5);
const ids = createIdSource({ clock: systemClock(), random });
const log = silentLog();

/** A store that counts what is asked of it, with a clock of its own. */
class Bench {
  readonly clock = new HandClock();
  readonly accountId = ids.id("acct");
  readonly counts = new Map<string, number>();
  readonly accepted: SourcedInvocation[] = [];
  /** What is entered is refused. */
  isFull = false;
  /** Instead of what the store says of what the ledger has. */
  known: (() => Promise<readonly RequestId[]>) | undefined;
  readonly store: Pick<Store, "call">;

  constructor(store: Store) {
    this.store = {
      call: (module, name, args) => {
        this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
        if (name === "findKnown" && this.known !== undefined) return this.known() as never;
        return store.call(module, name, args);
      },
    };
  }

  static async open(t: TestContext): Promise<Bench> {
    const store = await openTimerStore();
    t.after(() => store.close());
    return new Bench(store);
  }

  count(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  async topic(name: string, options: Partial<TopicOptions> = {}): Promise<TopicId> {
    const id = ids.id("top");
    await this.store.call(storeModule, "createTopic", {
      ...{ id, accountId: this.accountId, name, nowMs: this.clock.wallMs() },
      options: topicOptions.parse(options),
    });
    return id;
  }

  async group(topicId: TopicId, name: string): Promise<void> {
    await this.store.call(storeModule, "createGroup", {
      ...{ id: ids.id("tgr"), topicId, accountId: this.accountId, name: `shop/${name}` },
      ...{ target: "shop/work", settings: groupSettings.parse({}) },
      ...{ from: { kind: "earliest" as const }, nowMs: this.clock.wallMs() },
    });
  }

  runner(t: TestContext): TopicRunner {
    const { store, clock } = this;
    const functionId: FunctionId = ids.id("fn");
    const runner = new TopicRunner(
      {
        ...{ store, clock, random, log },
        ledger: {
          functionOf: () => Promise.resolve(functionId),
          accept: (items) => {
            this.accepted.push(...items);
            const error = PlatformError.from(undefined).toWire();
            const answer = (id: RequestId) =>
              this.isFull
                ? ({ ok: false, error } as const)
                : ({ ok: true, id, repeated: false } as const);
            return Promise.resolve(items.map(({ id }) => answer(id)));
          },
        },
      },
      { holder: ids.requestId(), isShared: false },
    );
    t.after(() => runner.close());
    return runner;
  }

  /** Lets time pass in steps in which everything that falls due is done. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 10; i += 1) {
      this.clock.advance(100);
      await this.store.call(storeModule, "listAllGroups", { accountId: null });
      await new Promise((done) => void setImmediate(done));
    }
  }
}

test("all groups share one look at the leases a second, and without groups there is none", async (t) => {
  const bench = await Bench.open(t);
  const runner = bench.runner(t);
  await runner.start();
  await bench.pass(5);
  assert.equal(bench.count("rebalance"), 0);
  const topicId = await bench.topic("prices");
  for (const name of ["a", "b", "c", "d"]) await bench.group(topicId, name);
  await runner.look();
  const before = bench.count("rebalance");
  await bench.pass(10);
  const looked = bench.count("rebalance") - before;
  assert.ok(looked >= 5 && looked <= 11, `${looked} looks in ten seconds`);
});

test("what is published while something is written goes with the next append, in its order", async (t) => {
  const bench = await Bench.open(t);
  await bench.topic("prices", { partitions: 1 });
  const { store, clock } = bench;
  const ends: number[] = [];
  const publisher = new Publisher({
    ...{ store, clock, random },
    onAppended: (_, all) => ends.push(...all.values()),
  });
  const topic = { accountId: bench.accountId, name: "prices" };
  const value = Buffer.from("1");
  const message = { key: "a", contentType: null, headers: [], timeMs: null, value };
  const places: readonly (readonly Place[])[] = await Promise.all(
    Array.from({ length: 50 }, () => publisher.publish(topic, [message, message])),
  );
  assert.deepEqual(
    places.flat().map(({ offset }) => offset),
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.ok(bench.count("append") < 10, `${bench.count("append")} appends`);
  assert.equal(ends.at(-1), 100);
  const gone = { ...topic, name: "other" };
  await assert.rejects(publisher.publish(gone, [message]), { reason: "TOPIC_NOT_FOUND" });
});

test("a batch that is published runs at once, without waiting for a look", async (t) => {
  const bench = await Bench.open(t);
  const topicId = await bench.topic("prices", { partitions: 1 });
  await bench.group(topicId, "a");
  const runner = bench.runner(t);
  await runner.start();
  const { store, clock } = bench;
  const publisher = new Publisher({
    ...{ store, clock, random },
    onAppended: (id, ends) => runner.appended(id, ends),
  });
  const value = Buffer.from("1");
  const message = { key: "a", contentType: null, headers: [], timeMs: null, value };
  await publisher.publish({ accountId: bench.accountId, name: "prices" }, [message]);
  await until("the batch", () => bench.accepted.length === 1);
  assert.deepEqual([bench.accepted[0]?.source, bench.accepted[0]?.sourceId], ["topic", "shop/a"]);
});

test("a batch that is refused comes as another one only if the ledger does not have it", async (t) => {
  const bench = await Bench.open(t);
  const topicId = await bench.topic("prices", { partitions: 1 });
  await bench.group(topicId, "a");
  const { store, clock, accountId, accepted } = bench;
  const publisher = new Publisher({ store, clock, random, onAppended: () => undefined });
  const value = Buffer.from("1");
  const message = { key: "a", contentType: null, headers: [], timeMs: null, value };
  await publisher.publish({ accountId, name: "prices" }, [message]);
  bench.isFull = true;
  const away = (): Promise<never> => Promise.reject(new Error("the store is away"));
  bench.known = away;
  const runner = bench.runner(t);
  await runner.start();
  await bench.pass(5);
  const [first] = accepted;
  bench.known = () => Promise.resolve(first === undefined ? [] : [first.id]);
  await bench.pass(30);
  assert.equal(accepted.length, 1, "it may run: nothing else runs with its messages");
  await runner.close();
  // The control: whoever takes it up next finds that the ledger has nothing of it.
  bench.known = away;
  await bench.runner(t).start();
  await bench.pass(5);
  assert.equal(accepted.length, 2);
  bench.known = () => Promise.resolve([]);
  await bench.pass(30);
  assert.ok(accepted.length > 2);
  assert.equal(accepted[1]?.id, first?.id);
  assert.notEqual(accepted[2]?.id, first?.id);
});

test("messages go when they are too old, and with their topic", async (t) => {
  const bench = await Bench.open(t);
  const { store, clock, accountId } = bench;
  const topicId = await bench.topic("prices", { partitions: 1, retentionMs: 60_000 });
  const publisher = new Publisher({ store, clock, random, onAppended: () => undefined });
  const sweeper = new TopicSweeper({ store, clock, log });
  const value = Buffer.from("1");
  const message = { key: "a", contentType: null, headers: [], timeMs: null, value };
  const kept = async (): Promise<number> => {
    const at = { topicId, partition: 0, from: 0, messagesMax: 10, bytesMax: 1_000 };
    const read = await store.call(storeModule, "readPartition", at);
    return read === undefined ? 0 : read.endOffset - read.firstOffset;
  };
  await publisher.publish({ accountId, name: "prices" }, [message, message]);
  clock.advance(59_000);
  await publisher.publish({ accountId, name: "prices" }, [message]);
  assert.deepEqual([await sweeper.sweep(), await kept()], [0, 3]);
  clock.advance(2_000);
  assert.deepEqual([await sweeper.sweep(), await kept()], [2, 1]);
  await store.call(storeModule, "removeTopic", { topicId });
  await sweeper.sweep();
  assert.equal(await store.call(storeModule, "sweepRemoved", { chunksMax: 1 }), false);
  await sweeper.close();
});
