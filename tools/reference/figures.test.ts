import assert from "node:assert/strict";
import { test } from "node:test";
import { readReadme, readResults, renderFigures } from "./figures.ts";

const MARKS = "before\n<!-- figures -->\nold\n<!-- end -->\nafter\n";

test("the README's figures are those of the committed results; `npm run docs` brings them up to date", () => {
  const readme = readReadme();
  assert.match(readme, /<!-- figures -->/);
  assert.equal(readme, renderFigures(readme, readResults()));
});

test("each row is of the newest results that have it, and what was not measured is not shown", () => {
  const row = { connections: 64, requestsPerSecond: 12_345, addedP50Us: 7 };
  const older = {
    machine: { date: "2026-01-01" },
    warm: [{ ...row, name: "Express", ratio: 0.1 }],
    density: { perGb: 90 },
    routes: [
      { ...row, name: "function URL", ratio: 1 },
      { ...row, name: "a route", ratio: 1.04 },
    ],
    kept: [
      { ...row, name: "bare node:https", ratio: 1 },
      { ...row, connections: 1, name: "a kept answer, TLS", ratio: 0.84 },
    ],
    burst: [{ name: "without", callers: 1_000, made: 1_000, lastMs: 5_186.5 }],
    overload: [{ times: 10, goodput: 0.913, refusedP99Ms: 6.28 }],
  };
  const newer = {
    machine: { date: "2026-02-01" },
    warm: [{ ...row, name: "Express", ratio: 0.2 }],
  };
  const text = renderFigures(MARKS, [older, newer]);
  assert.match(text, /Express \| 0\.20 \(12,345 a second\) \|/);
  assert.match(
    text,
    /^\| 10 times .* \| 0\.91, refusals p99 6\.3 ms \| 0\.90, refusals p99 5 ms \|/m,
  );
  assert.match(text, /own URL: a route \| 1\.04 \(12,345 a second\) \|/);
  assert.match(
    text,
    /^\| one .*`node:https`.*answer, TLS \| 0\.84 \(12,345 a second\) \| 1\.0 \|/m,
  );
  assert.match(text, /^\| 1,000 .*, without \| made 1,000 times, last answer after 5187 ms \|/m);
  assert.doesNotMatch(text, /URL: function URL|bytes: bare/);
  assert.match(text, /idle instances in a GB \| 90 \| 80 \|/);
  assert.doesNotMatch(text, /old|0\.10|cold start|undefined/);
  assert.match(text, /^before\n[^]*\nafter\n$/);
});

test("of the ledger both stores are shown, and PostgreSQL only where it was measured", () => {
  const accepts = {
    ...{ laterPerSecond: 15_000, acceptsPerSecond: 9_000, laterP50Us: 400 },
    ...{ listedPerSecond: 60_000, startP50Ms: 2, startP99Ms: 9, drainedPerSecond: 3_000 },
  };
  const ledger = {
    ...{ flushesPerSecond: 5_000, loadAverage: [1.25, 1, 1], sqlite: accepts },
    postgres: { skipped: "absent" },
    events: {
      ...{ timers: 1_000, timerP50Ms: 5, timerP99Ms: 40, publishedPerSecond: 70_000 },
      consumedPerSecond: 20_000,
    },
    idleTimers: {
      ...{ timers: 10_000, cpuMsBefore: 4.1, cpuMsWith: 4.2 },
      ...{ memoryMbBefore: 100, memoryMbWith: 109 },
    },
    inFlight: { inFlight: 100_000, idleMb: 100, inFlightMb: 180, afterMb: 170 },
    waiting: { waiting: 1_000_000, oneFunction: { openMs: 512.4, memoryMb: 9 } },
  };
  const machine = { date: "2026-01-01" };
  const alone = renderFigures(MARKS, [{ machine, ledger }]);
  assert.match(alone, /flushes of this disk[^|]*load 1\.3[^|]*\| 5,000 a second \|/);
  assert.match(alone, /durable accepts at 64 connections \| 15,000 a second \| 15,000 \|/);
  assert.match(
    alone,
    /with 10,000 timers[^|]*\| 4\.1 and 4\.2 ms of CPU a second, 100 and 109 MB \|/,
  );
  assert.match(alone, /1,000,000 waiting[^|]*\| 512 ms, 9 MB \|/);
  assert.doesNotMatch(alone, /PostgreSQL|undefined|NaN/);
  const both = renderFigures(MARKS, [{ machine, ledger: { ...ledger, postgres: accepts } }]);
  assert.match(both, /durable accepts at 64 connections, on PostgreSQL \| 15,000 a second \|/);
});

test("each comparison with another checkout is shown, without what only one of the two can do", () => {
  const ratios = { ratio: 0.912, ratioLow: 0.86, ratioHigh: 1.004 };
  const against = {
    there: { id: "035815b0123", date: "2026-11-21T10:12:18+00:00" },
    rows: [
      { name: "warm requests", ...ratios },
      { name: "deploy to first answer", ...ratios },
      { name: "durable accepts", ratio: null, ratioLow: null, ratioHigh: null },
    ],
  };
  const other = { ...against, there: { ...against.there, id: "611f6e70123" } };
  const machine = { date: "2026-11-23" };
  const results = [against, other].map((one) => ({ machine, against: one }));
  const text = renderFigures(MARKS, results);
  const measured = "0\\.91 \\(half of the rounds: 0\\.86 to 1\\.00\\)";
  for (const id of ["035815b", "611f6e7"]) {
    const beside = `^\\| speed beside \`${id}\` of 2026-11-21:`;
    assert.match(text, new RegExp(`${beside} warm requests \\| ${measured} \\| 0\\.95 \\|$`, "m"));
    assert.match(text, new RegExp(`${beside} deploy to first answer \\| ${measured} \\|`, "m"));
  }
  assert.doesNotMatch(text, /accepts|null/);
});
