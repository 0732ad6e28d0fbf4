import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpooledLogLine } from "@skerry/contracts";
import { parseSpooledLines } from "./log-lines.ts";

const LINE = {
  t: 1_700_000_000_000.25,
  l: "info",
  s: "console",
  f: "fn_1",
  v: "rev_1",
  i: "inst_1",
  r: "request",
  m: "hello",
} as unknown as SpooledLogLine;

function parse(text: string): ReturnType<typeof parseSpooledLines> {
  return parseSpooledLines(Buffer.from(text));
}

test("whole lines are read, a torn tail is not counted as taken", () => {
  const text = `${JSON.stringify(LINE)}\n`;
  for (let end = 0; end < text.length; end += 1) {
    const { lines, taken, damaged } = parse(text + text.slice(0, end));
    assert.deepEqual([lines, taken, damaged], [[LINE], text.length, 0]);
  }
  assert.deepEqual(parse(""), { lines: [], taken: 0, damaged: 0 });
});

test("a line that is none is counted and skipped; those around it are read", () => {
  const good = JSON.stringify(LINE);
  const bad = [
    "nonsense",
    "null",
    "5",
    "[]",
    "{}",
    '"text"',
    good.slice(0, -3),
    good.replace('"f"', '"g"'),
    JSON.stringify({ ...LINE, t: "now" }),
    JSON.stringify({ ...LINE, t: -1 }),
    JSON.stringify({ ...LINE, t: 1e300 }),
    JSON.stringify({ ...LINE, t: Number.NaN }),
    JSON.stringify({ ...LINE, l: "loud" }),
    JSON.stringify({ ...LINE, s: "pipe" }),
    JSON.stringify({ ...LINE, r: 5 }),
    JSON.stringify({ ...LINE, r: "a\0b" }),
    JSON.stringify({ ...LINE, f: "fn_\ud800" }),
    JSON.stringify({ ...LINE, m: 5 }),
    JSON.stringify({ ...LINE, m: undefined }),
  ];
  for (const text of bad) {
    const { lines, damaged, taken } = parse(`${good}\n${text}\n${good}\n`);
    assert.deepEqual([lines.length, damaged], [2, 1], text);
    assert.equal(taken, Buffer.byteLength(`${good}\n${text}\n${good}\n`));
  }
});

test("what code may print and no store may keep is replaced, not refused", () => {
  const { lines } = parse(`${JSON.stringify({ ...LINE, m: "a\0b\ud800c\udc00 😀" })}\n`);
  assert.equal(lines[0]?.m, "a\ufffdb\ufffdc\ufffd 😀");
});
