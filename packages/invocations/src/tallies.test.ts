import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, systemClock } from "@skerry/base";
import {
  COLD_REASONS,
  HISTOGRAM_BOUNDS_MS,
  OUTCOMES,
  START_KINDS,
  type Histogram,
  type MeterRecord,
} from "@skerry/contracts";
import { addRecords, addTallies, emptyTally } from "./tallies.ts";

const random = seededRandom(7);
const ids = createIdSource({ clock: systemClock(), random });
const upTo = (max: number): number => Math.floor(random.float() * max);
const one = <T>(all: readonly T[]): T => all[upTo(all.length)] as T;

function someRecord(): MeterRecord {
  return {
    ...{ requestId: ids.requestId(), functionId: ids.id("fn"), revisionId: ids.id("rev") },
    ...{ instanceId: ids.id("inst"), outcome: one(OUTCOMES), coldReason: one(COLD_REASONS) },
    ...{ startKind: one(START_KINDS), status: 200, memoryMb: 512, startWallMs: 0 },
    ...{ queueUs: upTo(90_000_000), placeUs: upTo(5_000), bootUs: upTo(5_000) },
    ...{ codeUs: upTo(5_000), initUs: upTo(5_000), handlerUs: upTo(70_000_000) },
    ...{ bytesIn: upTo(1_000), bytesOut: upTo(1_000), billedUs: upTo(100) * 1_000 },
  };
}

function countOf({ counts }: Histogram): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

test("a tally says of each kind as many as there are records of it", () => {
  const records = Array.from({ length: 2_000 }, someRecord);
  const tally = addRecords(emptyTally(), records);
  for (const outcome of OUTCOMES) {
    const wanted = records.filter((record) => record.outcome === outcome).length;
    assert.equal(tally.outcomes[outcome] ?? 0, wanted, outcome);
  }
  const cold = records.filter(({ coldReason }) => coldReason !== "warm");
  const coldSum = Object.values(tally.coldStarts).reduce((sum, count) => sum + count, 0);
  assert.equal(coldSum, cold.length);
  assert.equal(countOf(tally.duration), records.length);
  assert.equal(countOf(tally.queueWait), records.length);
  for (const [at, boundMs] of HISTOGRAM_BOUNDS_MS.entries()) {
    const upToBound = tally.queueWait.counts.slice(0, at + 1).reduce((sum, n) => sum + n, 0);
    const wanted = records.filter(({ queueUs }) => queueUs <= boundMs * 1_000).length;
    assert.equal(upToBound, wanted, `${boundMs} ms`);
  }
  const billedMs = records.reduce((sum, { billedUs }) => sum + billedUs, 0) / 1_000;
  assert.ok(Math.abs(tally.billedMs - billedMs) < 1e-6);
  assert.ok(Math.abs(tally.billedMbMs - billedMs * 512) < 1e-3);
});

test("tallies of parts, put together, are the tally of the whole", () => {
  const records = Array.from({ length: 300 }, someRecord);
  const whole = addRecords(emptyTally(), records);
  const [first, rest] = [records.slice(0, 100), records.slice(100)];
  const continued = addRecords(addRecords(emptyTally(), first), rest);
  const joined = addTallies(addRecords(emptyTally(), first), addRecords(emptyTally(), rest));
  assert.deepEqual(continued.outcomes, whole.outcomes);
  assert.deepEqual(joined.outcomes, whole.outcomes);
  assert.deepEqual(joined.coldStarts, whole.coldStarts);
  assert.deepEqual(joined.duration.counts, whole.duration.counts);
  assert.equal(joined.bytesIn, whole.bytesIn);
});
