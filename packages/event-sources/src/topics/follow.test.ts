/** One who follows a topic: hears all in order, costs what it takes, and ends. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test, type TestContext } from "node:test";
import { createIdSource, seededRandom, systemClock, type Clock, type TopicId } from "@skerry/base";
import { topicOptions, type FollowedMessage } from "@skerry/api-schema";
import type { Store } from "@skerry/store";
import { until } from "@skerry/testkit";
import { openTimerStore } from "../../test/timer-world.ts";
import { storeModule } from "../store-module.ts";
import { cursorOf, followTopic, TopicNews } from "./follow.ts";
import { Publisher } from "./publisher.ts";

const clock = systemClock();
const random = seededRandom(11);
const ids = createIdSource({ clock, random });
const NEVER_MS = 3_600_000;

class Bench {
  readonly accountId = ids.id("acct");
  readonly topicId: TopicId = ids.id("top");
  readonly news = new TopicNews();
  readonly over = new AbortController();
  reads = 0;
  readonly store: Pick<Store, "call">;
  readonly #publisher: Publisher;

  constructor(store: Store) {
    this.store = {
      call: (module, name, args) => {
        if (name === "readPartition") this.reads += 1;
        return store.call(module, name, args);
      },
    };
    const onAppended = (topicId: TopicId): void => this.news.appended(topicId);
    this.#publisher = new Publisher({ store, clock, random, onAppended });
  }

  static async open(t: TestContext): Promise<Bench> {
    const store = await openTimerStore();
    const bench = new Bench(store);
    t.after(async () => {
      bench.over.abort();
      await store.close();
    });
    await store.call(storeModule, "createTopic", {
      ...{ id: bench.topicId, accountId: bench.accountId, name: "prices", nowMs: 1 },
      options: topicOptions.parse({ partitions: 2 }),
    });
    return bench;
  }

  async publish(from: number, count: number): Promise<void> {
    const messages = Array.from({ length: count }, (_, i) => {
      const value = Buffer.from(String(from + i));
      return { key: `k${(from + i) % 5}`, contentType: null, headers: [], timeMs: null, value };
    });
    await this.#publisher.publish({ accountId: this.accountId, name: "prices" }, messages);
  }

  follow(
    cursor = "",
    lookEveryMs = NEVER_MS,
    own: Clock = clock,
  ): AsyncGenerator<FollowedMessage, void> {
    const places = cursor === "" ? [] : cursor.split(",").map((place) => place.split(":"));
    const offsets = new Map(places.map(([p, o]) => [Number(p), Number(o)]));
    const deps = { store: this.store, clock: own, news: this.news, lookEveryMs };
    return followTopic(deps, { topicId: this.topicId, offsets, signal: this.over.signal });
  }
}

async function take(
  lines: AsyncGenerator<FollowedMessage, void>,
  count: number,
): Promise<readonly FollowedMessage[]> {
  const taken: FollowedMessage[] = [];
  while (taken.length < count) {
    const { value, done } = await lines.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

const numbersOf = (lines: readonly FollowedMessage[]): readonly number[] =>
  lines.map(({ data }) => Number(data)).toSorted((a, b) => a - b);
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

test("what is published wakes a follower, who goes on behind the cursor of any message", async (t) => {
  const bench = await Bench.open(t);
  const lines = bench.follow();
  const coming = take(lines, 30);
  await bench.publish(0, 10);
  await bench.publish(10, 20);
  const all = await coming;
  assert.deepEqual(numbersOf(all), upTo(30));
  // Those that came while it waited may stand in another order of partitions than those read now.
  for (const at of [0, 7, 28]) {
    const rest = await take(bench.follow(all[at]?.cursor), 29 - at);
    assert.deepEqual(numbersOf(rest), numbersOf(all.slice(at + 1)));
  }
});

test("partitions that are added are followed from their first message, also behind a cursor", async (t) => {
  const bench = await Bench.open(t);
  await bench.publish(0, 10);
  const before = await take(bench.follow(), 10);
  const args = { topicId: bench.topicId, partitions: 8 };
  await bench.store.call(storeModule, "addPartitions", args);
  await bench.publish(10, 10);
  const rest = await take(bench.follow(before.at(-1)?.cursor), 10);
  assert.deepEqual(numbersOf([...before, ...rest]), upTo(20));
});

test("one who does not read costs one page, however much is published", async (t) => {
  const bench = await Bench.open(t);
  await bench.publish(0, 2_000);
  const lines = bench.follow();
  await take(lines, 1);
  for (let i = 0; i < 5; i += 1) await bench.publish(2_000 * (i + 1), 2_000);
  assert.equal(bench.reads, 1);
  assert.equal((await take(lines, 11_999)).length, 11_999, "the control: all of it was to be had");
});

test("a follower who is woken often leaves no timer and no listener behind", async (t) => {
  const bench = await Bench.open(t);
  const waits = { open: 0 };
  const counting: Pick<Clock, "schedule"> = {
    schedule: (...asked) => {
      const cancel = clock.schedule(...asked);
      waits.open += 1;
      return () => {
        waits.open -= 1;
        cancel();
      };
    },
  };
  const lines = bench.follow("", NEVER_MS, { ...clock, ...counting });
  for (let i = 0; i < 20; i += 1) {
    const coming = take(lines, 1);
    await until("the follower to wait", () => waits.open > 0);
    await bench.publish(i, 1);
    await coming;
    assert.equal(waits.open, 0, `after message ${i + 1}`);
  }
  assert.equal(getEventListeners(bench.over.signal, "abort").length, 1);
  await lines.return();
  assert.equal(getEventListeners(bench.over.signal, "abort").length, 0);
});

test("it ends with its signal and with the topic, and wakes nobody afterwards", async (t) => {
  const bench = await Bench.open(t);
  const waiting = bench.follow("", 10).next();
  await bench.store.call(storeModule, "removeTopic", { topicId: bench.topicId });
  assert.equal((await waiting).done, true);
  const other = await Bench.open(t);
  const idle = other.follow().next();
  other.over.abort();
  assert.equal((await idle).done, true);
});

test("a cursor is the places by partition", () => {
  const offsets = new Map([
    [0, 12],
    [3, 4],
  ]);
  assert.equal(cursorOf(offsets), "0:12,3:4");
});
