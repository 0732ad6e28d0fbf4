import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePathPattern } from "./path-pattern.ts";

test("a path is read segment by segment, as requests are", () => {
  assert.deepEqual(parsePathPattern("/"), []);
  assert.deepEqual(parsePathPattern("/a/"), [
    { kind: "text", text: "a" },
    { kind: "text", text: "" },
  ]);
  assert.deepEqual(parsePathPattern("/a/{id}/{rest...}"), [
    { kind: "text", text: "a" },
    { kind: "parameter", name: "id" },
    { kind: "rest", name: "rest" },
  ]);
});

for (const path of [
  "",
  "a",
  "//a",
  "/{r...}/b",
  "/{x}/{x}",
  "/..",
  "/.;a",
  "/a b",
  "/a?b",
  "/{",
  "/{1}",
]) {
  test(`"${path}" is no path of a route`, () => {
    assert.equal(parsePathPattern(path), undefined);
  });
}
