import assert from "node:assert/strict";
import { test } from "node:test";
import { readAuthorizerAnswer } from "./authorizer.ts";

test("an authorizer's answer is taken as it is, with all that it may say", () => {
  const whole = { allow: true, principal: "ada", context: { plan: "gold", seats: 3, beta: false } };
  for (const said of [whole, { allow: false }, { allow: true, context: {} }])
    assert.deepEqual(readAuthorizerAnswer(said), said);
});

test("anything else is refused, and the refusal names what is wrong", () => {
  const refusedFor = (said: unknown, why: RegExp): void => {
    const read = readAuthorizerAnswer(said);
    assert.ok(typeof read === "string");
    assert.match(read, why);
  };
  for (const said of [null, true, "allow", [], 1]) refusedFor(said, /^an object/);
  for (const said of [{}, { allow: 1 }, { allow: "true" }]) refusedFor(said, /^allow: /);
  refusedFor({ allow: true, scope: "all" }, /^scope is not known/);
  refusedFor(JSON.parse('{"allow":true,"__proto__":{}}'), /^__proto__ is not known/);
  for (const principal of [null, 7, "x".repeat(257)])
    refusedFor({ allow: true, principal }, /^principal: /);
  const long = { [`n${"x".repeat(128)}`]: 1 };
  for (const context of [null, [], { a: null }, { a: {} }, { "": 1 }, long, { a: Infinity }])
    refusedFor({ allow: true, context }, /^context: /);
  refusedFor({ allow: true, context: { a: "x".repeat(1_025) } }, /^context: /);
  refusedFor(JSON.parse('{"allow":true,"context":{"__proto__":1}}'), /^context: /);
});
