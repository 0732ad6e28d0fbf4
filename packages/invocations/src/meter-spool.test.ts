import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, systemClock } from "@skerry/base";
import {
  encodeActionEntry,
  encodeMeterRecord,
  METER_RECORD_BYTES,
  meterIdsOf,
  type MeterRecord,
} from "@skerry/contracts";
import { parseMeterSpool } from "./meter-spool.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(7) });

function makeRecord(): MeterRecord {
  const zero = { queueUs: 0, placeUs: 0, bootUs: 0, codeUs: 0, initUs: 0, handlerUs: 0 };
  return {
    ...zero,
    requestId: ids.requestId(),
    functionId: ids.id("fn"),
    revisionId: ids.id("rev"),
    instanceId: ids.id("inst"),
    outcome: "ok",
    coldReason: "warm",
    startKind: "warm",
    status: 200,
    memoryMb: 128,
    startWallMs: 1,
    bytesIn: 0,
    bytesOut: 0,
    billedUs: 0,
  };
}

function spoolOf(records: readonly MeterRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * METER_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, record] of records.entries())
    encodeMeterRecord(view, index * METER_RECORD_BYTES, { record, ids: meterIdsOf(record) });
  return bytes;
}

test("whole records are read in order; a torn one is neither taken nor damaged", () => {
  const records = Array.from({ length: 4 }, makeRecord);
  const bytes = spoolOf(records);
  for (let length = 0; length <= bytes.length; length += 1) {
    const whole = Math.floor(length / METER_RECORD_BYTES);
    const batch = parseMeterSpool(bytes.subarray(0, length));
    assert.equal(batch.taken, whole * METER_RECORD_BYTES);
    assert.equal(batch.damaged, 0);
    assert.deepEqual(batch.records, records.slice(0, whole));
  }
});

test("a damaged record is counted and its neighbours are read", () => {
  const records = Array.from({ length: 5 }, makeRecord);
  for (let damagedAt = 0; damagedAt < records.length; damagedAt += 1) {
    const bytes = spoolOf(records);
    bytes.fill(0xaa, damagedAt * METER_RECORD_BYTES, (damagedAt + 1) * METER_RECORD_BYTES);
    const batch = parseMeterSpool(bytes);
    assert.deepEqual([batch.taken, batch.damaged], [bytes.length, 1]);
    assert.deepEqual(
      batch.records,
      records.filter((_, index) => index !== damagedAt),
    );
  }
});

test("what a run of an action leaves belongs to the record behind it", () => {
  const [plain, run] = [makeRecord(), makeRecord()];
  const action = {
    drive: "timer",
    triggerId: "arena/daily-reset:timer",
    executionId: run.requestId,
  } as const;
  const entry = new Uint8Array(METER_RECORD_BYTES);
  encodeActionEntry(new DataView(entry.buffer), 0, action);
  const bytes = Buffer.concat([spoolOf([plain]), entry, spoolOf([run])]);
  const whole = parseMeterSpool(bytes);
  assert.deepEqual(
    whole.records.map((record) => record.action),
    [undefined, action],
  );
  assert.deepEqual([whole.taken, whole.damaged], [bytes.length, 0]);
});
