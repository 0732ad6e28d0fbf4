import assert from "node:assert/strict";
import { test } from "node:test";
import { isTargetIn, parseTarget, splitPatterns } from "../network-targets.ts";
import { networkTarget, targetPattern, targetPatternList } from "./network-targets.ts";

test("a target is a host and a port, and nothing that only looks like one", () => {
  assert.deepEqual(parseTarget("db:5432"), { host: "db", port: 5_432 });
  assert.deepEqual(parseTarget("DB.Internal.:1"), { host: "db.internal", port: 1 });
  assert.deepEqual(parseTarget("[FD00::1]:6379"), { host: "fd00::1", port: 6_379 });
  const wrong = ["", ":1", "db", "db:", "db:0", "db:65536", "db:05", "db:-1", "db:1e2", "db: 1"];
  const odd = ["a b:1", "a/b:1", "u@h:1", "::1:1", "[::1:1", "[db]:1", "-a:1", "a..b:1", "%00:1"];
  for (const text of [...wrong, ...odd]) {
    assert.equal(parseTarget(text), undefined, text);
    assert.equal(networkTarget.safeParse(text).success, false, text);
  }
});

test("a pattern takes in what it says, label by label", () => {
  const table: readonly [pattern: string, target: string, taken: boolean][] = [
    ["*", "any.where:1", true],
    ["*:443", "any.where:443", true],
    ["*:443", "any.where:444", false],
    ["example.org", "EXAMPLE.org.:9", true],
    ["example.org", "a.example.org:9", false],
    ["example.org", "badexample.org:9", false],
    ["*.example.org", "a.b.example.org:9", true],
    ["*.example.org", "example.org:9", false],
    ["*.example.org", "badexample.org:9", false],
    ["*.example.org", "a.example.org.evil:9", false],
    ["10.0.*.*:5432", "10.0.3.4:5432", true],
    ["10.0.*.*:5432", "10.1.3.4:5432", false],
    ["[fd00::1]:1", "[fd00::1]:1", true],
    ["[fd00::1]", "[fd00::2]:1", false],
  ];
  for (const [pattern, text, taken] of table) {
    assert.ok(targetPattern.safeParse(pattern).success, pattern);
    const target = parseTarget(text);
    assert.ok(target !== undefined, text);
    assert.equal(isTargetIn([pattern], target), taken, `${pattern} and ${text}`);
  }
  assert.equal(isTargetIn([], { host: "a", port: 1 }), false);
});

test("a pattern that could never be meant is refused", () => {
  for (const text of [
    "",
    "a b",
    "*a.org",
    "a.*b",
    "http://a",
    "a:0",
    "a:b",
    "[a]",
    "a..b",
    "a,b",
  ]) {
    assert.equal(targetPattern.safeParse(text).success, false, text);
  }
  assert.deepEqual(splitPatterns(" a:1, ,*.b "), ["a:1", "*.b"]);
  assert.ok(targetPatternList.safeParse("a:1, *.b").success);
  assert.equal(targetPatternList.safeParse("a:1, b c").success, false);
});
