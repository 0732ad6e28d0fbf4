/** Expressions of alias rules: linear, bounded, and the same answers as JavaScript's own give. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { seededRandom } from "@skerry/base";
import type { AliasTarget } from "@skerry/contracts";
import { aliasTarget } from "@skerry/contracts/schemas";
import fc from "fast-check";
import { decideAlias } from "./alias.ts";
import {
  AliasPatterns,
  compilePattern,
  PATTERN_STEPS_MAX,
  PATTERN_VALUE_CHARS_MAX,
  patternProblems,
  type Pattern,
} from "./patterns.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261122);
const loaded = createRequire(import.meta.url).cache;

function isLoaded(): boolean {
  return Object.keys(loaded).some((path) => /[/\\]re2js[/\\]/.test(path));
}

function targetOf(...patterns: readonly string[]): AliasTarget {
  const rules = patterns.map((pattern, i) => ({
    ...{ part: { from: "path" as const }, is: { pattern }, version: i + 2 },
  }));
  return aliasTarget.parse({ version: 1, rules });
}

function compiled(source: string): Pattern {
  const pattern = compilePattern(source);
  assert.ok("isIn" in pattern, source);
  return pattern;
}

const goesTo = (target: AliasTarget, path: string): number =>
  decideAlias(
    { target, salt: "", patterns: new AliasPatterns() },
    { part: () => path, chance: () => 0 },
  );

test("the engine is loaded with the first expression, and not by other rules", () => {
  const part = { from: "path" } as const;
  const plain = aliasTarget.parse({
    version: 1,
    rules: [{ part, is: { prefix: "/v2" }, version: 2 }],
  });
  assert.equal(goesTo(plain, "/v2"), 2);
  assert.deepEqual(patternProblems(plain), []);
  assert.equal(isLoaded(), false);
  assert.equal(goesTo(targetOf("^/v2"), "/v2"), 2);
  assert.equal(isLoaded(), true, "the control");
});

test("a rule holds when its expression is found, anywhere unless it is anchored", () => {
  const target = targetOf("^/v2/(a|b)", "beta", "(?i)^/UP$");
  assert.equal(goesTo(target, "/v2/a/1"), 2);
  assert.equal(goesTo(target, "/x/v2/a"), 1);
  assert.equal(goesTo(target, "/x/beta/v2"), 3);
  assert.equal(goesTo(target, "/up"), 4);
  assert.equal(goesTo(target, "/up/"), 1);
});

test("the longest value that fits is looked at, and one longer fits nothing", () => {
  const path = "x".repeat(PATTERN_VALUE_CHARS_MAX);
  assert.equal(goesTo(targetOf("x$"), path), 2);
  assert.equal(goesTo(targetOf("x$"), `${path}x`), 1);
});

test("what holds JavaScript's own expressions up for ever is decided over 50 kB", () => {
  for (const [source, one] of [
    ["^(a+)+$", "a"],
    ["^(a|aa)+$", "a"],
    ["^(\\w*\\d?)*$", "a1"],
  ] as const) {
    // The control: each character more doubles the time, so that these take centuries.
    const task = { source, value: `${one.repeat(60)}!` };
    assert.throws(
      () => runInNewContext("new RegExp(source).test(value)", task, { timeout: 100 }),
      { code: "ERR_SCRIPT_EXECUTION_TIMEOUT" },
      source,
    );
    const pattern = compiled(source);
    const many = one.repeat(50_000 / one.length);
    assert.equal(pattern.isIn(`${many}!`), false);
    assert.equal(pattern.isIn(many), true);
  }
});

test("an expression keeps little of the values that it has seen", () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const random = seededRandom(3);
  const value = (): string =>
    Array.from({ length: PATTERN_VALUE_CHARS_MAX }, () => (random.float() < 0.5 ? "a" : "b")).join(
      "",
    );
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  // Where of the last characters an `a` was: there are more such states than values.
  const patterns = Array.from({ length: 8 }, () => compiled("a[ab]{14}[cd]"));
  for (const pattern of patterns) {
    for (let n = 0; n < 20; n += 1) assert.equal(pattern.isIn(value()), false);
  }
  collectGarbage();
  const keptMb = (process.memoryUsage().heapUsed - before) / 1e6;
  assert.ok(keptMb < 10, `${keptMb.toFixed(1)} MB`);
  assert.equal(patterns[0]?.isIn(`a${"b".repeat(14)}c`), true);
});

test("answers are those of JavaScript's own expressions", (t) => {
  t.diagnostic(`seed ${SEED}`);
  const found = { yes: 0, no: 0 };
  fc.assert(
    fc.property(EXPRESSION, fc.array(VALUE, { minLength: 5, maxLength: 5 }), (source, values) => {
      // By sets: without them V8 finds no `[^a]$` in a pair of surrogates.
      const [ours, theirs] = [compiled(source), new RegExp(source, "v")];
      for (const value of values) {
        const isIn = theirs.test(value);
        found[isIn ? "yes" : "no"] += 1;
        assert.equal(ours.isIn(value), isIn, `${source} in ${value}`);
      }
    }),
    { seed: SEED, numRuns: 1_000 },
  );
  assert.ok(found.yes > 500 && found.no > 500, JSON.stringify(found));
});

const VALUE = fc.string({
  unit: fc.constantFrom(...["a", "b", "c", "1", "/", ".", "-", "é", "😀"]),
  maxLength: 8,
});
const ATOM = fc.constantFrom(
  ...["a", "b", "c", "/", ".", "\\.", "é", "😀", "[ab]", "[^a]", "[a-c1]", "\\d", "\\w", "\\W"],
);
const TIMES = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?");
const EXPRESSION = fc.letrec<{ expression: string; piece: string; edge: string }>((tie) => ({
  edge: fc.constantFrom("", "", "", "^", "$", "\\b"),
  piece: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.tuple(ATOM, TIMES).map((parts) => parts.join("")),
    fc.tuple(tie("expression"), TIMES).map(([inner, times]) => `(${inner})${times}`),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `(?:${a}|${b})`),
  ),
  expression: fc
    .tuple(tie("edge"), fc.array(tie("piece"), { minLength: 1, maxLength: 3 }), tie("edge"))
    .map(([begin, pieces, end]) => `${begin}${pieces.join("")}${end}`),
})).expression;

test("what is no expression is told with its place", () => {
  const target = targetOf("^/ok", "^/v(2|3", "(a)\\1", "a(?=b)", "x{2,1}", "a{9999}");
  assert.deepEqual(patternProblems(target), [
    "target.rules[1].is.pattern: missing closing ) at character 1, `^/v(2|3`",
    "target.rules[2].is.pattern: invalid escape sequence at character 4, `\\1`",
    "target.rules[3].is.pattern: invalid or unsupported Perl syntax at character 2, `(?=`",
    "target.rules[4].is.pattern: invalid repeat count at character 2, `{2,1}`",
    "target.rules[5].is.pattern: invalid repeat count at character 2, `{9999}`",
  ]);
  assert.deepEqual(patternProblems(targetOf("^/v(2|3)")), [], "the control");
});

test("expressions of one alias are bounded together, by what they are when compiled", () => {
  const half = `a{${PATTERN_STEPS_MAX / 2 - 10}}`;
  assert.deepEqual(patternProblems(targetOf(half, half)), []);
  const [problem, ...more] = patternProblems(targetOf(half, half, half));
  assert.match(problem ?? "", /^target\.rules\[2\]\.is\.pattern: .* at most 500 steps/);
  assert.deepEqual(more, []);
});

test("at a gateway an expression that nobody can read is in no value", () => {
  assert.equal(goesTo(targetOf("("), "("), 1);
});
