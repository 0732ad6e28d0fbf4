import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createIdSource,
  seededRandom,
  systemClock,
  type InstanceId,
  type Random,
} from "@skerry/base";
import {
  COLD_REASONS,
  decodeMeterRecord,
  encodeMeterRecord,
  METER_RECORD_BYTES,
  meterEndWallMs,
  meterIdsOf,
  OUTCOMES,
  START_KINDS,
  type MeterRecord,
} from "./metering.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261103);
const U32_MAX = 0xffffffff;
const CHECK_AT = 116;

function encoded(record: MeterRecord, at = 0): Uint8Array {
  const bytes = new Uint8Array(at + METER_RECORD_BYTES);
  encodeMeterRecord(new DataView(bytes.buffer), at, { record, ids: meterIdsOf(record) });
  return bytes;
}

function randomRecord(random: Random): MeterRecord {
  const ids = createIdSource({ clock: systemClock(), random });
  const below = (end: number): number => Math.floor(random.float() * end);
  const pick = <T>(all: readonly T[]): T => all[below(all.length)] as T;
  return {
    requestId: ids.requestId(),
    functionId: ids.id("fn"),
    revisionId: ids.id("rev"),
    instanceId: random.float() < 0.3 ? undefined : ids.id("inst"),
    outcome: pick(OUTCOMES),
    coldReason: pick(COLD_REASONS),
    startKind: pick(START_KINDS),
    status: below(600),
    memoryMb: below(0x10000),
    startWallMs: random.float() * 2e12,
    queueUs: below(U32_MAX),
    placeUs: below(U32_MAX),
    bootUs: below(U32_MAX),
    codeUs: below(U32_MAX),
    initUs: below(U32_MAX),
    handlerUs: below(U32_MAX),
    bytesIn: below(U32_MAX),
    bytesOut: below(U32_MAX),
    billedUs: below(U32_MAX),
  };
}

test("what was metered is read back field by field, wherever it lies in the bytes", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = seededRandom(SEED);
  for (let round = 0; round < 500; round += 1) {
    const record = randomRecord(random);
    const at = Math.floor(random.float() * 300);
    assert.deepEqual(decodeMeterRecord(encoded(record, at), at), record);
  }
});

test("the end of an invocation can be told without reading its record", () => {
  const stages = { queueUs: 1_500, placeUs: 10, bootUs: 20, codeUs: 30, initUs: 40 };
  const record = { ...randomRecord(seededRandom(9)), ...stages, handlerUs: 2_250 };
  const at = 7;
  assert.equal(meterEndWallMs(encoded(record, at), at), record.startWallMs + 3.85);
});

test("every outcome, reason and kind of start has its own place and keeps it", () => {
  const base = randomRecord(seededRandom(1));
  const read = (record: MeterRecord): MeterRecord | undefined =>
    decodeMeterRecord(encoded(record), 0);
  for (const outcome of OUTCOMES) assert.equal(read({ ...base, outcome })?.outcome, outcome);
  for (const coldReason of COLD_REASONS)
    assert.equal(read({ ...base, coldReason })?.coldReason, coldReason);
  for (const startKind of START_KINDS)
    assert.equal(read({ ...base, startKind })?.startKind, startKind);
  // The index is stored: what stands in files of older releases must not move.
  assert.deepEqual(
    [OUTCOMES.indexOf("ok"), OUTCOMES.indexOf("unavailable"), COLD_REASONS.indexOf("warm")],
    [0, 10, 0],
  );
});

test("a run of a day is read back to the millisecond, and its end with it", () => {
  const day = 86_400_000_000;
  const short = { placeUs: 10_000, bootUs: 20_000, codeUs: 0, initUs: 3_000 };
  const long = { queueUs: 2_000, handlerUs: day + 5_000, billedUs: day + 5_000 };
  const record = { ...randomRecord(seededRandom(7)), ...short, ...long };
  assert.deepEqual(decodeMeterRecord(encoded(record), 0), record);
  const tookMs = 35 + 86_400_000 + 5;
  assert.equal(meterEndWallMs(encoded(record), 0), record.startWallMs + tookMs);
});

test("numbers that do not fit saturate and never wrap", () => {
  const base = randomRecord(seededRandom(2));
  const read = decodeMeterRecord(
    encoded({
      ...base,
      queueUs: U32_MAX,
      placeUs: 1e300,
      bootUs: Number.POSITIVE_INFINITY,
      codeUs: -1,
      initUs: Number.NaN,
      handlerUs: 1.5,
      memoryMb: 70_000,
    }),
    0,
  );
  assert.deepEqual(
    [read?.queueUs, read?.placeUs, read?.bootUs, read?.codeUs, read?.initUs, read?.handlerUs],
    [U32_MAX, U32_MAX, U32_MAX, 0, 0, 2],
  );
  assert.equal(read?.memoryMb, 0xffff);
  const longest = decodeMeterRecord(encoded({ ...base, queueUs: 1e300 }), 0);
  assert.equal(longest?.queueUs, U32_MAX * 1_000);
});

/** Bits of a record whose flip still reads as some record. */
function unnoticedFlips(bytes: Uint8Array): number {
  let unnoticed = 0;
  for (let bit = 0; bit < METER_RECORD_BYTES * 8; bit += 1) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    if (decodeMeterRecord(damaged, 0) !== undefined) unnoticed += 1;
  }
  return unnoticed;
}

/** FNV-1a as the record states it, to write a check that fits. */
function withFittingCheck(bytes: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5;
  for (const byte of bytes.subarray(0, CHECK_AT)) hash = Math.imul(hash ^ byte, 0x01000193);
  const out = bytes.slice();
  new DataView(out.buffer).setUint32(CHECK_AT, hash >>> 0, true);
  return out;
}

test("a single damaged bit anywhere makes a record unreadable", () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 20; round += 1) {
    assert.equal(unnoticedFlips(encoded(randomRecord(random))), 0);
  }
});

test("control: without the check the same damage would read as another record", () => {
  const bytes = encoded(randomRecord(seededRandom(3)));
  bytes[20] = (bytes[20] as number) ^ 1;
  assert.equal(decodeMeterRecord(bytes, 0), undefined);
  assert.notEqual(decodeMeterRecord(withFittingCheck(bytes), 0), undefined);
});

test("what is torn, empty or of another format reads as nothing", () => {
  const record = randomRecord(seededRandom(4));
  const whole = encoded(record);
  for (let length = 0; length < METER_RECORD_BYTES; length += 1) {
    assert.equal(decodeMeterRecord(whole.subarray(0, length), 0), undefined);
  }
  assert.equal(decodeMeterRecord(new Uint8Array(METER_RECORD_BYTES), 0), undefined);
  assert.equal(decodeMeterRecord(new Uint8Array(METER_RECORD_BYTES).fill(0xff), 0), undefined);
  for (const [at, value] of [
    [0, 2],
    [1, OUTCOMES.length],
    [2, COLD_REASONS.length],
    [3, START_KINDS.length],
  ] as const) {
    const other = whole.slice();
    other[at] = value;
    assert.equal(decodeMeterRecord(withFittingCheck(other), 0), undefined, `byte ${at}`);
  }
});

test("a reused buffer does not leak the instance of the record before", () => {
  const random = seededRandom(5);
  const first = { ...randomRecord(random), instanceId: "inst_01" as InstanceId };
  const bytes = encoded(first);
  const record = { ...randomRecord(random), instanceId: undefined };
  encodeMeterRecord(new DataView(bytes.buffer), 0, { record, ids: meterIdsOf(record) });
  assert.equal(decodeMeterRecord(bytes, 0)?.instanceId, undefined);
});
