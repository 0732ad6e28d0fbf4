/**
 * Each request has one record: the one that its gateway left at its end, or else what that gateway
 * had left of it before it was killed. By abuse, over both stores.
 */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { seededRandom, type RequestId } from "@skerry/base";
import {
  encodeActionEntry,
  encodeInterimRecord,
  LOCAL_PLACEMENT,
  METER_RECORD_BYTES,
  meterIdsOf,
  type MeterRecord,
} from "@skerry/contracts";
import { hasPostgres, startPostgres } from "@skerry/testkit";
import { bytesOf, collectAll, World } from "../test/world.ts";
import { storeModule } from "./store-module.ts";

const AGE_MS = 3_600_000;
const DAYS = { fromDay: 0, toDay: 100_000, byDay: true, limit: 1_000 } as const;

function interimBytes(...records: readonly MeterRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * METER_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, record] of records.entries())
    encodeInterimRecord(view, index * METER_RECORD_BYTES, { record, ids: meterIdsOf(record) });
  return bytes;
}

/** A call as it stood after so many seconds. */
function callOf(world: World, requestId: RequestId, seconds: number): MeterRecord {
  const took = { handlerUs: seconds * 1_000_000, billedUs: seconds * 1_000_000 };
  const startWallMs = world.clock.wallMs() - AGE_MS;
  return world.record({ requestId, outcome: "gateway_lost", status: 101, startWallMs, ...took });
}

function endOf(world: World, requestId: RequestId, seconds: number): MeterRecord {
  return { ...callOf(world, requestId, seconds), outcome: "ok" };
}

/** Its process is gone, without having closed its spool. */
function kill(world: World, writer: string): void {
  const owner = { format: 1, pid: process.pid, startTicks: "1" };
  const path = join(world.spoolRoot("meter"), writer, "owner.json");
  writeFileSync(path, JSON.stringify(owner));
}

async function recordsOf(world: World): Promise<Record<string, readonly [string, number]>> {
  const { functionId } = world;
  const args = { functionId, before: undefined, limit: 10_000 };
  const rows = await world.store.call(storeModule, "readRecords", args);
  return Object.fromEntries(
    rows.map((row) => [row.request_id, [row.outcome, row.billed_us / 1_000_000] as const]),
  );
}

/** What bills, counters and figures make of it: all the same. */
async function assertReconciles(world: World): Promise<void> {
  const rows = Object.values(await recordsOf(world));
  const billed = rows.reduce((sum, [, seconds]) => sum + seconds, 0);
  const days = await world.store.call(storeModule, "readUsage", DAYS);
  assert.equal(
    days.reduce((sum, { invocations }) => sum + invocations, 0),
    rows.length,
  );
  assert.equal(
    days.reduce((sum, { billedUs }) => sum + billedUs, 0),
    billed * 1_000_000,
  );
  const [tally] = await world.store.call(storeModule, "tallies", null);
  const { outcomes = {}, billedMs = 0 } = tally?.tally ?? {};
  assert.equal(
    Object.values(outcomes).reduce((sum, n) => sum + n, 0),
    rows.length,
  );
  assert.equal(billedMs, billed * 1_000);
  const [totals] = await world.store.call(storeModule, "revisionTotals", [world.revisionId]);
  assert.deepEqual(totals?.outcomes ?? {}, outcomes);
}

/** By a collector that is gone afterwards: one that stays collects, too, when the clock moves. */
async function collectOnce(world: World): Promise<void> {
  const collector = world.collector();
  await collectAll(collector);
  await collector.close();
}

async function assertOneRecordEach(
  t: TestContext,
  options: { readonly databaseUrl?: string } = {},
): Promise<void> {
  const world = await World.open(t, options);
  const collector = world.collector();
  const [ended, killed, both] = Array.from({ length: 3 }, () => world.ids.requestId());
  const writer = world.writer("meter", "gw-killed", 1 << 20);
  const interims = [10, 20].flatMap((seconds) =>
    [ended, killed, both].map((id) => callOf(world, id as RequestId, seconds)),
  );
  writer.append(interimBytes(...interims.slice(0, 3)));
  await collectAll(collector);
  assert.deepEqual(await recordsOf(world), {}, "what goes on has no record");
  writer.append(interimBytes(...interims.slice(3), ...interims.slice(3)));
  writer.append(bytesOf(endOf(world, ended as RequestId, 25)));
  await collectAll(collector);
  assert.deepEqual(await recordsOf(world), { [ended as string]: ["ok", 25] });
  // All in one round, and an interim record behind the end.
  writer.append(bytesOf(endOf(world, both as RequestId, 26)));
  writer.append(interimBytes(callOf(world, both as RequestId, 20)));
  const torn = interimBytes(callOf(world, killed as RequestId, 30)).subarray(0, 50);
  appendFileSync(join(world.spoolRoot("meter"), "gw-killed", "0000000000.seg"), torn);
  await collectAll(collector);
  assert.equal(Object.keys(await recordsOf(world)).length, 2);
  kill(world, "gw-killed");
  await collectAll(collector);
  await collectAll(world.collector());
  assert.deepEqual(readdirSync(world.spoolRoot("meter")), []);
  const expected = {
    [ended as string]: ["ok", 25],
    [both as string]: ["ok", 26],
    [killed as string]: ["gateway_lost", 20],
  };
  assert.deepEqual(await recordsOf(world), expected);
  await assertReconciles(world);
  // Whoever says it once more, from another spool, changes nothing.
  const again = world.writer("meter", "gw-again");
  again.append(bytesOf(endOf(world, killed as RequestId, 40)));
  again.append(interimBytes(...interims));
  await collectAll(collector);
  await again.close();
  await collectAll(collector);
  assert.deepEqual(await recordsOf(world), expected);
  await assertReconciles(world);
}

test("a call has the record of its end, or the last that its killed gateway had left", (t) =>
  assertOneRecordEach(t));

const withPostgres = { skip: hasPostgres() ? false : "PostgreSQL is absent" };

test("the same over PostgreSQL", withPostgres, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await assertOneRecordEach(t, { databaseUrl: server.url });
});

test("over crashes of control around every commit each call has one record, and sums agree", async (t) => {
  const seed = Number(process.env["SKERRY_TEST_SEED"] ?? 20261122);
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const world = await World.open(t, { seed });
  let collector = world.collector();
  const expected: Record<string, readonly [string, number]> = {};
  for (let gateway = 0; gateway < 6; gateway += 1) {
    const name = `gw-${gateway}`;
    const writer = world.writer("meter", name, 1_000);
    const open = Array.from({ length: 5 }, () => world.ids.requestId());
    for (let seconds = 10; seconds <= 50; seconds += 10) {
      const stillOpen = open.filter((id) => expected[id] === undefined);
      for (const id of stillOpen) {
        if (random.float() < 0.2) {
          writer.append(bytesOf(endOf(world, id, seconds)));
          expected[id] = ["ok", seconds];
        } else writer.append(interimBytes(callOf(world, id, seconds)));
      }
      const roll = random.float();
      world.fault = roll < 0.3 ? "before-commit" : roll < 0.6 ? "after-commit" : "none";
      await collector.collect().catch(() => undefined);
      if (random.float() < 0.4) {
        await collector.close();
        collector = world.collector();
      }
    }
    for (const id of open) expected[id] ??= ["gateway_lost", 50];
    world.fault = "none";
    if (random.float() < 0.5) kill(world, name);
    else await writer.close();
    world.endFault = gateway % 2 === 0 ? "before-commit" : "after-commit";
    await collectAll(collector);
    assert.equal(world.endFault, "none", "control: the end of the spool met its fault");
    await collector.close();
    collector = world.collector();
  }
  await collectAll(collector);
  await collectAll(world.collector());
  assert.deepEqual(readdirSync(world.spoolRoot("meter")), []);
  assert.deepEqual(await recordsOf(world), expected);
  await assertReconciles(world);
});

test("the log of a call whose gateway was killed has START, END and REPORT, with its action", async (t) => {
  const world = await World.open(t);
  const collector = world.collector();
  const [quiet, loud] = [world.ids.requestId(), world.ids.requestId()];
  const writer = world.writer("meter", "gw");
  const entry = new Uint8Array(METER_RECORD_BYTES);
  const triggerId = "arena/reset:timer";
  const action = { drive: "timer", triggerId, executionId: quiet } as const;
  encodeActionEntry(new DataView(entry.buffer), 0, action);
  writer.append(Buffer.concat([entry, interimBytes(callOf(world, quiet, 10))]));
  writer.append(interimBytes(callOf(world, loud, 10)));
  world
    .writer("logs", "agent")
    .append(world.line("a word", { r: loud, t: world.clock.wallMs() - AGE_MS + 5 }));
  await collectAll(collector);
  kill(world, "gw");
  await collectAll(collector);
  const log = await world.log();
  const textsOf = (id: RequestId): readonly string[] =>
    log.filter(({ requestId }) => requestId === id).map(({ text }) => text);
  const run = `trigger ${triggerId} execution ${quiet}`;
  assert.deepEqual(textsOf(quiet).slice(0, 2), [
    `START ${quiet} revision ${world.revisionId} ${run}`,
    `END ${quiet} gateway_lost 101`,
  ]);
  assert.match(textsOf(quiet)[2] ?? "", /^REPORT .* billed 10000\.00 ms.*trigger arena/);
  assert.deepEqual(textsOf(loud).slice(0, 3), [
    `START ${loud} revision ${world.revisionId}`,
    "a word",
    `END ${loud} gateway_lost 101`,
  ]);
  assert.equal(textsOf(loud).length, 4);
});

test("more calls than one step takes are all recorded when their gateway is killed", async (t) => {
  const world = await World.open(t);
  const many = 1_100;
  const writer = world.writer("meter", "gw", 1 << 20);
  for (let n = 0; n < many; n += 1)
    writer.append(interimBytes(callOf(world, world.ids.requestId(), 10)));
  const collector = world.collector();
  await collectAll(collector);
  kill(world, "gw");
  await collectAll(collector);
  assert.equal(Object.keys(await recordsOf(world)).length, many);
  await assertReconciles(world);
});

test("what was kept of a spool that somebody removed goes with the age of records, and of no other", async (t) => {
  const world = await World.open(t);
  world.keepMs = 2 * AGE_MS;
  const leave = async (name: string): Promise<void> => {
    world.writer("meter", name).append(interimBytes(callOf(world, world.ids.requestId(), 10)));
    await collectOnce(world);
  };
  const remove = (name: string): void => {
    rmSync(join(world.spoolRoot("meter"), name), { recursive: true });
  };
  await leave("removed");
  await leave("there");
  remove("removed");
  world.clock.advance(world.keepMs);
  await leave("young");
  remove("young");
  await collectOnce(world);
  const keptOf = async (writer: string): Promise<number> => {
    const args = { writer, placement: LOCAL_PLACEMENT, wallMs: world.clock.wallMs() };
    return (await world.store.call(storeModule, "endSpool", args)).ended;
  };
  assert.equal(await keptOf("removed"), 0);
  assert.equal(await keptOf("there"), 1);
  assert.equal(await keptOf("young"), 1);
});
