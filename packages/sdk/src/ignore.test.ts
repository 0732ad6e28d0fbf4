import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIgnore } from "./ignore.ts";

/** Pattern, paths that it leaves out, paths that it does not. Folders end in a slash. */
const TABLE: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["notes.md", ["notes.md", "docs/notes.md"], ["notes.mdx", "my-notes.md"]],
  ["/notes.md", ["notes.md"], ["docs/notes.md"]],
  ["*.log", ["a.log", "x/y/.log"], ["a.log.txt", "log"]],
  ["build/", ["build/", "x/build/"], ["build", "rebuild/"]],
  ["docs/*.md", ["docs/a.md"], ["docs/x/a.md", "x/docs/a.md"]],
  ["docs/**", ["docs/a", "docs/x/y/"], ["docs/", "x/docs/a"]],
  ["/*/x*y*z", ["a/xyz", "a/x1y2y3z"], ["xyz", "a/b/xyz", "a/xyzz1"]],
  ["docs/**/a.md", ["docs/a.md", "docs/x/y/a.md"], ["a.md"]],
  ["**/cache", ["cache", "x/y/cache", "x/cache/"], ["cached"]],
  ["a?c", ["abc", "x/a-c"], ["ac", "a/c"]],
  ["# comment", [], ["# comment"]],
  ["(a+b)[c].$x^", ["(a+b)[c].$x^"], ["aab"]],
  ["", [], ["a", "a/b"]],
];

test("patterns mean what they mean in .gitignore", () => {
  for (const [pattern, out, kept] of TABLE) {
    const isIgnored = parseIgnore(pattern);
    for (const path of out) assert.ok(isIgnored(path), `${pattern} leaves ${path} out`);
    for (const path of kept) assert.ok(!isIgnored(path), `${pattern} keeps ${path}`);
  }
});

test("what is not code is never part of a source", () => {
  const isIgnored = parseIgnore("");
  for (const path of [".git/", "x/.git/", ".skerryignore", "skerry.yaml", ".DS_Store"]) {
    assert.ok(isIgnored(path), path);
  }
  for (const path of ["x/skerry.yaml", ".gitignore", ".env", "node_modules/"]) {
    assert.ok(!isIgnored(path), path);
  }
});

test("lines may end as on Windows, and spaces around them do not count", () => {
  const isIgnored = parseIgnore("a.txt\r\n  b.txt  \r\n");
  assert.deepEqual(["a.txt", "b.txt", "c.txt"].map(isIgnored), [true, true, false]);
});

test("a long path with many wildcards is judged without delay", () => {
  const isIgnored = parseIgnore(`${"**/*a".repeat(6)}/z`);
  assert.equal(isIgnored(`${"a/".repeat(120)}y`), false);
});
