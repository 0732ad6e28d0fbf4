import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import { appManifest } from "./app-manifest.ts";
import { concurrencyOf } from "../function-config.ts";
import { functionConfig } from "./function-config.ts";
import { jsonSchemaOf, type JsonSchema } from "./json-schema.ts";
import { LIMITS } from "../limits.ts";
import { platformConfig } from "./platform-config.ts";

function propertiesOf(schema: z.ZodType): readonly [string, JsonSchema][] {
  return Object.entries(jsonSchemaOf(schema).properties ?? {});
}

const SCHEMAS = [
  ["function", functionConfig, {}],
  ["platform", platformConfig, { home: "/srv" }],
] as const;

test("every key is described, every number is bounded on both sides", () => {
  for (const [name, schema] of SCHEMAS) {
    for (const [key, { type, minimum, maximum, description }] of propertiesOf(schema)) {
      assert.ok((description ?? "").length > 12, `${name}.${key} says what it is`);
      if (type !== "integer") continue;
      assert.ok((minimum ?? -1) >= 0, `${name}.${key} has a least value`);
      assert.ok((maximum ?? Infinity) < Number.MAX_SAFE_INTEGER, `${name}.${key} has a most`);
    }
  }
});

test("bounds are inclusive, and one past them is refused", () => {
  for (const [name, schema, base] of SCHEMAS) {
    for (const [key, { type, minimum = 0, maximum = 0 }] of propertiesOf(schema)) {
      if (type !== "integer") continue;
      const fits = (value: unknown): boolean => schema.safeParse({ ...base, [key]: value }).success;
      assert.deepEqual([fits(minimum), fits(maximum)], [true, true], `${name}.${key}`);
      const refused = [minimum - 1, maximum + 1, minimum + 0.5, Number.NaN, Infinity, `${minimum}`];
      for (const value of refused) assert.equal(fits(value), false, `${name}.${key} ${value}`);
    }
  }
});

test("durations fit a timer: none is longer than 2^31 − 1 ms", () => {
  for (const [, schema] of SCHEMAS) {
    for (const [key, { maximum = 0 }] of propertiesOf(schema))
      if (key.endsWith("Ms")) assert.ok(maximum < 2 ** 31, key);
  }
});

test("an empty configuration is complete: these are the defaults that revisions were made with", () => {
  assert.deepEqual(functionConfig.parse({}), {
    runtime: "node26",
    handler: "handler",
    memoryMb: 128,
    timeoutMs: 10_000,
    initTimeoutMs: 10_000,
    idleTimeoutMs: 300_000,
    queueTimeoutMs: 10_000,
    provisionedInstances: 0,
    maxInstances: 20,
    rest: "freeze",
    auth: "key",
    env: {},
  });
});

test("concurrency follows the kind of handler unless it is set", () => {
  const config = functionConfig.parse({});
  assert.deepEqual([concurrencyOf(config, "event"), concurrencyOf(config, "fetch")], [1, 100]);
  const php = functionConfig.parse({ runtime: "php8" });
  assert.deepEqual([concurrencyOf(php, "fetch"), concurrencyOf(php, "web")], [1, 100]);
  const set = functionConfig.parse({ concurrency: 7 });
  assert.deepEqual([concurrencyOf(set, "event"), concurrencyOf(set, "fetch")], [7, 7]);
});

test("the environment is measured in bytes, not in characters", () => {
  const fits = (value: string): boolean => functionConfig.safeParse({ env: { A: value } }).success;
  const around = JSON.stringify({ A: "" }).length;
  const room = LIMITS.envBytesMax - around;
  assert.deepEqual([fits("x".repeat(room)), fits("x".repeat(room + 1))], [true, false]);
  assert.deepEqual([fits("é".repeat(room / 2)), fits("é".repeat(room / 2 + 1))], [true, false]);
  const three = Math.floor(room / 3);
  assert.deepEqual([fits("語".repeat(three)), fits("語".repeat(three + 1))], [true, false]);
  const four = Math.floor(room / 4);
  assert.deepEqual([fits("😀".repeat(four)), fits("😀".repeat(four + 1))], [true, false]);
});

test("a handler's name is an identifier", () => {
  const fits = (handler: string): boolean => functionConfig.safeParse({ handler }).success;
  for (const name of ["handler", "$", "_x9", "default"]) assert.ok(fits(name), name);
  for (const name of ["", "a.b", "9a", "a b", "a;b", "a\n", "x".repeat(300)])
    assert.equal(fits(name), false, name);
});

test("an app has functions, not too many, each with a folder and a whole configuration", () => {
  const parsed = appManifest.parse({ app: "shop", functions: { cart: {}, pay: { dir: "pay" } } });
  assert.deepEqual([parsed.functions["cart"]?.dir, parsed.functions["pay"]?.dir], [".", "pay"]);
  assert.equal(parsed.functions["cart"]?.memoryMb, 128);
  const count = (n: number): boolean =>
    appManifest.safeParse({
      app: "shop",
      functions: Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, {}])),
    }).success;
  assert.deepEqual(
    [count(0), count(1), count(LIMITS.functionsPerAppMax), count(LIMITS.functionsPerAppMax + 1)],
    [false, true, true, false],
  );
});
