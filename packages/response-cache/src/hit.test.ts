/**
 * What is said of a hit: whoever asks the same is answered the same way for as long as it holds.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@skerry/base";
import { until } from "@skerry/testkit";
import { Client, openWorld, requestOf, type Question, type World } from "../test/world.ts";
import type { CacheRequest, Hit } from "./ports.ts";

const SAID = ["max-age=3", "max-age=20", "no-cache", "max-age=1, stale-while-revalidate=5"];
const VARY = ["", "Accept-Language", "X-Kind"];
const SENT: readonly (readonly string[])[] = [
  ...[[], ["Accept-Language", "de"], ["X-Kind", "b"], ["Range", "bytes=0-1"]],
  ...[
    ["Cache-Control", "max-stale=9"],
    ["If-None-Match", '"1"'],
  ],
];
const SEEDS = 60;

interface Seen {
  readonly request: CacheRequest;
  readonly hit: Hit;
}

/** Sends a request; what the origin is asked is put into `asked`. */
function send({ cache, asked }: World, request: CacheRequest): { client: Client; hit?: Hit } {
  const client = new Client();
  const hit = cache.handle(request, client, (headers, to) => {
    const answer: Question["answer"] = (fields, text = "", status = 200) =>
      to.whole({ status, headers: Object.entries(fields).flat() }, Buffer.from(text));
    asked.push({ headers, to, header: () => undefined, answer });
  });
  return hit === undefined ? { client } : { client, hit };
}

/** Those that hold are answered as they say; returns how many held, and how many did not. */
function check(world: World, seen: readonly Seen[]): { held: number; over: number } {
  const counts = { held: 0, over: 0 };
  for (const { request, hit } of seen) {
    const holds = world.cache.again(hit);
    counts[holds ? "held" : "over"] += 1;
    if (!holds) continue;
    const { client } = send(world, request);
    assert.equal(client.state, "done", "it is answered at once");
    assert.deepEqual(client.headers, hit.head.headers);
    assert.deepEqual(client.bytes, Buffer.from(hit.body));
  }
  return counts;
}

function play(seed: number): { held: number; over: number } {
  const random = seededRandom(seed);
  const pick = <T>(some: readonly T[]): T => some[Math.floor(random.float() * some.length)] as T;
  const world = openWorld();
  const seen: Seen[] = [];
  const sum = { held: 0, over: 0 };
  for (let step = 0; step < 80; step += 1) {
    const request = requestOf({ url: `/${Math.floor(random.float() * 2)}`, headers: pick(SENT) });
    const { hit } = send(world, request);
    if (hit !== undefined) seen.push({ request, hit });
    for (const question of world.asked.splice(0)) {
      const [said, vary] = [pick(SAID), pick(VARY)];
      const aged = random.float() < 0.3 ? { Age: "1" } : {};
      const fields = { "Cache-Control": said, ...aged, ...(vary === "" ? {} : { Vary: vary }) };
      question.answer({ ...fields, ETag: `"${step}"` }, `body of step ${step}`);
    }
    if (random.float() < 0.08) void world.cache.purge("stage", { url: request.url });
    if (random.float() < 0.5) world.clock.advance(Math.floor(random.float() * 700));
    const { held, over } = check(world, seen);
    sum.held += held;
    sum.over += over;
  }
  return sum;
}

test("a hit that holds is what another one gets, whatever is asked, answered and purged", () => {
  const sums = Array.from({ length: SEEDS }, (_, seed) => play(seed));
  assert.ok(sums.reduce((sum, { held }) => sum + held, 0) > 500, "many hold");
  assert.ok(sums.reduce((sum, { over }) => sum + over, 0) > 500, "and many do not");
});

test("a hit in a coding holds as long as both the answer and its coding are kept", async () => {
  const world = openWorld();
  const request = requestOf({ headers: ["Accept-Encoding", "br"] });
  const answer = (): void => {
    const fields = { "Cache-Control": "max-age=60", "Content-Type": "text/plain" };
    for (const question of world.asked.splice(0)) question.answer(fields, "text ".repeat(1_000));
  };
  const codedHit = async (): Promise<Hit> => {
    let hit: Hit | undefined;
    await until("a hit in a coding", () => {
      hit = send(world, request).hit;
      answer();
      return hit?.head.headers.includes("br") === true;
    });
    assert.ok(hit);
    return hit;
  };
  const hit = await codedHit();
  assert.equal(world.cache.again(hit), true);
  const { hits } = world.cache.figures();
  assert.equal(world.cache.again(hit), true);
  assert.equal(world.cache.figures().hits, hits + 1, "it counts as one");
  await world.cache.purge("stage", { url: "/a" });
  assert.equal(world.cache.again(hit), false);
  const next = await codedHit();
  assert.deepEqual([world.cache.again(hit), world.cache.again(next)], [false, true]);
  world.clock.advance(1_000);
  assert.equal(world.cache.again(next), false, "its head tells another age");
});

test("nothing is said of what is stale, or told to who says something of caches", () => {
  const world = openWorld();
  const hitOf = (lines: readonly string[] = []): Hit | undefined => {
    const { client, hit } = send(world, requestOf({ headers: lines }));
    for (const { answer } of world.asked.splice(0)) answer({}, "", 503);
    assert.equal(client.text, "text");
    return hit;
  };
  send(world, requestOf());
  for (const { answer } of world.asked.splice(0)) {
    answer({ "Cache-Control": "max-age=1, stale-while-revalidate=9" }, "text");
  }
  assert.equal(hitOf(["Cache-Control", "max-age=1"]), undefined);
  const fresh = hitOf();
  assert.ok(fresh !== undefined && world.cache.again(fresh));
  world.clock.advance(1_500);
  assert.equal(world.cache.again(fresh), false);
  assert.equal(hitOf(), undefined);
});

test("nothing is said of hits that have to be waited for", async () => {
  const { store } = openWorld();
  const world = openWorld({ ...store, get: async (...key) => store.get(...key) });
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  send(world, requestOf());
  await turn();
  for (const { answer } of world.asked.splice(0)) answer({ "Cache-Control": "max-age=60" }, "text");
  await turn();
  const { client, hit } = send(world, requestOf());
  await turn();
  assert.deepEqual([client.state, client.text, hit], ["done", "text", undefined]);
});
