import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CachePolicy } from "@skerry/contracts";
import { openWorld, POLICY } from "../test/world.ts";

const EMPTY = new Uint8Array();
const FRESH = { "cache-control": "max-age=60" };

void describe("response cache", () => {
  void it("answers from what is kept until it is stale, and says its age", () => {
    const world = openWorld();
    const first = world.send({}, (asked) => asked.answer(FRESH, "one"));
    assert.equal(first.header("cache-status"), "skerry; fwd=uri-miss; fwd-status=200; stored");
    world.clock.advance(59_000);
    const kept = world.send();
    assert.deepEqual([kept.text, kept.header("age")], ["one", "59"]);
    assert.equal(kept.header("cache-status"), "skerry; hit; ttl=1");
    world.clock.advance(1_000);
    assert.equal(world.send({}, (asked) => asked.answer(FRESH, "two")).text, "two");
  });

  void it("gives what says nothing the lifetime of its route, and no more than the route allows", () => {
    const world = openWorld();
    const policy = { ...POLICY, ttl: 5, maxTtl: 10 };
    world.send({ policy }, (asked) => asked.answer({}, "one"));
    world.send({ policy, url: "/b" }, (asked) => asked.answer(FRESH, "b"));
    world.clock.advance(4_999);
    assert.equal(world.send({ policy }).text, "one");
    world.clock.advance(1);
    assert.equal(world.send({ policy }, (asked) => asked.answer({}, "two")).text, "two");
    assert.equal(world.send({ policy, url: "/b" }).text, "b");
    world.clock.advance(5_000);
    assert.equal(world.send({ policy, url: "/b" }, (to) => to.answer({}, "c")).text, "c");
  });

  void it("asks once for a thousand who miss at once, also when the first of them leaves", () => {
    const world = openWorld();
    const clients = Array.from({ length: 1_000 }, () => world.send());
    assert.equal(world.asked.length, 1);
    const [leader] = clients;
    if (leader !== undefined) leader.isGone = true;
    assert.equal(world.asked[0]?.to.isGone, false);
    world.asked[0]?.answer(FRESH, "one");
    assert.deepEqual(new Set(clients.map(({ text }) => text)), new Set(["one"]));
    const last = clients.at(-1)?.header("cache-status");
    assert.equal(last, "skerry; fwd=uri-miss; fwd-status=200; stored; collapsed");
  });

  void it("lets all go who wait for an answer that is not for them", async () => {
    const world = openWorld();
    const clients = Array.from({ length: 10 }, () => world.send());
    world.asked[0]?.answer({ "cache-control": "private" }, "mine");
    await Promise.resolve();
    assert.equal(world.asked.length, 10);
    for (const [index, one] of world.asked.slice(1).entries()) {
      one.answer({ "cache-control": "private" }, `own ${index}`);
    }
    assert.equal(new Set(clients.map(({ text }) => text)).size, 10);
    // And nobody waits for the like again.
    const [one, two] = [world.send(), world.send()];
    assert.equal(world.asked.length, 12);
    assert.deepEqual([one.state, two.state], ["waiting", "waiting"]);
  });

  void it("purges by url, prefix, tag and as a whole, and tells nobody of tags", async () => {
    const world = openWorld();
    const fields = { ...FRESH, "Cache-Tag": "a, b", "Surrogate-Key": "c d" };
    for (const what of [
      ...[
        { url: "https://shop.example/a" },
        { url: "/a" },
        { prefix: "/" },
        { all: true as const },
      ],
      ...["a", "b", "c", "d"].map((tag) => ({ tag })),
    ]) {
      const first = world.send({}, (asked) => asked.answer(fields, "one"));
      assert.equal(first.header("cache-tag") ?? first.header("surrogate-key"), undefined);
      assert.equal(world.send().text, "one");
      await world.cache.purge("other", what);
      await world.cache.purge("stage", { url: "/b" });
      assert.equal(world.send().text, "one");
      await world.cache.purge("stage", what);
      assert.equal(world.send({}, (asked) => asked.answer(fields, "two")).text, "two");
      await world.cache.purge("stage", { all: true });
    }
  });

  void it("adds to what all caches before it said", () => {
    const headers = ["Cache-Status", "one; hit", "Cache-Status", "two; hit"];
    const answered = openWorld().send({}, ({ to }) => to.whole({ status: 200, headers }, EMPTY));
    const [said] = (answered.header("cache-status") ?? "").split(", skerry");
    assert.equal(said, "one; hit, two; hit");
  });

  void it("forgets a URL however its parameters are written, by a purge and by a change", async () => {
    const cases: readonly (readonly [CachePolicy["query"], string])[] = [
      ["all", "/a?c=2&b=1"],
      [["b"], "/a?from=letter&b=1"],
    ];
    for (const [query, written] of cases) {
      const policy = { ...POLICY, query };
      const url = query === "all" ? "/a?b=1&c=2" : "/a?b=1";
      const world = openWorld();
      world.send({ policy, url }, (asked) => asked.answer(FRESH, "one"));
      assert.equal(world.send({ policy, url: written }).text, "one");
      await world.cache.purge("stage", { url: `shop.example${written}` }, ["all", ["b"]]);
      world.send({ policy, url }, (asked) => asked.answer(FRESH, "two"));
      assert.equal(world.send({ policy, url: written }).text, "two");
      const change = { policy, url: written, method: "POST" };
      world.send(change, (asked) => asked.answer({}, "", 204));
      assert.equal(world.send({ policy, url }, (to) => to.answer(FRESH, "three")).text, "three");
    }
  });

  void it("has others go on to wait together while something else changes", async () => {
    const world = openWorld();
    world.send();
    world.send({ method: "POST", url: "/b" }, (asked) => asked.answer({}, "", 204));
    await world.cache.purge("stage", { prefix: "/b" });
    world.send();
    assert.equal(world.asked.length, 1);
    await world.cache.purge("stage", { tag: "unknown until it is answered" });
    world.send();
    assert.equal(world.asked.length, 2);
  });

  void it("keeps nothing that was asked for before a purge", async () => {
    const world = openWorld();
    const early = world.send();
    await world.cache.purge("stage", { url: "/a" });
    const late = world.send();
    assert.equal(
      world.asked.length,
      2,
      "who comes after the purge does not wait for what was before",
    );
    world.asked[1]?.answer(FRESH, "new");
    world.asked[0]?.answer(FRESH, "old");
    assert.deepEqual([early.text, late.text], ["old", "new"]);
    assert.equal(world.send().text, "new");
  });
});
