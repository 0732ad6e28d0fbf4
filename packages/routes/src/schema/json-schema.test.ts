/**
 * JSON Schema 2020-12: what fits, what is told of what does not, and that neither schemas nor
 * values make it work without end. The standard's own suite agreed when this was written, but for
 * schemas in parts with an `$id` of their own, or elsewhere, which are refused.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileSchema, schemaProblems } from "./json-schema.ts";
import type { CompilePattern } from "./schema-compiler.ts";

/** Good enough here; gateways give one that takes linear time. */
const compilePattern: CompilePattern = (source) => {
  if (source.includes("(?=")) return { problem: "no looking ahead" };
  const expression = new RegExp(source, "u");
  return { steps: source.length, isIn: (value) => expression.test(value) };
};
const MOST = "looking at it takes too much";
const misfits = (schema: unknown, value: unknown): readonly string[] => {
  const compiled = compileSchema(schema, compilePattern);
  assert.deepEqual(compiled.problems, []);
  const { places, isCutShort } = compiled.misfits(value);
  return isCutShort ? [...places, MOST] : places;
};
const fits = (schema: unknown, value: unknown): boolean => misfits(schema, value).length === 0;
const json = (text: string): unknown => JSON.parse(text);
const problems = (schema: unknown): readonly string[] => schemaProblems(schema, compilePattern);

/** A schema, values that fit it, and values that do not. */
type Case = readonly [unknown, readonly unknown[], readonly unknown[]];

const TREE = {
  $defs: { n: { properties: { next: { $ref: "#/$defs/n" }, v: { type: "integer" } } } },
};
const CASES: readonly Case[] = [
  [true, [1, null, {}], []],
  [false, [], [1, null, {}]],
  [{ type: "integer" }, [1, 1.0, -0], [1.5, "1", true, null]],
  [{ type: ["string", "null"] }, ["", null], [0, false, [], {}]],
  [{ enum: [1, { a: [1, 2] }, null] }, [1.0, { a: [1, 2] }, null], [0, "1", { a: [2, 1] }, false]],
  [{ const: { b: 1, a: 2 } }, [{ a: 2, b: 1 }], [{ a: 2 }, { a: 2, b: 1, c: 0 }]],
  [{ multipleOf: 0.01 }, [4.35, 0.07, -1, 1e30], [4.351, 0.075]],
  [{ multipleOf: 3 }, [9, "7"], [10, 1e-300]],
  [{ minimum: 1, exclusiveMaximum: 3 }, [1, 2.9, "x"], [0.9, 3]],
  [{ minLength: 2, maxLength: 3 }, ["ab", "\u{1f600}\u{1f600}"], ["a", "\u{1f600}", "abcd"]],
  [{ pattern: "^a+$" }, ["a", "aaa", 5], ["", "b", "ab"]],
  [
    { uniqueItems: true },
    [[1, "1", [1], { a: 1 }]],
    [
      [1, 1.0],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
  ],
  [{ required: ["a", "__proto__"] }, [json('{"a":1,"__proto__":2}')], [{ a: 1 }, { b: 1 }]],
  [{ dependentRequired: { a: ["b"] } }, [{}, { a: 1, b: 1 }, { b: 1 }], [{ a: 1 }]],
  [
    { properties: { a: { type: "string" } }, additionalProperties: false },
    [{}, { a: "" }],
    [{ a: 1 }, { b: 1 }, json('{"__proto__":1}'), { toString: 1 }],
  ],
  [
    { patternProperties: { "^x": { type: "number" } }, additionalProperties: { type: "null" } },
    [{ x1: 1, y: null }],
    [{ x1: "1" }, { y: 1 }],
  ],
  [{ propertyNames: { maxLength: 2 } }, [{ ab: 1 }, []], [{ abc: 1 }]],
  [
    { prefixItems: [{ type: "string" }], items: { type: "number" } },
    [[], ["a"], ["a", 1, 2]],
    [[1], ["a", "b"]],
  ],
  [
    { contains: { type: "null" }, maxContains: 2 },
    [[null], [1, null, null]],
    [[], [1], [null, null, null]],
  ],
  [{ contains: true, minContains: 0 }, [[], [1]], []],
  [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1, 2], [0, 3]],
  [{ anyOf: [{ type: "string" }, { minimum: 5 }] }, ["", 5], [4]],
  [{ oneOf: [{ minimum: 1 }, { maximum: 3 }] }, [0, 4], [1, 2, 3]],
  [{ not: { type: "string" } }, [1], ["a"]],
  [json('{"if":{"minimum":1},"then":{"maximum":5},"else":{"const":-1}}'), [3, -1], [6, 0]],
  [
    { ...TREE, $ref: "#/$defs/n" },
    [{ v: 1, next: { next: { v: 2 } } }],
    [{ next: { next: { v: "2" } } }],
  ],
  [
    { $anchor: "top", properties: { a: { $ref: "#top" } }, type: "object" },
    [{ a: { a: {} } }],
    [{ a: { a: 1 } }],
  ],
  [
    {
      $id: "https://x.example/s",
      properties: { a: { $ref: "https://x.example/s#" } },
      type: "object",
    },
    [{ a: {} }],
    [{ a: 1 }],
  ],
  [{ $ref: "#/$defs/a~1b%25", $defs: { "a/b%": { type: "null" } } }, [null], [1]],
  [
    { allOf: [{ properties: { a: true } }], properties: { b: true }, unevaluatedProperties: false },
    [{ a: 1, b: 2 }],
    [{ a: 1, c: 2 }],
  ],
  [
    {
      anyOf: [{ required: ["a"], properties: { a: true } }, { properties: { b: true } }],
      unevaluatedProperties: false,
    },
    [{ a: 1 }, { b: 1 }, { a: 1, b: 1 }],
    [{ c: 1 }],
  ],
  [
    { prefixItems: [true], contains: { type: "string" }, unevaluatedItems: false },
    [[1, "a"]],
    [[1, "a", 2]],
  ],
  [{ format: "email", "x-note": 1, title: "t" }, ["no address"], []],
];

test("values fit as the standard says", () => {
  for (const [schema, good, bad] of CASES) {
    for (const value of good) {
      assert.deepEqual(
        misfits(schema, value),
        [],
        `${JSON.stringify(schema)} ${JSON.stringify(value)}`,
      );
    }
    for (const value of bad) {
      assert.ok(!fits(schema, value), `${JSON.stringify(schema)} ${JSON.stringify(value)}`);
    }
  }
});

test("what does not fit is told by its place, twenty of them at most", () => {
  const schema = {
    required: ["name"],
    properties: {
      tags: { items: { type: "string" } },
      "a/b": { properties: { "~": { const: 1 } } },
    },
  };
  assert.deepEqual(misfits(schema, { tags: ["a", 1, "b", null], "a/b": { "~": 2 } }), [
    "/: it lacks name",
    "/tags/1: not of type string",
    "/tags/3: not of type string",
    "/a~1b/~0: not the one value that may stand here",
  ]);
  assert.equal(
    misfits(
      { items: { type: "string" } },
      Array.from({ length: 999 }, () => 1),
    ).length,
    20,
  );
  const [long = ""] = misfits({ additionalProperties: false }, { ["x".repeat(99_999)]: 1 });
  assert.ok(long.length < 300);
  assert.deepEqual(misfits({ anyOf: [{ type: "string" }, { type: "null" }] }, 1), [
    "/: it fits none of the schemas of `anyOf`",
  ]);
});

test("a schema that would not mean what its writer means is a problem, with its place", () => {
  for (const [schema, problem] of [
    [{ $schema: "http://json-schema.org/draft-07/schema#" }, /^\/\$schema: .*2020-12/],
    [{ properties: { a: { type: "strin" } } }, /^\/properties\/a\/type: a type/],
    [{ items: [{ type: "string" }] }, /^\/items: a schema is an object/],
    [{ $ref: "https://elsewhere.example/schema" }, /leads to nothing within/],
    [{ $ref: "file:///etc/passwd" }, /leads to nothing within/],
    [{ $ref: "#/$defs/missing" }, /leads to nothing within/],
    [{ $ref: "#/__proto__" }, /leads to nothing within/],
    [{ $ref: 7 }, /leads to nothing within/],
    [{ $defs: { a: { $id: "other", type: "null" } } }, /`\$id` of its own/],
    [{ $defs: { a: { $anchor: "x" }, b: { $anchor: "x" } } }, /stands for two/],
    [{ pattern: "a(?=b)" }, /looking ahead/],
    [{ patternProperties: { "(?=a)": true } }, /looking ahead/],
    [{ pattern: 5 }, /text/],
    [{ minLength: -1 }, /whole number/],
    [{ multipleOf: 0 }, /above zero/],
    [{ required: "a" }, /list of names/],
    [{ allOf: [] }, /list of schemas/],
    [{ else: 1, if: true }, /a schema is an object/],
    ["text", /a schema is an object/],
    [null, /a schema is an object/],
  ] as const) {
    assert.match(problems(schema).join("\n"), problem, JSON.stringify(schema));
    assert.equal(compileSchema(schema, compilePattern).misfits(1).places.length, 1);
  }
});

test("schemas too deep, too many or with too long expressions are refused, and told briefly", () => {
  let deep: unknown = true;
  for (let depth = 0; depth < 5_000; depth += 1) deep = { not: deep };
  assert.match(problems(deep).join(), /nested more than/);
  const many = Object.fromEntries(Array.from({ length: 6_000 }, (_, n) => [`p${n}`, { const: n }]));
  const told = problems({ properties: many });
  assert.match(told.join(), /more than 5000 schemas/);
  assert.equal(told.length, 20);
  assert.match(problems({ pattern: "a".repeat(6_000) }).join(), /steps/);
  // The control: many that refer to one another in a row are no depth.
  const row = Array.from({ length: 900 }, (_, n): [string, unknown] => [
    `d${n}`,
    { items: { $ref: `#/$defs/d${n + 1}` } },
  ]);
  assert.deepEqual(
    problems({ $defs: { ...Object.fromEntries(row), d900: true }, $ref: "#/$defs/d0" }),
    [],
  );
});

test("what is gone through again and again is counted, though nothing of it is looked at", () => {
  const times = (schema: object): object => ({
    allOf: Array.from({ length: 500 }, () => ({ ...schema })),
  });
  const members = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`k${n}`, n]));
  for (const schema of [
    ...[{ minProperties: 1 }, { patternProperties: {} }, { propertyNames: true }],
    ...[{ enum: [members, {}] }, { unevaluatedProperties: true }],
  ]) {
    assert.deepEqual(misfits(times(schema), members), [MOST], JSON.stringify(schema).slice(0, 40));
    assert.deepEqual(misfits(schema, members), [], "the control");
  }
  const items = Array.from({ length: 30_000 }, () => 1);
  for (const schema of [{ items: true }, { contains: true }, { enum: [items, []] }])
    assert.deepEqual(misfits(times(schema), items), [MOST], JSON.stringify(schema).slice(0, 40));
  assert.deepEqual(misfits(times({ minLength: 1 }), "x".repeat(200_000)), [MOST]);
});

test("neither a schema nor a value makes looking go on without end", () => {
  const loop = { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } };
  assert.equal(misfits(loop, 1).at(-1), MOST);
  assert.equal(misfits({ $ref: "#" }, 1).at(-1), MOST);
  const doubling = Array.from({ length: 40 }, (_, n): [string, unknown] => {
    const next = { $ref: `#/$defs/d${n + 1}` };
    return [`d${n}`, { allOf: [next, next] }];
  });
  const defs = { ...Object.fromEntries(doubling), d40: true };
  assert.equal(misfits({ $ref: "#/$defs/d0", $defs: defs }, 1).at(-1), MOST);
  let nested: unknown = 1;
  for (let depth = 0; depth < 10_000; depth += 1) nested = [nested];
  assert.equal(misfits({ items: { $ref: "#" } }, nested).at(-1), MOST);
  const long = "a".repeat(16_384);
  const list = Array.from({ length: 5_000 }, () => long);
  assert.equal(misfits({ items: { pattern: "^(a+)+$" } }, list).at(-1), MOST);
  assert.match(String(misfits({ pattern: "a" }, `${long}a`)), /longer/);
  for (const schema of [{ not: { pattern: "<script" } }, { oneOf: [{ pattern: "<script" }, true] }])
    assert.deepEqual(misfits(schema, `<script>${long}`), [MOST], "too long for any word on it");
  for (const keyword of [{ uniqueItems: true }, { const: [1] }, { enum: [[]] }]) {
    assert.equal(misfits(keyword, [nested]).at(-1), MOST);
  }
  assert.match(problems({ const: nested }).join(), /nested too deep/);
  const bottomless: unknown = JSON.parse("[".repeat(1_000_000) + "]".repeat(1_000_000));
  assert.equal(misfits({ items: { $ref: "#" } }, bottomless).at(-1), MOST);
  // The control: a large value that fits takes well less than it may.
  const rows = Array.from({ length: 50_000 }, (_, id) => ({ id, name: "n" }));
  const row = { type: "object", properties: { id: { type: "integer" }, name: { maxLength: 5 } } };
  assert.deepEqual(misfits({ items: row }, rows), []);
});

test("work counts by what it takes: a dense megabyte fits, and no more of what is slow", () => {
  const many = (count: number, item: unknown): readonly unknown[] =>
    Array.from({ length: count }, () => item);
  const cents = { items: { multipleOf: 0.01 } };
  const far = { items: { multipleOf: 1e-300 } };
  const members = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`k${n}`, n]));
  const numbers = Array.from({ length: 210_000 }, (_, n) => n);
  const sorted = (times: number): object => ({
    allOf: many(times, 1).map(() => ({ not: { const: {} } })),
  });
  assert.deepEqual(misfits({ items: { type: "integer" } }, many(500_000, 1)), []);
  for (const [schema, fitting, tooMuch] of [
    [cents, many(100_000, 3.25), many(130_000, 3.25)],
    [far, many(30_000, 1e308), many(50_000, 1e308)],
    [{ uniqueItems: true }, numbers.slice(0, 180_000), numbers],
  ] as const) {
    assert.deepEqual(misfits(schema, fitting), []);
    assert.deepEqual(misfits(schema, tooMuch), [MOST], JSON.stringify(schema));
  }
  assert.deepEqual(misfits(sorted(60), members), []);
  assert.deepEqual(misfits(sorted(90), members), [MOST]);
});
