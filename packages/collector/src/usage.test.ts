/**
 * Usage is the sum of records, exactly: over crashes, over midnight, and after records have gone.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { USAGE_TABLES, type UsageSum } from "@skerry/invocations";
import { hasPostgres, startPostgres } from "@skerry/testkit";
import { bytesOf, collectAll, UNSAFE_MODULE, World } from "../test/world.ts";
import { storeModule } from "./store-module.ts";

const ROUNDS = 12;
const DAY_MS = 24 * 3_600_000;
const ALL = { fromDay: 0, toDay: 100_000, byDay: true, limit: 1_000 } as const;

function sumOf(rows: readonly UsageSum[], valueOf: (row: UsageSum) => number): number {
  return rows.reduce((sum, row) => sum + valueOf(row), 0);
}

async function usedThroughCrashes(
  t: TestContext,
  options: { readonly module?: string; readonly databaseUrl?: string } = {},
) {
  const world = await World.open(t, options);
  const writer = world.writer("meter", "w");
  let collector = world.collector();
  for (let round = 0; round < ROUNDS; round += 1) {
    const memoryMb = round % 2 === 0 ? 128 : 1_024;
    writer.append(
      bytesOf(
        world.record({ memoryMb, billedUs: 1_001 + round }),
        world.record({ memoryMb, billedUs: 7, outcome: "timeout" }),
      ),
    );
    world.fault = round % 3 === 0 ? "after-commit" : round % 3 === 1 ? "before-commit" : "none";
    await collector.collect().catch(() => undefined);
    await collector.close();
    collector = world.collector();
  }
  await writer.close();
  await collectAll(collector);
  const rows = await world.store.call(storeModule, "readUsage", ALL);
  const totals = await world.store.call(storeModule, "totals", null);
  return { rows, totals };
}

async function assertSumsAreThoseOfRecords(
  t: TestContext,
  options: { readonly databaseUrl?: string } = {},
): Promise<void> {
  const { rows, totals } = await usedThroughCrashes(t, options);
  assert.equal(totals.records, 2 * ROUNDS);
  assert.equal(
    sumOf(rows, ({ invocations }) => invocations),
    totals.records,
  );
  assert.equal(
    sumOf(rows, ({ errors }) => errors),
    ROUNDS,
  );
  assert.equal(
    sumOf(rows, ({ billedUs }) => billedUs),
    totals.billedUs,
  );
  assert.deepEqual([...new Set(rows.map(({ memoryMb }) => memoryMb))], [128, 1_024]);
}

test("the sums of usage are those of the records, over crashes before and after commits", (t) =>
  assertSumsAreThoseOfRecords(t));

const withPostgres = { skip: hasPostgres() ? false : "PostgreSQL is absent" };

test("the same over PostgreSQL", withPostgres, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await assertSumsAreThoseOfRecords(t, { databaseUrl: server.url });
});

test("control: positions outside of the transaction bill invocations twice", async (t) => {
  const { rows, totals } = await usedThroughCrashes(t, { module: UNSAFE_MODULE });
  assert.ok(sumOf(rows, ({ billedUs }) => billedUs) > totals.billedUs);
});

test("an invocation belongs to the day on which it began, and days outlive records", async (t) => {
  const world = await World.open(t);
  const writer = world.writer("meter", "w");
  const midnight = Math.floor(world.clock.wallMs() / DAY_MS) * DAY_MS;
  for (const startWallMs of [midnight - 1, midnight - 0.25, midnight]) {
    writer.append(bytesOf(world.record({ startWallMs, billedUs: 1_000 })));
  }
  await collectAll(world.collector());
  const read = async () =>
    (await world.store.call(storeModule, "readUsage", ALL)).map((row) => [
      row.day,
      row.invocations,
    ]);
  const day = midnight / DAY_MS;
  const expected = [
    [day - 1, 2],
    [day, 1],
  ];
  assert.deepEqual(await read(), expected);
  world.aheadMs += world.keepMs + 1;
  await world.collector().collect();
  const { records } = await world.store.call(storeModule, "totals", null);
  assert.equal(records, 0, "the records have gone");
  assert.deepEqual(await read(), expected);
  world.aheadMs += 401 * DAY_MS;
  await world.collector().collect();
  assert.deepEqual(await read(), [], "days go, too, in the end");
});

test("what was recorded before usage was kept is summed up by the migration", async (t) => {
  const world = await World.open(t);
  const writer = world.writer("meter", "w");
  for (let n = 0; n < 5; n += 1) writer.append(bytesOf(world.record({ billedUs: 100 + n })));
  await collectAll(world.collector());
  const before = await world.store.call(storeModule, "readUsage", ALL);
  const state = join(world.root, "state");
  const file = readdirSync(state).find((name) => /^telemetry\..*[^lm]$/.test(name)) ?? "";
  const database = new DatabaseSync(join(state, file));
  database.exec(`DELETE FROM usage_days; ${USAGE_TABLES[1]}`);
  database.close();
  assert.deepEqual(await world.store.call(storeModule, "readUsage", ALL), before);
});
