import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test, type TestContext } from "node:test";
import { seededRandom } from "@skerry/base";
import { readLogFilter, type InvocationResource, type LogLineResource } from "@skerry/api-schema";
import { until } from "@skerry/testkit";
import { bytesOf, collectAll, World } from "../test/world.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261107);

function textsOf(lines: readonly LogLineResource[]): readonly string[] {
  return lines.map(({ text }) => text);
}

/** `START`, `END`, `REPORT` without ids, and lines as they are. */
function shapeOf(lines: readonly LogLineResource[]): readonly string[] {
  return lines.map(
    ({ stream, text }) => (stream === "platform" ? text.split(" ", 1)[0] : text) ?? "",
  );
}

test("a request reads START, its lines, END, REPORT, whichever spool was taken in first", async (t) => {
  const world = await World.open(t);
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const record = world.record({ handlerUs: 500 });
  logs.append(world.line("in it", { r: record.requestId }));
  world.clock.advance(3);
  // The line carries the instance's clock, which may be ahead of the gateway's.
  logs.append(world.line("late by the clock", { r: record.requestId }));
  meter.append(bytesOf(record));
  await collectAll(world.collector());
  const log = await world.log();
  assert.deepEqual(shapeOf(log), ["START", "in it", "late by the clock", "END", "REPORT"]);
  assert.ok(log.every(({ requestId }) => requestId === record.requestId));
  assert.match(textsOf(log)[3] ?? "", /^END \S+ ok 200$/);
});

test("requests that overlap keep their order each, by time among each other", async (t) => {
  const world = await World.open(t);
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const records = [];
  for (let n = 0; n < 20; n += 1) {
    const record = world.record({ handlerUs: 5_000 });
    records.push(record);
    logs.append(world.line(`a ${n}`, { r: record.requestId }));
    world.clock.advance(2);
    logs.append(world.line(`b ${n}`, { r: record.requestId }));
  }
  world.clock.advance(10);
  meter.append(bytesOf(...records.toReversed()));
  await collectAll(world.collector());
  const log = await world.log(7);
  const starts = log.filter(({ text }) => text.startsWith("START"));
  assert.deepEqual(
    starts.map(({ requestId }) => requestId),
    records.map(({ requestId }) => requestId),
  );
  for (const [n, { requestId }] of records.entries()) {
    const own = shapeOf(log.filter((line) => line.requestId === requestId));
    assert.deepEqual(own, ["START", `a ${n}`, `b ${n}`, "END", "REPORT"]);
  }
});

/** Something that a spool gets at a time of its own. */
interface Delivery {
  readonly atMs: number;
  readonly append: () => void;
}

/** Requests whose lines read in a wrong order after random rounds. */
async function misordered(t: TestContext, aheadMs: number): Promise<number> {
  t.diagnostic(`seed ${SEED}; replay with SKERRY_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const world = await World.open(t, { seed: SEED });
  world.aheadMs = aheadMs;
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  let collector = world.collector();
  const beginMs = world.clock.wallMs();
  const deliveries: Delivery[] = [];
  const expected = new Map<string, readonly string[]>();
  for (let n = 0; n < 120; n += 1) {
    const startWallMs = beginMs + random.float() * 6_000;
    const tookMs = random.float() * (random.float() < 0.3 ? 2_000 : 20);
    const record = world.record({ startWallMs, handlerUs: Math.floor(tookMs * 1_000) });
    const count = Math.floor(random.float() * 5);
    const times = Array.from({ length: count }, () => startWallMs + random.float() * tookMs);
    const texts = times
      .toSorted((x, y) => x - y)
      .map((at, index) => {
        const line = world.line(`${n}.${index}`, { t: at, r: record.requestId });
        // Output takes up to a fifth of a second on its way, the record next to nothing.
        deliveries.push({ atMs: at + random.float() * 200, append: () => logs.append(line) });
        return `${n}.${index}`;
      });
    const endMs = startWallMs + tookMs;
    deliveries.push({ atMs: endMs, append: () => meter.append(bytesOf(record)) });
    expected.set(record.requestId, ["START", ...texts.toSorted(), "END", "REPORT"]);
  }
  for (const { atMs, append } of deliveries.toSorted((x, y) => x.atMs - y.atMs)) {
    while (world.clock.wallMs() < atMs) {
      world.clock.advance(Math.min(30, atMs - world.clock.wallMs()));
      if (random.float() < 0.3) await collector.collect();
      if (random.float() < 0.02) {
        await collector.close();
        collector = world.collector();
      }
    }
    append();
  }
  world.clock.advance(1_000);
  await collectAll(collector);
  const log = await world.log(50);
  return [...expected].filter(([requestId, shape]) => {
    const own = shapeOf(log.filter((line) => line.requestId === requestId));
    const found = [own[0], ...own.slice(1, -2).toSorted(), ...own.slice(-2)];
    return found.join(" ") !== shape.join(" ");
  }).length;
}

test("however a request is cut into rounds, it reads START, its lines, END, REPORT", async (t) => {
  assert.equal(await misordered(t, 0), 0);
});

test("control: a collector that waits for nothing puts END before lines", async (t) => {
  assert.ok((await misordered(t, 1_000)) > 0);
});

test("the START of a request that is still running is there, in front of its first line", async (t) => {
  const world = await World.open(t);
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const collector = world.collector();
  const record = world.record({ handlerUs: 5_000_000 });
  const { requestId: r, functionId } = record;
  logs.append(world.line("first", { r }));
  await collectAll(collector);
  assert.deepEqual(shapeOf(await world.log()), ["START", "first"]);
  world.clock.advance(5_000);
  logs.append(world.line("last", { r }));
  await collectAll(world.collector());
  meter.append(bytesOf(record));
  await collectAll(collector);
  for (const limit of [1, 2, 100])
    assert.deepEqual(shapeOf(await world.log(limit)), ["START", "first", "last", "END", "REPORT"]);
  const found = await world.queries().list({ functionId, requestId: r, limit: 10 });
  assert.deepEqual(found, await world.log());
  assert.equal(found[0]?.text, `START ${r} revision ${record.revisionId}`);
});

test("a line that names another function's request changes nothing for that one", async (t) => {
  const world = await World.open(t);
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const record = world.record();
  const other = world.ids.id("fn");
  logs.append(world.line("forged", { r: record.requestId, f: other }));
  await collectAll(world.collector());
  meter.append(bytesOf(record));
  await collectAll(world.collector());
  assert.deepEqual(shapeOf(await world.log()), ["START", "END", "REPORT"]);
  const theirs = await world.queries().list({ functionId: other, limit: 10 });
  assert.deepEqual(shapeOf(theirs), ["START", "forged"]);
});

test("a line that comes after its record gets no second START", async (t) => {
  const world = await World.open(t);
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const record = world.record();
  meter.append(bytesOf(record));
  await collectAll(world.collector());
  logs.append(world.line("much too late", { r: record.requestId }));
  await collectAll(world.collector());
  assert.deepEqual(shapeOf(await world.log()), ["START", "END", "REPORT", "much too late"]);
});

test("pages have no gap when a request spans more of the log than a page holds", async (t) => {
  const world = await World.open(t);
  const meter = world.writer("meter", "m", 1 << 20);
  const long = world.record({ handlerUs: 60_000_000 });
  meter.append(bytesOf(long));
  for (let n = 0; n < 60; n += 1) {
    world.clock.advance(10);
    meter.append(bytesOf(world.record()));
  }
  await collectAll(world.collector());
  for (const limit of [1, 2, 3, 10, 1_000]) {
    const log = await world.log(limit);
    assert.equal(log.length, 61 * 3, `limit ${limit}`);
    assert.equal(log[0]?.requestId, long.requestId);
    assert.equal(log.at(-1)?.requestId, long.requestId);
  }
});

test("paging by cursor while more comes in gives each line once, in one order", async (t) => {
  t.diagnostic(`seed ${SEED}; replay with SKERRY_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const world = await World.open(t, { seed: SEED });
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const collector = world.collector();
  const queries = world.queries();
  const readers = [1, 2, 7, 50].map((limit) => ({ limit, lines: [] as LogLineResource[] }));
  const readOn = async ({ limit, lines }: (typeof readers)[number]): Promise<number> => {
    const after = lines.at(-1)?.cursor;
    const from = after === undefined ? {} : { after };
    const page = await queries.list({ functionId: world.functionId, limit, ...from });
    assert.ok(page.length <= limit);
    lines.push(...page);
    return page.length;
  };
  for (let step = 0; step < 120; step += 1) {
    world.clock.advance(random.float() * 4);
    const handlerUs = Math.floor(random.float() * 50_000);
    const record = world.record({ handlerUs });
    if (random.float() < 0.6) meter.append(bytesOf(record));
    if (random.float() < 0.6) logs.append(world.line(`line ${step}`, { r: record.requestId }));
    const work = [
      ...(random.float() < 0.4 ? [collector.collect()] : []),
      ...readers.filter(() => random.float() < 0.3).map(readOn),
    ];
    await Promise.all(work);
  }
  await collectAll(collector);
  const whole = await world.log(100_000);
  for (const reader of readers) {
    while ((await readOn(reader)) > 0);
    assert.deepEqual(textsOf(reader.lines), textsOf(whole), `limit ${reader.limit}`);
  }
  for (const limit of [1, 2, 7, 50, 100_000]) {
    const last = await queries.list({ functionId: world.functionId, limit, tail: true });
    assert.deepEqual(textsOf(last), textsOf(whole.slice(-limit)), `the last ${limit}`);
  }
  const cursors = whole.map(({ cursor }) => Number(cursor));
  assert.equal(new Set(cursors).size, cursors.length);
  assert.deepEqual(
    cursors,
    cursors.toSorted((a, b) => a - b),
  );
});

test("one request's lines are found by its id, and only within its function", async (t) => {
  const world = await World.open(t);
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const [mine, other] = [world.record(), world.record()];
  meter.append(bytesOf(mine, other));
  logs.append(world.line("mine", { r: mine.requestId }));
  logs.append(world.line("other", { r: other.requestId }));
  logs.append(world.line("nobody's"));
  await collectAll(world.collector());
  const queries = world.queries();
  const { functionId } = world;
  const { requestId } = mine;
  const found = await queries.list({ functionId, requestId, limit: 10 });
  assert.deepEqual(shapeOf(found), ["START", "mine", "END", "REPORT"]);
  const pages: LogLineResource[] = [];
  for (let n = 0; n < 5; n += 1) {
    const after = pages.at(-1)?.cursor;
    const from = after === undefined ? {} : { after };
    pages.push(...(await queries.list({ functionId, requestId, limit: 1, ...from })));
  }
  assert.deepEqual(pages, found);
  const stranger = world.ids.id("fn");
  assert.deepEqual(await queries.list({ functionId: stranger, requestId, limit: 10 }), []);
  assert.equal(await queries.record({ functionId: stranger, requestId }), undefined);
  assert.equal((await queries.record({ functionId, requestId }))?.requestId, requestId);
});

test("a request's id finds its access log and its function's lines, and nobody's by a forged line", async (t) => {
  const world = await World.open(t);
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const record = world.record({ handlerUs: 500 });
  const { requestId } = record;
  const api = world.ids.id("api");
  logs.append(world.line("in it", { r: requestId }));
  world.clock.advance(3);
  meter.append(bytesOf(record));
  logs.append(world.line("access", { r: requestId, f: api, v: "release#1" }));
  const [forger, idle] = [world.ids.id("fn"), world.ids.id("api")];
  logs.append(world.line("forged", { r: requestId, f: forger }));
  await collectAll(world.collector());
  const queries = world.queries();
  const filter = readLogFilter({ level: "debug" });
  for (const filtered of [{}, { filter }]) {
    const found = async (functionId: typeof forger | typeof api): Promise<readonly string[]> =>
      shapeOf(await queries.list({ functionId, requestId, limit: 50, ...filtered })).toSorted();
    const all = ["END", "REPORT", "START", "access", "in it"];
    assert.deepEqual(await found(world.functionId), all);
    assert.deepEqual(await found(api), all);
    assert.deepEqual(await found(forger), ["START", "forged"]);
    assert.deepEqual(await found(idle), []);
  }
  const own = await queries.list({ functionId: api, limit: 50 });
  assert.deepEqual(textsOf(own), ["access"]);
});

test("records page newest first, without gap or repeat while more comes in", async (t) => {
  const world = await World.open(t);
  const meter = world.writer("meter", "m");
  const collector = world.collector();
  const ids: string[] = [];
  const add = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      world.clock.advance(5);
      const record = world.record();
      ids.push(record.requestId);
      meter.append(bytesOf(record));
    }
    await collectAll(collector);
  };
  await add(25);
  const queries = world.queries();
  const { functionId } = world;
  const seen: InvocationResource[] = [];
  let cursor: string | null = null;
  do {
    const from: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await queries.records({ functionId, limit: 10, ...from });
    seen.push(...page.items);
    cursor = page.nextCursor;
    await add(3);
  } while (cursor !== null);
  const expected = ids.slice(0, 25).toReversed();
  assert.deepEqual(
    seen.map(({ requestId }) => requestId),
    expected,
  );
});

test("who asks finds what was there when they asked, the youngest too", async (t) => {
  const world = await World.open(t);
  world.aheadMs = 0;
  const [meter, logs] = [world.writer("meter", "m"), world.writer("logs", "l")];
  const collector = world.collector();
  const queries = world.queries(() => collector.catchUp());
  const { functionId } = world;
  const record = world.record({ handlerUs: 0 });
  logs.append(world.line("just now", { r: record.requestId }));
  meter.append(bytesOf(record));
  /** Lets time go on while `asking` waits for it. */
  const answerOf = async <T>(asking: Promise<T>): Promise<T> => {
    let isDone = false;
    void asking.finally(() => (isDone = true));
    const turn = (): boolean => {
      world.clock.advance(10);
      return isDone;
    };
    await until("the answer", turn, { everyMs: 1 });
    return await asking;
  };
  const shape = ["START", "just now", "END", "REPORT"];
  for (const tail of [false, true])
    assert.deepEqual(shapeOf(await answerOf(queries.list({ functionId, limit: 10, tail }))), shape);
  const next = world.record({ startWallMs: world.clock.wallMs(), handlerUs: 0 });
  meter.append(bytesOf(next));
  const { requestId } = next;
  assert.equal((await answerOf(queries.record({ functionId, requestId })))?.requestId, requestId);
  const before = world.clock.monotonicMs();
  assert.equal((await queries.list({ functionId, limit: 10 })).length, 7);
  assert.equal(world.clock.monotonicMs(), before, "nothing new, nothing to wait for");
  await collector.close();
  assert.equal((await queries.list({ functionId, limit: 10 })).length, 7);
});

test("who asks waits for no round that began before the youngest had settled", async (t) => {
  const world = await World.open(t);
  world.aheadMs = 0;
  const [young, old] = [world.writer("logs", "young"), world.writer("logs", "old")];
  const collector = world.collector();
  const queries = world.queries(() => collector.catchUp());
  const { functionId } = world;
  young.append(world.line("young"));
  const { timers } = world.clock;
  const asking = queries.list({ functionId, limit: 10 });
  await until("the pause", () => world.clock.timers > timers, { everyMs: 1 });
  world.clock.advance(249);
  await collectAll(collector);
  old.append(world.line("old", { t: world.clock.wallMs() - 1_000 }));
  const [held, taking] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  world.beforeTake = async () => {
    taking.resolve(undefined);
    await held.promise;
  };
  void collector.collect();
  await taking.promise;
  world.clock.advance(1);
  await new Promise(setImmediate);
  held.resolve(undefined);
  assert.deepEqual(
    (await asking).map(({ text }) => text),
    ["old", "young"],
  );
});

test("a cursor that was not given out is refused", async (t) => {
  const world = await World.open(t);
  const queries = world.queries();
  for (const after of ["", "x", "-1", "1.5", "1e9", "9".repeat(30), "0x1"]) {
    const listing = queries.list({ functionId: world.functionId, after, limit: 1 });
    await assert.rejects(listing, { reason: "INPUT_INVALID" }, after);
  }
});

test("a follower gets what is there, then what comes, and ends when it is told to", async (t) => {
  const world = await World.open(t);
  const queries = world.queries();
  const collector = world.collector(() => queries.taken());
  const logs = world.writer("logs", "l", 1 << 20);
  const abort = new AbortController();
  const got: string[] = [];
  const following = (async (): Promise<void> => {
    const { functionId } = world;
    for await (const { text } of queries.follow({ functionId, signal: abort.signal }))
      got.push(text);
  })();
  const expected: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    const size = round === 20 ? 1_200 : 2;
    for (let n = 0; n < size; n += 1) {
      expected.push(`${round}.${n}`);
      logs.append(world.line(`${round}.${n}`));
    }
    await collectAll(collector);
    await until(`round ${round}`, () => got.length === expected.length, { everyMs: 1 });
    assert.ok(
      getEventListeners(abort.signal, "abort").length <= 1,
      "one listener, not one a round",
    );
  }
  assert.deepEqual(got, expected);
  abort.abort();
  await following;
  assert.equal(getEventListeners(abort.signal, "abort").length, 0);
});

test("a follower that is aborted before or left in the middle leaves nothing behind", async (t) => {
  const world = await World.open(t);
  const queries = world.queries();
  const logs = world.writer("logs", "l");
  logs.append(world.line("one"));
  logs.append(world.line("two"));
  await collectAll(world.collector());
  const { functionId } = world;
  for await (const line of queries.follow({ functionId, signal: AbortSignal.abort() })) {
    assert.fail(line.text);
  }
  const { signal } = new AbortController();
  for await (const { text } of queries.follow({ functionId, signal })) {
    assert.equal(text, "one");
    break;
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
  queries.taken();
});
