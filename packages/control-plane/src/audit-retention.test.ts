import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditRecord } from "@skerry/accounts";
import { createIdSource, systemClock, systemRandom, type RequestId } from "@skerry/base";
import { hasPostgres, startPostgres, until } from "@skerry/testkit";
import { Harness } from "../test/harness.ts";
import { storeModule } from "./store-module.ts";

const DAY_MS = 24 * 3_600_000;
const REST = { sweepIntervalMs: 3_600_000 };

/** Writes records of ages of so many days. */
async function record(harness: Harness, ages: readonly number[]): Promise<void> {
  const now = systemClock();
  const nowMs = now.wallMs();
  for (const days of ages) {
    const atMs = nowMs - days * DAY_MS;
    const clock = { ...now, wallMs: () => atMs };
    const made: AuditRecord = {
      id: createIdSource({ clock, random: systemRandom() }).id("aud"),
      ...{ accountId: harness.control.accountId, atMs, keyId: "platform", action: `aged ${days}` },
      ...{ requestId: "r" as RequestId, resource: "x", details: {} },
    };
    await harness.store.call(storeModule, "recordAudit", made);
  }
}

/** What the test recorded and is there still, the newest first. */
async function left(harness: Harness): Promise<readonly string[]> {
  const args = { accountId: harness.control.accountId, before: null, limit: 1_000 };
  const records = await harness.store.call(storeModule, "listAudit", args);
  return records.map(({ action }) => action).filter((action) => action.startsWith("aged"));
}

interface Kept {
  readonly days?: number;
  readonly records?: number;
  readonly floorDays?: number;
  readonly rowsMax?: number;
}

async function sweepOnce(harness: Harness, kept: Kept): Promise<void> {
  const { days = 1_000, records = 1_000, floorDays = 0, rowsMax = 100 } = kept;
  const wallMs = systemClock().wallMs();
  const times = { beforeMs: wallMs - days * DAY_MS, floorMs: wallMs - floorDays * DAY_MS };
  const audit = { ...times, recordsMax: records };
  const args = { wallMs, tombstonesKept: 1_000, rowsMax, audit };
  await harness.store.call(storeModule, "sweep", args);
}

/** What one step leaves of records of 0, 100, 200, 300 and 400 days: how many of the youngest. */
const CASES: readonly (readonly [title: string, kept: Kept, left: number])[] = [
  ["nothing goes that is neither old nor too much", {}, 5],
  ["what is older than the age goes", { days: 150 }, 2],
  ["beyond the number the oldest go", { records: 3 }, 3],
  ["age and number go together", { days: 350, records: 1 }, 1],
  ["no number takes what is younger than the floor", { records: 1, floorDays: 250 }, 3],
  ["no age takes what is younger than the floor", { days: 1, floorDays: 250 }, 3],
  ["one step by age takes no more than it may", { days: 50, rowsMax: 2 }, 3],
  ["one step by number takes no more than it may", { records: 1, rowsMax: 2 }, 3],
  ["both together take no more than one step may", { days: 350, records: 1, rowsMax: 2 }, 3],
];

async function assertRetention(databaseUrl?: string): Promise<void> {
  await using harness = await Harness.open(REST, databaseUrl);
  for (const [title, kept, count] of CASES) {
    await sweepOnce(harness, { days: -1, floorDays: -1 });
    await record(harness, [400, 300, 200, 100, 0]);
    await sweepOnce(harness, kept);
    const youngest = [0, 100, 200, 300, 400].slice(0, count).map((days) => `aged ${days}`);
    assert.deepEqual(await left(harness), youngest, title);
  }
}

test("audit records go by age and by number, none before the floor, a few at a time", () =>
  assertRetention());

const withPostgres = { skip: hasPostgres() ? false : "PostgreSQL is absent" };

test("the same over PostgreSQL", withPostgres, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await assertRetention(server.url);
});

test("housekeeping sweeps the audit as configured, until nothing is left to take", async () => {
  const kept = { auditKeepMs: 150 * DAY_MS, auditFloorMs: DAY_MS, sweepRowsMax: 1 };
  await using harness = await Harness.open({ ...kept, sweepIntervalMs: 20, sweepAgainMs: 5 });
  await record(harness, [400, 300, 200, 100, 0]);
  const isSwept = async (): Promise<boolean> => (await left(harness)).length === 2;
  await until("the old records are gone", isSwept);
  assert.deepEqual(await left(harness), ["aged 0", "aged 100"]);
});
