import assert from "node:assert/strict";
import { test } from "node:test";
import { diffJson } from "./json-diff.ts";

function pathsOf(before: unknown, after: unknown): readonly string[] {
  return diffJson(before, after).differences.map(({ path }) => path);
}

test("what differs is named by its path, and what is the same is not", () => {
  const before = { a: 1, b: [1, { c: 2 }], d: "x", "e f": null, __proto__: 1 };
  const after = { a: 1, b: [1, { c: 3 }, 4], d: ["x"], "e f": 0 };
  assert.deepEqual(pathsOf(before, after), ["b[1].c", "b[2]", "d", '["e f"]']);
  assert.deepEqual(pathsOf(before, structuredClone(before)), []);
  assert.deepEqual(diffJson({ x: 1 }, { y: 2 }).differences, [
    { path: "x", before: 1, after: undefined },
    { path: "y", before: undefined, after: 2 },
  ]);
  assert.deepEqual(pathsOf(1, "1"), [""]);
  assert.deepEqual(pathsOf(null, {}), [""]);
});

test("of many differences the first hundred are told", () => {
  const many = (from: number) => Array.from({ length: 1_000 }, (_, i) => from + i);
  const { differences, cut } = diffJson(many(0), many(1));
  assert.deepEqual([differences.length, differences[0]?.path, cut], [100, "[0]", true]);
  assert.equal(diffJson(many(0), many(0)).cut, false);
});

test("a value as deep as JSON can be is compared", () => {
  const deep = (end: number): unknown =>
    JSON.parse(`${"[".repeat(5_000)}${end}${"]".repeat(5_000)}`);
  assert.equal(pathsOf(deep(1), deep(2)).length, 1);
});
