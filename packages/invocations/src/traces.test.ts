import assert from "node:assert/strict";
import { test } from "node:test";
import { spanIdOf, traceIdOf } from "@skerry/base";
import type { RecordRow } from "./records.ts";
import { renderTrace } from "./traces.ts";

const ID = "01900000-0000-7000-8000-0123456789ab";
const ROW: RecordRow = {
  ...{ request_id: ID, start_seq: 1, seq: 2, function_id: "fn_a", revision_id: "rev_a" },
  ...{ instance_id: null, outcome: "ok", cold_reason: "first_instance", start_kind: "blank" },
  ...{ status: 200, memory_mb: 128, start_ms: 1_000, queue_us: 500, place_us: 0, boot_us: 2_000 },
  ...{ code_us: 3_000, init_us: 4_000, handler_us: 5_500, bytes_in: 0, bytes_out: 0 },
  ...{
    billed_us: 6_000,
    site: "local",
    zone: "local",
    placement_set: "local",
    trigger_id: null,
    execution_id: null,
  },
};

test("stages follow one another within the invocation, and those without time are left out", () => {
  const { spans } = renderTrace(ROW, undefined);
  assert.deepEqual(
    spans.map(({ name, startMs, endMs }) => [name, startMs, endMs]),
    [
      ["invocation", 1_000, 1_015],
      ["queue", 1_000, 1_000.5],
      ["boot", 1_000.5, 1_002.5],
      ["code", 1_002.5, 1_005.5],
      ["init", 1_005.5, 1_009.5],
      ["handler", 1_009.5, 1_015],
    ],
  );
  const [own, ...stages] = spans;
  assert.equal(own?.spanId, spanIdOf(ID));
  assert.ok(stages.every(({ parentSpanId }) => parentSpanId === own?.spanId));
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
});

test("a caller's trace is kept, any other is named after the request", () => {
  const sampled = { trace_id: "a".repeat(32), parent_id: "b".repeat(16), flags: 1 };
  const known = renderTrace(ROW, sampled);
  assert.deepEqual([known.traceId, known.sampled], [sampled.trace_id, true]);
  assert.equal(known.spans[0]?.parentSpanId, sampled.parent_id);
  const own = renderTrace(ROW, undefined);
  assert.deepEqual([own.traceId, own.sampled], [traceIdOf(ID), false]);
  assert.equal(own.spans[0]?.parentSpanId, undefined);
});

test("the way of a resting instance is a resume, not a boot", () => {
  const { spans } = renderTrace({ ...ROW, start_kind: "resumed" }, undefined);
  assert.ok(spans.some(({ name }) => name === "resume"));
  assert.ok(!spans.some(({ name }) => name === "boot"));
});
