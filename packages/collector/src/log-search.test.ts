import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { seededRandom } from "@skerry/base";
import { LOG_LEVELS, type LogFilterQuery, matchesLog, readLogFilter } from "@skerry/api-schema";
import { bytesOf, collectAll, World } from "../test/world.ts";

const LINES = 9_000;
const WORDS = ["order", "Payment declined", "cart", '{"user":{"id":7},"ok":true}', "é"];

/** A long log with records in it, told in many rounds. */
async function openLog(t: TestContext): Promise<World> {
  const world = await World.open(t);
  world.keepMs = 1e12;
  const random = seededRandom(3);
  const lines = world.writer("logs", "l", 1 << 22);
  const meter = world.writer("meter", "m", 1 << 22);
  const collector = world.collector();
  for (let n = 0; n < LINES; n += 1) {
    world.clock.advance(10);
    const word = WORDS[Math.floor(random.float() * WORDS.length)] ?? "";
    const level = LOG_LEVELS[Math.floor(random.float() * 4)] ?? "info";
    lines.append(world.line(`${word} ${n}`.replace(/^(\{.*\}) .*/, "$1"), { l: level }));
    if (n % 30 === 0)
      meter.append(bytesOf(world.record({ startWallMs: world.clock.wallMs() - 50 })));
    if (n % 3_000 === 0) await collector.collect();
  }
  await lines.close();
  await meter.close();
  await collectAll(collector);
  return world;
}

test("a search finds what a look at every line finds, from either end, in pages", async (t) => {
  const world = await openLog(t);
  const queries = world.queries();
  const { functionId } = world;
  const all = await world.log(1_000);
  const at = (share: number): string => String(all[Math.floor(all.length * share)]?.at);
  const asked: LogFilterQuery[] = [
    { grep: "payment DECLINED" },
    { grep: "nowhere to be found" },
    { level: "error" },
    { grep: "REPORT" },
    { field: "user.id=7", level: "warn" },
    { field: "stream=platform" },
    { since: at(0.8) },
    { until: at(0.1), grep: "order" },
    { since: at(0.45), until: at(0.55), grep: "cart" },
  ];
  for (const query of asked) {
    const filter = readLogFilter(query);
    assert.ok(filter !== undefined);
    const wanted = all.filter((line) => matchesLog(line, filter)).map(({ cursor }) => cursor);
    const name = JSON.stringify(query);
    const last = await queries.list({ functionId, filter, limit: 70, tail: true });
    assert.deepEqual(
      last.map(({ cursor }) => cursor),
      wanted.slice(-70),
      `the last: ${name}`,
    );
    const paged: string[] = [];
    for (;;) {
      const after = paged.at(-1);
      const from = after === undefined ? {} : { after };
      const page = await queries.list({ functionId, filter, limit: 400, ...from });
      paged.push(...page.map(({ cursor }) => cursor));
      if (page.length < 400) break;
    }
    assert.deepEqual(paged, wanted, `all: ${name}`);
  }
});

test("a follow with a filter tells the wanted lines only, old and new, and misses none", async (t) => {
  const world = await World.open(t);
  const { functionId } = world;
  const queries = world.queries();
  const spool = world.writer("logs", "l", 1 << 20);
  const collector = world.collector(() => queries.taken());
  const put = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n += 1) {
      spool.append(world.line(n % 10 === 0 ? `wanted ${n}` : `other ${n}`));
    }
    await collectAll(collector);
  };
  await put(0, 1_200);
  const ended = new AbortController();
  const seen: string[] = [];
  const filter = readLogFilter({ grep: "wanted" });
  const following = (async () => {
    for await (const { text } of queries.follow({ functionId, filter, signal: ended.signal })) {
      seen.push(text);
      if (seen.length === 120) await put(1_200, 300);
      if (seen.length === 150) ended.abort();
    }
  })();
  await following;
  assert.deepEqual(
    seen,
    Array.from({ length: 150 }, (_, n) => `wanted ${10 * n}`),
  );
});

test("who has left is searched for no longer", async (t) => {
  const world = await World.open(t);
  const filter = readLogFilter({ grep: "x" });
  const signal = AbortSignal.abort();
  const { functionId } = world;
  await assert.rejects(world.queries().list({ functionId, filter, limit: 1, signal }), /abort/i);
});
