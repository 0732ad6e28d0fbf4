import assert from "node:assert/strict";
import { test } from "node:test";
import { sortedEntries } from "./sorted-entries.ts";

test("entries come in the order of code units, however they were written", () => {
  const wanted = [
    ["B", 2],
    ["_", 4],
    ["a", 1],
    ["ä", 3],
  ];
  assert.deepEqual(sortedEntries({ a: 1, B: 2, ä: 3, _: 4 }), wanted);
  assert.deepEqual(sortedEntries({ _: 4, ä: 3, B: 2, a: 1 }), wanted);
});
