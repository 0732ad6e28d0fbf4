import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFunctionPath } from "../names.ts";
import { appName, functionName } from "./names.ts";
import { envNameOf, flagOf, platformConfig } from "./platform-config.ts";

const GOOD = ["a", "hello", "a1", "a-b", "a--b", `a${"b".repeat(39)}`];
const BAD = [
  "",
  "A",
  "1a",
  "-a",
  "a-",
  "a_b",
  "a.b",
  "a/b",
  "a b",
  "a\n",
  "ä",
  "..",
  `a${"b".repeat(40)}`,
  "__proto__",
];

test("names are lower-case DNS labels that begin with a letter", () => {
  for (const schema of [appName, functionName]) {
    for (const name of GOOD) assert.equal(schema.safeParse(name).success, true, name);
    for (const name of BAD) assert.equal(schema.safeParse(name).success, false, name);
  }
});

test("a function's path is two names and one slash", () => {
  assert.deepEqual(parseFunctionPath("shop/cart"), { app: "shop", fn: "cart" });
  for (const text of ["", "/", "shop", "shop/", "/cart", "shop/cart/", "shop//cart", "a/b/c"])
    assert.equal(parseFunctionPath(text), undefined, text);
  for (const name of BAD) assert.equal(parseFunctionPath(`shop/${name}`), undefined, name);
});

test("every key of the platform's configuration has one environment name and one flag", () => {
  assert.equal(envNameOf("apiPort"), "SKERRY_API_PORT");
  assert.equal(flagOf("drainDeadlineMs"), "--drain-deadline-ms");
  const keys = Object.keys(platformConfig.shape);
  for (const nameOf of [envNameOf, flagOf])
    assert.equal(new Set(keys.map(nameOf)).size, keys.length);
  for (const key of keys) {
    assert.match(envNameOf(key), /^SKERRY_[A-Z]+(_[A-Z]+)*$/);
    assert.match(flagOf(key), /^--[a-z]+(-[a-z]+)*$/);
  }
});
