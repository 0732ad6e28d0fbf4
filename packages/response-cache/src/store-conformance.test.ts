/** What every store of kept answers promises, on memory and on a real Redis. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { silentLog, systemClock } from "@skerry/base";
import { hasRedis, startRedis, until, type RedisServer } from "@skerry/testkit";
import { keptAnswer } from "../test/kept.ts";
import { openWorld } from "../test/world.ts";
import type { KeptAnswer } from "./kept-answer.ts";
import { createMemoryStore } from "./memory-store.ts";
import type { CacheStore, ToldPurge } from "./ports.ts";
import { RULES_MAX } from "./purge-book.ts";
import { openRedisStore } from "./redis/redis-store.ts";

const BODY = [...keptAnswer().body];

type Case = (store: CacheStore) => Promise<void>;

async function answerAt(store: CacheStore, key = "k"): Promise<KeptAnswer | undefined> {
  const kept = await store.get("stage", key);
  return kept?.kind === "answer" ? kept : undefined;
}

async function putAs(store: CacheStore, kept: Partial<KeptAnswer>, key = "k"): Promise<void> {
  const mark = await store.mark("stage");
  await store.put({ stage: "stage", key, kept: keptAnswer({ mark, ...kept }), keepMs: 3_600_000 });
}

const CASES: Readonly<Record<string, Case>> = {
  async "gives back what was put, byte for byte, and the last of what was put twice"(store) {
    assert.equal(await answerAt(store), undefined);
    await putAs(store, { freshForS: 1 });
    await putAs(store, {});
    const kept = await answerAt(store);
    assert.deepEqual({ ...kept, body: [...(kept?.body ?? [])] }, { ...keptAnswer(), body: BODY });
    assert.equal(await answerAt(store, "other"), undefined);
  },
  async "keeps what an answer varies by"(store) {
    const kept = { kind: "vary", vary: ["accept-language"] } as const;
    await store.put({ stage: "stage", key: "k", kept, keepMs: 60_000 });
    assert.deepEqual(await store.get("stage", "k"), kept);
  },
  async "finds nothing again that a purge names, whatever names it"(store) {
    const kept = { tags: ["t", "u"] };
    for (const what of [
      ...[{ all: true as const }, { tag: "t" }, { tag: "u" }, { prefix: "/a" }, { prefix: "/" }],
      ...[{ prefix: "shop.example/a" }, { url: "shop.example/a?b=1" }, { url: "/a?b=1" }],
      { url: "https://shop.example:8443/a?b=1" },
    ]) {
      await putAs(store, kept);
      await store.purge("stage", what);
      assert.equal(await answerAt(store), undefined, JSON.stringify(what));
    }
  },
  async "forgets long URLs, too, and tells them apart"(store) {
    const [one, other] = [`/a?${"b".repeat(1_000)}`, `/a?${"b".repeat(999)}c`];
    const origin = { stage: "stage", host: "shop.example", url: one, keyUrl: one };
    await putAs(store, { origin });
    await store.purge("stage", { url: other });
    assert.notEqual(await answerAt(store), undefined);
    await store.purge("stage", { url: `shop.example${one}` });
    assert.equal(await answerAt(store), undefined);
  },
  async "leaves what a purge does not name"(store) {
    await putAs(store, { tags: ["t"] });
    for (const what of [
      { tag: "T" },
      { prefix: "/b" },
      { url: "/a" },
      { url: "else.example/a?b=1" },
    ]) {
      await store.purge("stage", what);
      assert.notEqual(await answerAt(store), undefined, JSON.stringify(what));
    }
    await store.purge("another", { all: true });
    assert.notEqual(await answerAt(store), undefined);
  },
  async "finds nothing that was asked for before a purge and put after it"(store) {
    const mark = await store.mark("stage");
    await store.purge("stage", { tag: "t" });
    await putAs(store, { tags: ["t"], mark });
    assert.equal(await answerAt(store), undefined);
    await putAs(store, { tags: ["x"], mark });
    assert.notEqual(await answerAt(store), undefined);
    await putAs(store, { tags: ["t"] });
    assert.notEqual(await answerAt(store), undefined);
  },
  async "holds more purges than it has rules for, and forgets little beside"(store) {
    const keys = Array.from({ length: 100 }, (_, i) => `other ${i}`);
    const atUrl = (url: string): KeptAnswer["origin"] => ({
      ...{ stage: "stage", host: "shop.example", url, keyUrl: url },
    });
    await putAs(store, {}, "first");
    for (const key of keys) await putAs(store, { origin: atUrl(`/${key}`) }, key);
    const purge = async (url: string): Promise<void> => {
      await store.purge("stage", { url: `shop.example${url}` });
    };
    const purges = [purge("/a?b=1")];
    for (let i = 0; i < 2 * RULES_MAX; i++) {
      purges.push(purge(`/b?c=${i}`));
      if (i % 500 === 0) await Promise.all(purges.splice(0));
    }
    await Promise.all(purges);
    assert.equal(await answerAt(store, "first"), undefined);
    const left = await Promise.all(keys.map((key) => answerAt(store, key)));
    assert.ok(left.filter((kept) => kept !== undefined).length > 80);
    await store.purge("stage", { all: true });
    assert.equal(await answerAt(store, keys[0]), undefined);
  },
  async "carries out what is told by number once, and all where a number is missing"(store) {
    const tag = (number: number): ToldPurge => ({ number, all: [{ tag: `t${number}` }] });
    await putAs(store, { tags: ["t2"] });
    await store.follow("stage", [tag(1)]);
    assert.notEqual(await answerAt(store), undefined);
    await store.follow("stage", [tag(1), tag(2)]);
    assert.equal(await answerAt(store), undefined);
    await putAs(store, { tags: ["t2"] });
    await store.follow("stage", [tag(1), tag(2)]);
    assert.notEqual(await answerAt(store), undefined);
    await store.follow("stage", [tag(4)]);
    assert.equal(await answerAt(store), undefined);
    await putAs(store, { tags: ["t4"] });
    await store.follow("stage", [tag(3), tag(4)]);
    assert.notEqual(await answerAt(store), undefined);
  },
  async "serves a whole cache: fresh, stale, varied and purged"(store) {
    const world = openWorld(store);
    const ask = async (url: string, language: string, text: string): Promise<string> => {
      const headers = ["accept-language", language];
      const fields = { "cache-control": "max-age=60", vary: "accept-language", "cache-tag": "x" };
      const client = world.send({ url, headers }, (asked) => asked.answer(fields, text));
      await until("it is answered", () => client.state === "done");
      // What was kept is found by the next one: puts of a store go before its gets.
      return client.text;
    };
    assert.equal(await ask("/v", "de", "hallo"), "hallo");
    assert.equal(await ask("/v", "en", "hello"), "hello");
    assert.equal(await ask("/v", "de", "?"), "hallo");
    assert.equal(await ask("/v", "en", "?"), "hello");
    await world.cache.purge("stage", { tag: "x" });
    assert.equal(await ask("/v", "de", "neu"), "neu");
    world.clock.advance(60_000);
    assert.equal(await ask("/v", "de", "neuer"), "neuer");
  },
};

function run(open: () => Promise<CacheStore>): void {
  for (const [what, show] of Object.entries(CASES)) {
    void it(what, async (t) => {
      const store = await open();
      t.after(() => store.close());
      await show(store);
    });
  }
}

void describe("store of kept answers, in memory", () => {
  run(() => Promise.resolve(createMemoryStore({ bytesMax: 1 << 20 })));
});

const skip = hasRedis() ? false : "Redis is absent";
void describe("store of kept answers, Redis", { skip }, () => {
  let server: RedisServer | undefined;
  let stores = 0;
  before(async () => {
    server = await startRedis();
  });
  after(() => server?.stop());
  const open = async (prefix: string, answerWithinMs = 60_000): Promise<CacheStore> => {
    const url = `redis://127.0.0.1:${server?.port ?? 0}`;
    const deps = { clock: systemClock(), log: silentLog() };
    const store = await openRedisStore(deps, { url, prefix, answerWithinMs, valueBytesMax: 4_096 });
    await until("Redis is there", () => !store.figures().isAway);
    return store;
  };
  run(() => open(`t${++stores}:`));

  void it("shares answers and purges, and shows others nothing", async (t) => {
    const [one, two, other] = [await open("shared:"), await open("shared:"), await open("other:")];
    t.after(() => {
      for (const store of [one, two, other]) void store.close();
    });
    await putAs(one, { tags: ["t"] });
    assert.notEqual(await answerAt(two), undefined);
    assert.equal(await answerAt(other), undefined);
    await two.purge("stage", { tag: "t" });
    assert.equal(await answerAt(one), undefined);
  });

  void it("lets a process that starts carry out what was told while none was there", async (t) => {
    const told = [1, 2].map((number) => ({ number, all: [{ tag: `t${number}` }] }));
    const former = await open("told:");
    await former.follow("stage", told.slice(0, 1));
    await putAs(former, { tags: ["t1"] }, "one");
    await putAs(former, { tags: ["t2"] }, "two");
    await former.close();
    const next = await open("told:");
    t.after(() => next.close());
    const followed = next.follow("stage", told);
    assert.equal(await answerAt(next, "two"), undefined, "also before Redis has answered");
    await followed;
    assert.equal(await answerAt(next, "two"), undefined);
    assert.notEqual(await answerAt(next, "one"), undefined, "what is younger than its purge stays");
  });

  void it("stores nothing longer than it may", async (t) => {
    const store = await open("long:");
    t.after(() => store.close());
    await putAs(store, { body: new Uint8Array(4_096) });
    assert.equal(await answerAt(store), undefined);
  });
});
