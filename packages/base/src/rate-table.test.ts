/** Rates of many callers hold whatever they do, in bounded memory. Replay with SKERRY_TEST_SEED. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "./random.ts";
import { RateTable } from "./rate-table.ts";

const RUNS = 100;
const RUN_MS = 10_000;

interface World {
  readonly keysMax: number;
  /** Spends as a table does; the second is the control. */
  readonly spend: (table: RateTable, key: string, now: number) => number | undefined;
}

const RATES = [
  { ratePerSecond: 1, burst: 1 },
  { ratePerSecond: 5, burst: 3 },
  { ratePerSecond: 40, burst: 40 },
];
const rateOf = (key: string) => RATES[Number(key) % 3] ?? { ratePerSecond: 1, burst: 1 };

/** Throws what does not hold. */
function run(seed: number, { keysMax, spend }: World): void {
  const random = seededRandom(seed);
  const table = new RateTable(keysMax);
  const given = new Map<string, number[]>();
  const callers = 2 + Math.floor(random.float() * 40);
  for (let now = 0; now < RUN_MS; now += Math.ceil(random.float() * 20)) {
    const key = String(Math.floor(random.float() ** 2 * callers));
    const waitMs = spend(table, key, now);
    assert.ok(table.size <= keysMax, "more keys than there is room for");
    if (waitMs === undefined) given.set(key, [...(given.get(key) ?? []), now]);
    else assert.ok(waitMs > 0 && waitMs <= 60_000);
  }
  for (const [key, times] of given) {
    const { ratePerSecond, burst } = rateOf(key);
    // A key that comes from a shared bucket begins anew; its own must be full before that recurs.
    const beginnings = keysMax < callers ? 2 : 1;
    for (let from = 0; from < times.length; from += 1) {
      const spanS = ((times.at(-1) ?? 0) - (times[from] ?? 0)) / 1_000;
      const most = beginnings * (burst + spanS * ratePerSecond) + 1e-6;
      assert.ok(times.length - from <= most, `key ${key} got ${times.length - from} of ${most}`);
    }
  }
}

const SEEDS =
  process.env["SKERRY_TEST_SEED"] === undefined
    ? Array.from({ length: RUNS }, (_, at) => at + 1)
    : [Number(process.env["SKERRY_TEST_SEED"])];
const fair: World["spend"] = (table, key, now) => table.spend(key, rateOf(key), now);

test("no key is ever given more than its rate and burst, with room and without", () => {
  for (const seed of SEEDS) {
    run(seed, { keysMax: 1_000, spend: fair });
    run(seed, { keysMax: 5, spend: fair });
  }
});

test("a table that forgot what is not full again would give more", () => {
  const forgetful: World["spend"] = (_, key, now) => new RateTable(1).spend(key, rateOf(key), now);
  assert.throws(() => {
    for (const seed of SEEDS) run(seed, { keysMax: 1_000, spend: forgetful });
  }, /got/);
});

test("whoever waits as long as it was told gets a token", () => {
  const table = new RateTable();
  const rate = { ratePerSecond: 3, burst: 2 };
  let now = 0;
  for (let round = 0; round < 50; round += 1) {
    const waitMs = table.spend("a", rate, now) ?? 0;
    now += waitMs;
    if (waitMs > 0) assert.equal(table.spend("a", rate, now), undefined);
  }
});

test("what is full again makes room, so that a crowd that has gone leaves nothing", () => {
  const table = new RateTable(100);
  const rate = { ratePerSecond: 1, burst: 1 };
  for (let n = 0; n < 100; n += 1) assert.equal(table.spend(`old ${n}`, rate, 0), undefined);
  for (let n = 0; n < 100; n += 1) assert.equal(table.spend(`new ${n}`, rate, 2_000), undefined);
  assert.equal(table.size, 100);
  // All room is held by new ones: each of them is still held back.
  for (let n = 0; n < 100; n += 1) assert.notEqual(table.spend(`new ${n}`, rate, 2_000), undefined);
});

test("a flood of keys takes no more room, holds each to its rate, and shuts few out", () => {
  const table = new RateTable(100);
  const rate = { ratePerSecond: 0.01, burst: 1 };
  for (let n = 0; n < 100; n += 1) table.spend(`held ${n}`, rate, 0);
  const first = Array.from({ length: 500 }, (_, n) => table.spend(`late ${n}`, rate, 1));
  const again = Array.from({ length: 500 }, (_, n) => table.spend(`late ${n}`, rate, 2));
  assert.equal(table.size, 100);
  assert.ok(first.filter((waitMs) => waitMs === undefined).length > 350);
  assert.ok(again.every((waitMs) => waitMs !== undefined));
  // The lowest rate of those that share a bucket holds for all of them.
  const fast = { ratePerSecond: 1_000, burst: 1_000 };
  const passed = Array.from({ length: 20 }, () => table.spend("late 1", fast, 3));
  assert.ok(passed.every((waitMs) => waitMs !== undefined));
});
