import assert from "node:assert/strict";
import { test } from "node:test";
import { keepEnds } from "./last-lines.ts";

test("of much that was printed the beginning stays as well as the end, each line bounded", () => {
  const lines: string[] = [];
  for (let i = 0; i < 40; i++) keepEnds(lines, `${i} ${"x".repeat(1_000)}`);
  assert.equal(lines.length, 40);
  assert.deepEqual(lines.filter((line) => /^\D/.test(line)).length, 0, "the control: all of it");
  for (let i = 40; i < 1_000; i++) keepEnds(lines, `${i}`);
  const first = Array.from({ length: 12 }, (_, i) => `${i}`);
  const last = Array.from({ length: 27 }, (_, i) => `${973 + i}`);
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    [...first, "…", ...last],
  );
  assert.ok(lines.every(({ length }) => length <= 512));
});
