import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "@skerry/base";
import { z } from "zod";
import { appManifest } from "./app-manifest.ts";
import { functionConfig } from "./function-config.ts";
import { parseInput } from "./problems.ts";

function problemsOf(schema: z.ZodType, value: unknown): readonly string[] {
  try {
    parseInput(schema, value, "thing");
  } catch (error) {
    assert.ok(PlatformError.is(error));
    assert.equal(error.reason, "INPUT_INVALID");
    return error.details["problemList"] as readonly string[];
  }
  return [];
}

test("an unknown key is answered with the nearest known one, at every depth", () => {
  assert.deepEqual(problemsOf(functionConfig, { memoryMB: 1 }), [
    'unknown key "memoryMB", did you mean "memoryMb"?',
  ]);
  const inRecord = { app: "a", functions: { cart: { timeout: 5, timeoutMS: 5 } } };
  assert.deepEqual(problemsOf(appManifest, inRecord), [
    'functions.cart: unknown key "timeout", did you mean "timeoutMs"? · ' +
      'functions.cart: unknown key "timeoutMS", did you mean "timeoutMs"?',
  ]);
  const configured = z.strictObject({ name: z.string(), config: functionConfig.optional() });
  const listed = z.strictObject({ functions: z.array(configured) });
  const request = { functions: [{ name: "a" }] };
  assert.deepEqual(problemsOf(listed, request), []);
  const [first] = request.functions;
  const nested = {
    functions: [
      { ...first, config: { auht: "none" } },
      { ...first, cofig: {} },
    ],
  };
  assert.deepEqual(problemsOf(listed, nested), [
    'functions.0.config: unknown key "auht", did you mean "auth"?',
    'functions.1: unknown key "cofig", did you mean "config"?',
  ]);
});

test("a key that resembles nothing gets no suggestion", () => {
  assert.deepEqual(problemsOf(functionConfig, { zebra_crossing: 1 }), [
    'unknown key "zebra_crossing"',
  ]);
});

test("all problems are told at once, each with its path", () => {
  const value = { memoryMb: 1, timeoutMs: "5", auth: "maybe", env: { "9": "x", A: 5 }, zzz: 0 };
  const paths = problemsOf(functionConfig, value).map((text) => text.split(/[: ]/, 1)[0]);
  assert.deepEqual(paths, ["memoryMb", "timeoutMs", "auth", "env.9", "env.A", "unknown"]);
});

test("a wrong name in a record is told by the rule of the name", () => {
  assert.match(
    String(problemsOf(functionConfig, { env: { SKERRY_HOME: "x" } })),
    /^env\.SKERRY_HOME: .* belong to the platform/,
  );
  assert.match(
    String(problemsOf(functionConfig, { env: { "a b": "x" } })),
    /letters, digits and _/,
  );
});

test("names of Object's own properties are keys like others", () => {
  const text = '{"constructor": 1, "toString": 2, "__proto__": {"memoryMb": 999}}';
  const problems = String(problemsOf(functionConfig, JSON.parse(text)));
  for (const name of ["constructor", "toString", "__proto__"])
    assert.match(problems, new RegExp(`unknown key "${name}"`));
  const kept = parseInput(functionConfig, { env: { constructor: "x", hasOwnProperty: "y" } }, "c");
  assert.deepEqual(kept.env, { constructor: "x", hasOwnProperty: "y" });
});

test("nothing that was asked for is left out silently, not even __proto__ in a record", () => {
  assert.deepEqual(problemsOf(functionConfig, JSON.parse('{"env": {"__proto__": "x"}}')), [
    "env.__proto__: this name is reserved",
  ]);
  const deep = JSON.parse(
    '{"app": "a", "functions": {"f": {"env": {"__proto__": "x"}}, "__proto__": {}}}',
  ) as unknown;
  assert.deepEqual(problemsOf(appManifest, deep), [
    "functions.f.env.__proto__: this name is reserved",
    "functions.__proto__: this name is reserved",
  ]);
  // Control: the schema alone takes it and drops it.
  assert.equal(functionConfig.safeParse(JSON.parse('{"env": {"__proto__": "x"}}')).success, true);
});

test("a flood of problems is counted, not printed", () => {
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`k${n}`, n]));
  const [problem = ""] = problemsOf(functionConfig, many);
  assert.match(problem, /and 49980 more unknown keys$/);
  const [long = ""] = problemsOf(functionConfig, { ["x".repeat(1 << 20)]: 1 });
  assert.ok(long.length < 200);
  const wrong = { env: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`A${n}`, n])) };
  const listed = problemsOf(functionConfig, wrong);
  assert.equal(listed.length, 21);
  assert.equal(listed.at(-1), "and 80 more");
});

test("values of any other kind are refused, however deep they are", () => {
  for (const value of [null, undefined, 5, "x", [], true]) {
    assert.equal(problemsOf(functionConfig, value).length, 1);
  }
  const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`) as unknown;
  assert.equal(problemsOf(functionConfig, deep).length, 1);
  assert.equal(problemsOf(functionConfig, { env: deep }).length, 1);
});

test("of alternatives the one that has the value's form says what is wrong with it", () => {
  const one = z.object({ type: z.string() });
  const either = z.union([z.array(one), one]);
  const problem = (value: unknown): string => {
    try {
      parseInput(z.object({ event: either }), { event: value }, "body");
      return "";
    } catch (error) {
      return PlatformError.from(error).message;
    }
  };
  assert.match(problem({ type: 5 }), /event\.type: Invalid input: expected string/);
  assert.match(problem([{ type: "a" }, {}]), /event\.1\.type: /);
  assert.match(problem(5), /event: Invalid input$/);
});
