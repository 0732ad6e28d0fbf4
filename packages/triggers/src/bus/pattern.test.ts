/** What patterns match, what they refuse, and that neither patterns nor events are too much. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, type Random } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { naiveMatches } from "../../test/naive-pattern.ts";
import { hearsType, matchesPattern } from "./match.ts";
import { compilePattern, type Pattern } from "./pattern.ts";

type Fields = Readonly<Record<string, unknown>>;

function compiled(value: unknown): Pattern {
  const result = compilePattern(value);
  assert.ok(result.ok, JSON.stringify(result));
  return result.pattern;
}

const ORDER: Fields = {
  type: "order.placed",
  source: "/shop/berlin",
  subject: "hotel-7",
  count: 3,
  data: {
    cents: 9_900,
    paid: true,
    note: null,
    name: "Müller & Söhne",
    tags: ["new", "vip", 5, ["deep"]],
    none: [],
    guest: { country: "DE", age: 41 },
    rooms: [
      { kind: "single", beds: 1, extras: [] },
      { kind: "suite", beds: 4, extras: ["sauna", "view"] },
    ],
  },
};
const ofData = (data: Fields): Fields => ({ data });

/** Patterns of ORDER by whether they match. */
const CASES: readonly (readonly [boolean, string, Fields])[] = [
  [true, "one of the values", { type: ["order.paid", "order.placed"] }],
  [false, "none of the values", { type: ["order.paid"] }],
  [true, "all fields", { type: ["order.placed"], subject: ["hotel-7"] }],
  [false, "all fields but one", { type: ["order.placed"], subject: ["hotel-8"] }],
  [true, "a number", { count: [3] }],
  [true, "a number as it is, not as it is written", { count: [3.0] }],
  [false, "a number is no text", { count: ["3"] }],
  [true, "true", ofData({ paid: [true] })],
  [false, "false", ofData({ paid: [false] })],
  [true, "null", ofData({ note: [null] })],
  [false, "null is not what is absent", ofData({ gone: [null] })],
  [true, "prefix", { source: [{ prefix: "/shop/" }] }],
  [false, "prefix elsewhere", { source: [{ prefix: "berlin" }] }],
  [true, "the empty prefix of any text", { source: [{ prefix: "" }] }],
  [false, "a prefix of a number", { count: [{ prefix: "3" }] }],
  [true, "the longer of two prefixes", { source: [{ prefix: "/shop/b" }, { prefix: "/shop/m" }] }],
  [true, "the shorter of two prefixes", { source: [{ prefix: "/shop/bz" }, { prefix: "/sh" }] }],
  [true, "suffix", { source: [{ suffix: "/berlin" }] }],
  [false, "suffix elsewhere", { source: [{ suffix: "/shop" }] }],
  [true, "a suffix of several", { source: [{ suffix: "paris" }, { suffix: "lin" }] }],
  [true, "a suffix with characters of two units", { type: ["x", { suffix: "d" }] }],
  [true, "equals-ignore-case", ofData({ name: [{ "equals-ignore-case": "MÜLLER & SÖHNE" }] })],
  [false, "equals-ignore-case is whole", ofData({ name: [{ "equals-ignore-case": "müller" }] })],
  [true, "numeric from", ofData({ cents: [{ numeric: [">=", 9_900] }] })],
  [false, "numeric above", ofData({ cents: [{ numeric: [">", 9_900] }] })],
  [true, "numeric to", ofData({ cents: [{ numeric: ["<=", 9_900] }] })],
  [false, "numeric below", ofData({ cents: [{ numeric: ["<", 9_900] }] })],
  [true, "numeric is", ofData({ cents: [{ numeric: ["=", 9_900] }] })],
  [true, "numeric between", ofData({ cents: [{ numeric: [">", 5, "<", 10_000] }] })],
  [
    true,
    "numeric between, the other way round",
    ofData({ cents: [{ numeric: ["<", 10_000, ">", 5] }] }),
  ],
  [false, "numeric of text", { subject: [{ numeric: [">", 0] }] }],
  [true, "exists", ofData({ paid: [{ exists: true }] })],
  [true, "null exists", ofData({ note: [{ exists: true }] })],
  [true, "an object exists", ofData({ guest: [{ exists: true }] })],
  [true, "an empty list exists", ofData({ none: [{ exists: true }] })],
  [false, "what is not there", ofData({ gone: [{ exists: true }] })],
  [true, "exists not", ofData({ gone: [{ exists: false }] })],
  [false, "exists not, but it does", ofData({ paid: [{ exists: false }] })],
  [true, "exists not below what is not there", ofData({ gone: { more: [{ exists: false }] } })],
  [true, "absent or one of", ofData({ gone: [{ exists: false }, "x"] })],
  [true, "anything-but", { type: [{ "anything-but": "order.paid" }] }],
  [false, "anything-but what it is", { type: [{ "anything-but": ["order.placed", "x"] }] }],
  [false, "anything-but needs a value", ofData({ gone: [{ "anything-but": "x" }] })],
  [false, "anything-but of an object", ofData({ guest: [{ "anything-but": "x" }] })],
  [true, "anything-but a prefix", { type: [{ "anything-but": { prefix: "invoice." } }] }],
  [false, "anything-but its prefix", { type: [{ "anything-but": { prefix: "order." } }] }],
  [false, "anything-but its suffix", { type: [{ "anything-but": { suffix: ".placed" } }] }],
  [true, "anything-but a number", { count: [{ "anything-but": 4 }] }],
  [true, "an item of a list", ofData({ tags: ["vip"] })],
  [true, "an item of a list in a list", ofData({ tags: ["deep"] })],
  [true, "an item that is something else", ofData({ tags: [{ "anything-but": "vip" }] })],
  [false, "of an empty list nothing", ofData({ none: [{ prefix: "" }] })],
  [true, "a number among texts", ofData({ tags: [{ numeric: [">", 4] }] })],
  [true, "an object in a list", ofData({ rooms: { kind: ["suite"] } })],
  [true, "one object as a whole", ofData({ rooms: { kind: ["suite"], beds: [4] } })],
  [false, "not one of it here and one there", ofData({ rooms: { kind: ["single"], beds: [4] } })],
  [true, "a list of an object of a list", ofData({ rooms: { extras: ["view"] } })],
  [true, "deep", ofData({ guest: { country: [{ "equals-ignore-case": "de" }], age: [41] } })],
  [false, "an object is no value", ofData({ guest: ["DE"] })],
  [true, "$or, the second", { $or: [{ type: ["x"] }, { subject: [{ prefix: "hotel" }] }] }],
  [false, "$or, none", { $or: [{ type: ["x"] }, { subject: ["y"] }] }],
  [false, "$or and a field", { subject: ["y"], $or: [{ type: ["order.placed"] }] }],
  [true, "$or inside", ofData({ $or: [{ paid: [false] }, { cents: [{ numeric: [">", 1] }] }] })],
  [true, "$or in $or", { $or: [{ $or: [{ count: [3] }] }, { count: [9] }] }],
  [false, "what objects inherit", { toString: [{ exists: true }] }],
  [true, "what objects inherit is not there", { constructor: [{ exists: false }] }],
];
for (const [matches, title, pattern] of CASES) {
  test(`${title}: ${matches ? "it matches" : "it does not match"}`, () => {
    assert.equal(matchesPattern(compiled(pattern), ORDER), matches);
    assert.equal(naiveMatches(pattern, ORDER as never), matches, "the naive matcher agrees");
  });
}

/** What is refused, with a part of why. */
const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ["no object", 5, /must be an object/],
  ["a list", [], /must be an object/],
  ["nothing at all", {}, /pattern: must name a field/],
  ["a field that names nothing", { data: {} }, /pattern\.data: must name a field/],
  ["a value that is no list", { type: "order" }, /pattern\.type: must be a list/],
  ["an empty list", { type: [] }, /pattern\.type: must be a list/],
  ["an unknown matcher", { type: [{ prefx: "a" }] }, /type\.0: there is no matcher/],
  ["two matchers in one", { type: [{ prefix: "a", suffix: "b" }] }, /type\.0: must be/],
  ["a matcher of nothing", { type: [{}] }, /type\.0: must be/],
  ["a list in a list", { type: [["a"]] }, /type\.0: must be/],
  ["a prefix that is no text", { type: [{ prefix: 5 }] }, /prefix: must be text/],
  ["exists of text", { type: [{ exists: "yes" }] }, /exists: must be/],
  ["numeric of one", { a: [{ numeric: [">"] }] }, /numeric: must be/],
  ["numeric of an unknown sign", { a: [{ numeric: ["~", 1] }] }, /numeric: must be/],
  ["numeric of text", { a: [{ numeric: [">", "1"] }] }, /numeric: must be/],
  ["numeric from twice", { a: [{ numeric: [">", 1, ">=", 2] }] }, /numeric: must be/],
  ["an empty range", { a: [{ numeric: [">", 5, "<", 5] }] }, /no number is in this range/],
  ["anything-but nothing", { a: [{ "anything-but": [] }] }, /must name something/],
  ["anything-but numeric", { a: [{ "anything-but": { numeric: [">", 1] } }] }, /no matcher/],
  ["$or of no list", { $or: { a: [1] } }, /\$or: must be a list of patterns/],
  ["$or of nothing", { $or: [] }, /\$or: must be a list of patterns/],
  ["$or of no patterns", { $or: [5] }, /\$or\.0: must be an object/],
];
for (const [title, pattern, why] of REFUSED) {
  test(`a pattern is refused: ${title}`, () => {
    const result = compilePattern(pattern);
    assert.ok(
      !result.ok && result.problems.some((problem) => why.test(problem)),
      JSON.stringify(result),
    );
  });
}

test("patterns are matched as the naive matcher does, whatever they and events are", () => {
  const random = seededRandom(52);
  let matched = 0;
  for (let i = 0; i < 4_000; i += 1) {
    const pattern = randomPattern(random, 3);
    const event = { a: randomJson(random, 3), b: randomJson(random, 3), c: randomJson(random, 2) };
    const expected = naiveMatches(pattern, event as never);
    const shown = JSON.stringify({ pattern, event });
    assert.equal(matchesPattern(compiled(pattern), event), expected, shown);
    matched += expected ? 1 : 0;
  }
  assert.ok(matched > 400 && matched < 3_600, `the control: ${matched} of 4,000 match`);
});

test("a type that a pattern cannot match is known before the event is", () => {
  const hears = (pattern: Fields, type: string): boolean => hearsType(compiled(pattern), type);
  assert.ok(hears({ data: { a: [1] } }, "x"));
  assert.ok(hears({ type: [{ prefix: "x" }], data: { a: [1] } }, "x.y"));
  assert.ok(!hears({ type: ["y"], data: { a: [1] } }, "x"));
  assert.ok(!hears({ $or: [{ type: ["y"] }, { type: ["z"] }] }, "x"));
  assert.ok(hears({ $or: [{ type: ["y"] }, { data: { a: [1] } }] }, "x"));
});

test("hostile patterns are refused, and soon", () => {
  let deep: unknown = ["x"];
  for (let i = 0; i < 100_000; i += 1) deep = { a: deep };
  let alternatives: unknown = { a: ["x"] };
  for (let i = 0; i < 100_000; i += 1) alternatives = { $or: [alternatives] };
  let lists: unknown = "x";
  for (let i = 0; i < 100_000; i += 1) lists = [lists];
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`f${i}`, ["x"]]));
  const long = { a: Array.from({ length: 100_000 }, (_, i) => `v${i}`) };
  const bytes = { a: [{ prefix: "x".repeat(LIMITS.rulePatternBytesMax) }] };
  const ranges = { a: Array.from({ length: 21 }, (_, i) => ({ numeric: ["=", i] })) };
  const not = { a: [{ "anything-but": Array.from({ length: 100_000 }, (_, i) => i) }] };
  const hostile = [deep, alternatives, { a: lists }, wide, long, bytes, ranges, not];
  for (const pattern of hostile) {
    const result = compilePattern(pattern);
    assert.ok(!result.ok && result.problems.length <= 25);
  }
  assert.ok(compilePattern({ a: [{ prefix: "x".repeat(4_000) }] }).ok, "the control: it fits");
});

test("a hostile event costs the largest of patterns a bounded number of looks", () => {
  const alternatives = Array.from({ length: LIMITS.rulePatternFieldsMax }, (_, i) => ({
    data: { v: [{ prefix: `p${i}` }] },
  }));
  const pattern = compiled({ $or: alternatives });
  let looks = 0;
  const items = Array.from({ length: LIMITS.eventValuesMax }, (_, i) => `v${i}`);
  const counted = new Proxy(items, {
    get: (target, key, self) => {
      if (typeof key === "string" && /^\d+$/.test(key)) looks += 1;
      return Reflect.get(target, key, self) as unknown;
    },
  });
  assert.equal(matchesPattern(pattern, { data: { v: counted } }), false);
  assert.ok(looks <= LIMITS.rulePatternFieldsMax * LIMITS.eventValuesMax, `${looks} looks`);
  let deep: unknown = "p1";
  for (let i = 0; i < 100_000; i += 1) deep = [deep];
  assert.equal(matchesPattern(pattern, { data: { v: deep } }), true);
});

const FIELDS = ["a", "b", "c"];
const TEXTS = ["", "x", "xy", "Xy", "yx", "zebra", "x\u{1f600}"];

function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.float() * items.length)] as T;
}

function randomScalar(random: Random): string | number | boolean | null {
  return pick(random, [pick(random, TEXTS), Math.floor(random.float() * 5), true, null, "x"]);
}

function randomJson(random: Random, depth: number): unknown {
  const roll = random.float();
  if (depth === 0 || roll < 0.4) return randomScalar(random);
  const items = Array.from({ length: Math.floor(random.float() * 4) }, () =>
    randomJson(random, depth - 1),
  );
  if (roll < 0.65) return items;
  return Object.fromEntries(items.map((item) => [pick(random, FIELDS), item]));
}

function randomPattern(random: Random, depth: number): Fields {
  const count = 1 + Math.floor(random.float() * 2);
  return Object.fromEntries(
    Array.from({ length: count }, (): [string, unknown] => {
      const name = pick(random, FIELDS);
      const roll = random.float();
      if (depth > 0 && roll < 0.2)
        return ["$or", [randomPattern(random, depth - 1), randomPattern(random, depth - 1)]];
      if (depth > 0 && roll < 0.5) return [name, randomPattern(random, depth - 1)];
      return [name, [randomMatcher(random), randomMatcher(random)]];
    }),
  );
}

function randomMatcher(random: Random): unknown {
  const text = pick(random, TEXTS);
  const from = Math.floor(random.float() * 4);
  return pick<unknown>(random, [
    randomScalar(random),
    { prefix: text },
    { suffix: text },
    { "equals-ignore-case": text },
    { exists: random.float() < 0.5 },
    { numeric: [pick(random, [">", ">=", "=", "<", "<="]), from] },
    { numeric: [">=", from, "<", from + 2] },
    { "anything-but": randomScalar(random) },
    { "anything-but": [randomScalar(random), randomScalar(random)] },
    { "anything-but": { prefix: text } },
    { "anything-but": [{ suffix: text }, "x"] },
  ]);
}
