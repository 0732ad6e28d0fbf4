import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, systemClock } from "@skerry/base";
import { decodeActionEntry } from "./meter-action.ts";
import { decodeInterimRecord, encodeInterimRecord } from "./meter-interim.ts";
import { decodeTraceEntry } from "./meter-trace.ts";
import {
  decodeMeterRecord,
  encodeMeterRecord,
  METER_RECORD_BYTES,
  meterEndWallMs,
  meterIdsOf,
  type MeterRecord,
} from "./metering.ts";

const ids = createIdSource({ clock: systemClock(), random: seededRandom(11) });
const HOUR_US = 3_600_000_000;

function recordOf(handlerUs: number): MeterRecord {
  return {
    requestId: ids.requestId(),
    functionId: ids.id("fn"),
    revisionId: ids.id("rev"),
    instanceId: ids.id("inst"),
    outcome: "gateway_lost",
    coldReason: "warm",
    startKind: "warm",
    status: 101,
    memoryMb: 128,
    startWallMs: 1_800_000_000_000,
    ...{ queueUs: 1_000, placeUs: 0, bootUs: 0, codeUs: 0, initUs: 0, handlerUs },
    ...{ bytesIn: 5, bytesOut: 6, billedUs: handlerUs },
  };
}

/** At an odd place of a pooled buffer, where slices share their bytes. */
function encoded(record: MeterRecord, write = encodeInterimRecord): Buffer {
  const bytes = Buffer.alloc(METER_RECORD_BYTES + 7);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  write(view, 7, { record, ids: meterIdsOf(record) });
  return bytes;
}

test("an interim record is read as it was left, as often as one likes, and is no record", () => {
  for (const handlerUs of [10_000_000, 24 * HOUR_US]) {
    const record = recordOf(handlerUs);
    const bytes = encoded(record);
    assert.deepEqual(decodeInterimRecord(bytes, 7), record);
    assert.deepEqual(decodeInterimRecord(bytes, 7), record);
    assert.equal(decodeMeterRecord(bytes, 7), undefined);
    assert.equal(decodeTraceEntry(bytes, 7), undefined);
    assert.equal(decodeActionEntry(bytes, 7), undefined);
    assert.equal(meterEndWallMs(bytes, 7), record.startWallMs + (1_000 + handlerUs) / 1_000);
    assert.equal(decodeInterimRecord(encoded(record, encodeMeterRecord), 7), undefined);
  }
});

test("a torn one, and one with any bit turned, is none", () => {
  const bytes = encoded(recordOf(10_000_000));
  for (let end = 0; end < bytes.length; end += 1) {
    assert.equal(decodeInterimRecord(bytes.subarray(0, end), 7), undefined);
  }
  for (let bit = 0; bit < METER_RECORD_BYTES * 8; bit += 1) {
    const turned = Uint8Array.from(bytes);
    turned[7 + (bit >> 3)] = (turned[7 + (bit >> 3)] ?? 0) ^ (1 << (bit & 7));
    assert.equal(decodeInterimRecord(turned, 7), undefined, `bit ${bit}`);
    assert.equal(decodeMeterRecord(turned, 7), undefined, `bit ${bit}`);
  }
});
