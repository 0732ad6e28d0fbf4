import assert from "node:assert/strict";
import { test } from "node:test";
import { METER_RECORD_BYTES, decodeMeterRecord, meterEndWallMs } from "./metering.ts";
import { decodeTraceEntry, encodeTraceEntry } from "./meter-trace.ts";
import {
  createIdSource,
  formatTraceparent,
  isSampled,
  parseTraceparent,
  parseTracestate,
  spanIdOf,
  stageSpanIdOf,
  traceIdOf,
  systemClock,
  systemRandom,
} from "@skerry/base";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const ids = createIdSource({ clock: systemClock(), random: systemRandom() });

test("a traceparent is read and written as it was", () => {
  for (const flags of ["00", "01", "02", "03"]) {
    const text = `00-${TRACE}-${SPAN}-${flags}`;
    const context = parseTraceparent(text);
    assert.ok(context !== undefined);
    assert.equal(context.traceId, TRACE);
    assert.equal(context.parentId, SPAN);
    assert.equal(isSampled(context), Number(flags) % 2 === 1);
    assert.equal(formatTraceparent(context), text);
  }
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-ff`)?.flags, 3, "unknown flags are dropped");
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01`)?.traceId, TRACE, "a later version");
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-more`)?.traceId, TRACE, "with more in it");
});

test("what is no traceparent is none", () => {
  const wrong = [
    "",
    "00",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-0g`,
    `00-${TRACE}-${SPAN}-01-`,
    `00-${TRACE}-${SPAN}-01-more`,
    `cc-${TRACE}-${SPAN}-01.more`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `0x-${TRACE}-${SPAN}-01`,
    `00_${TRACE}_${SPAN}_01`,
  ];
  for (const text of wrong) assert.equal(parseTraceparent(text), undefined, text);
});

test("a tracestate that follows the rules is passed on, any other is dropped", () => {
  const kept = [
    ["rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7"],
    ["a=1, b=2 ,c=3", "a=1,b=2,c=3"],
    ["a=1,,b=2", "a=1,b=2"],
    ["fw529a3039@dt=FfAAAA;x:y", "fw529a3039@dt=FfAAAA;x:y"],
    [`k=${"v".repeat(256)}`, `k=${"v".repeat(256)}`],
  ] as const;
  for (const [text, wanted] of kept) assert.equal(parseTracestate(text), wanted);
  const dropped = ["", ",", "a", "=1", "a=", "A=1", "a=1,a=2", "a=b=c", "a =1", "a=\u0007", "a=é"];
  dropped.push(Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(","));
  dropped.push(`k=${"v".repeat(257)}`, `${"a".repeat(257)}=1`);
  for (const text of dropped) assert.equal(parseTracestate(text), undefined, text);
});

test("spans of a request are hexadecimal, never zero, and different from one another", () => {
  const seen = new Set<string>();
  for (let n = 0; n < 2_000; n += 1) {
    const id = ids.requestId();
    assert.match(traceIdOf(id), /^[0-9a-f]{32}$/);
    const spans = [spanIdOf(id), stageSpanIdOf(id, "init"), stageSpanIdOf(id, "handler")];
    for (const span of spans) {
      assert.match(span, /^(?!0{16})[0-9a-f]{16}$/);
      seen.add(span);
    }
  }
  assert.equal(seen.size, 6_000);
});

test("a trace's entry in the spool is read as it was written, and is no record", () => {
  const bytes = new Uint8Array(3 * METER_RECORD_BYTES).fill(0xff);
  const entry = { requestId: ids.requestId(), traceId: TRACE, parentId: SPAN, flags: 1 };
  const startWallMs = 1_700_000_000_000.25;
  encodeTraceEntry(new DataView(bytes.buffer), METER_RECORD_BYTES, { ...entry, startWallMs });
  const at = METER_RECORD_BYTES;
  assert.deepEqual(decodeTraceEntry(bytes, at), { ...entry, startWallMs });
  assert.equal(decodeMeterRecord(bytes, at), undefined);
  assert.equal(meterEndWallMs(bytes, at), startWallMs, "the collector asks it as any record");
  assert.equal(bytes[at - 1], 0xff);
  assert.equal(bytes[at + METER_RECORD_BYTES], 0xff);
  for (const damaged of [at, at + 20, at + 40, at + 50, at + 118]) {
    const copy = bytes.slice();
    copy[damaged] = (copy[damaged] as number) ^ 4;
    assert.equal(decodeTraceEntry(copy, at), undefined);
  }
  assert.equal(decodeTraceEntry(bytes.subarray(0, 2 * at - 1), at), undefined, "torn");
});
