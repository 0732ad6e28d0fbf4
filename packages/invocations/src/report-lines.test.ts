import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordRow } from "./records.ts";
import { reportLines } from "./report-lines.ts";

const ROW: RecordRow = {
  request_id: "r",
  start_seq: 10,
  seq: 20,
  function_id: "fn_1",
  revision_id: "rev_1",
  instance_id: null,
  outcome: "ok",
  cold_reason: "warm",
  start_kind: "warm",
  status: 200,
  memory_mb: 128,
  start_ms: 1_000,
  queue_us: 2_000,
  place_us: 0,
  boot_us: 0,
  code_us: 0,
  init_us: 0,
  handler_us: 3_456,
  bytes_in: 0,
  bytes_out: 0,
  billed_us: 4_000,
  site: "local",
  zone: "local",
  placement_set: "local",
  trigger_id: null,
  execution_id: null,
};

test("a warm request is three lines: when it came, how it ended, what it took", () => {
  assert.deepEqual(reportLines(ROW), [
    { seq: 10, atMs: 1_000, level: "info", text: "START r revision rev_1" },
    { seq: 20, atMs: 1_005.456, level: "info", text: "END r ok 200" },
    {
      seq: 21,
      atMs: 1_005.456,
      level: "info",
      text: "REPORT r duration 3.46 ms, billed 4.00 ms, memory limit 128 MiB",
    },
  ]);
});

test("a cold request says why and what each stage took", () => {
  const [, , report] = reportLines({
    ...ROW,
    cold_reason: "all_slots_busy",
    start_kind: "blank",
    place_us: 100,
    boot_us: 200,
    code_us: 300,
    init_us: 1_500_000,
  });
  const cold =
    "cold (all_slots_busy, blank): queue 2.00 ms, place 0.10 ms, boot 0.20 ms, code 0.30 ms, init 1500.00 ms";
  assert.equal(report?.text.slice(-cold.length), cold);
  assert.equal(report?.atMs, 2_506.056);
});

test("a request that failed ends as an error", () => {
  for (const outcome of ["timeout", "crashed", "function_error", "throttled"]) {
    const [start, end, report] = reportLines({ ...ROW, outcome, status: 502 });
    assert.deepEqual([start?.level, end?.level, report?.level], ["info", "error", "error"]);
    assert.equal(end?.text, `END r ${outcome} 502`);
  }
});

test("a run of an action names its trigger and its execution, at its start and in its report", () => {
  const row = { ...ROW, trigger_id: "arena/reset:timer", execution_id: "e" };
  const [start, , report] = reportLines(row).map(({ text }) => text);
  assert.equal(start, "START r revision rev_1 trigger arena/reset:timer execution e");
  assert.match(report ?? "", /, trigger arena\/reset:timer, execution e$/);
});
