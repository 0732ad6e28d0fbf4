import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, collectAll, World } from "../test/world.ts";
import { storeModule } from "./store-module.ts";

const ALL = Number.MAX_SAFE_INTEGER;
const LINES = 60;

/** Sixty lines of a kilobyte and sixty records. */
async function fill(world: World): Promise<void> {
  const lines = world.writer("logs", "l", 1 << 20);
  const meter = world.writer("meter", "m", 1 << 20);
  for (let n = 0; n < LINES; n += 1) {
    world.clock.advance(1);
    lines.append(world.line(`${n} ${"é".repeat(500)}`));
    meter.append(bytesOf(world.record({ startWallMs: world.clock.wallMs() })));
  }
  await lines.close();
  await meter.close();
  await collectAll(world.collector());
}

async function printed(world: World): Promise<readonly number[]> {
  const lines = (await world.log()).filter(({ stream }) => stream === "console");
  return lines.map(({ text }) => Number.parseInt(text, 10));
}

const last = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, n) => LINES - count + n);

test("lines beyond the size go, the oldest first, and no more of them than must", async (t) => {
  const world = await World.open(t);
  await fill(world);
  const { lines: before } = await world.store.call(storeModule, "readSizes", null);
  const each = before / LINES;
  world.lineBytesMax = Math.ceil(each * 20);
  await world.collector().collect();
  const { lines } = await world.store.call(storeModule, "readSizes", null);
  assert.ok(lines <= world.lineBytesMax, `${lines} bytes`);
  assert.deepEqual(await printed(world), last((await printed(world)).length));
  assert.ok((await printed(world)).length >= 19);
  const { records } = await world.store.call(storeModule, "totals", null);
  assert.equal(records, LINES, "records have a bound of their own");
});

test("control: without a bound all of it stays", async (t) => {
  const world = await World.open(t);
  await fill(world);
  await world.collector().collect();
  assert.equal((await printed(world)).length, LINES);
});

test("records beyond the size go, the oldest first", async (t) => {
  const world = await World.open(t);
  await fill(world);
  const { records: before } = await world.store.call(storeModule, "readSizes", null);
  world.recordBytesMax = (before / LINES) * 7;
  await world.collector().collect();
  const { functionId } = world;
  const { items } = await world.queries().records({ functionId, limit: 100 });
  assert.equal(items.length, 7);
  const newest = items.map(({ startedAt }) => Date.parse(startedAt));
  assert.equal(Math.max(...newest), Math.round(world.clock.wallMs()));
  assert.equal((await printed(world)).length, LINES);
});

test("a step removes no more rows than it may, and says that there is more", async (t) => {
  const world = await World.open(t);
  await fill(world);
  const sweep = async (over: { beforeMs?: number; lineBytesMax?: number }): Promise<boolean> =>
    await world.store.call(storeModule, "sweepTelemetry", {
      wallMs: 0,
      ...{ beforeMs: 0, lineBytesMax: ALL, recordBytesMax: ALL, limit: 8, ...over },
    });
  assert.equal(await sweep({ lineBytesMax: 1 }), true);
  assert.deepEqual(await printed(world), last(LINES - 8));
  const beforeMs = Math.ceil(world.clock.wallMs()) + 1;
  assert.equal(await sweep({ beforeMs }), true);
  assert.deepEqual(await printed(world), last(LINES - 16));
  let steps = 0;
  while (await sweep({ beforeMs })) steps += 1;
  assert.ok(steps >= (LINES - 16) / 8 - 1);
  assert.deepEqual(await printed(world), []);
  assert.deepEqual(await world.store.call(storeModule, "readSizes", null), {
    ...{ lines: 0, records: 0 },
  });
  assert.equal((await world.store.call(storeModule, "totals", null)).records, 0);
});
