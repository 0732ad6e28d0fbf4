/** In whose shape triggers give their events, and what is refused of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRequest } from "./actions.ts";
import { ruleRequest } from "./bus.ts";
import { projectManifest } from "./project-manifest.ts";

const PATTERN = { type: ["order.placed"] };

function problemsOf(rule: object): readonly (readonly [string, string])[] {
  const { error } = ruleRequest.safeParse({ pattern: PATTERN, ...rule });
  return (error?.issues ?? []).map(({ path, message }) => [path.join("."), message]);
}

test("a rule gives CloudEvents unless it names another format, which must be known", () => {
  const rule = { pattern: PATTERN, function: "check" };
  assert.equal(ruleRequest.parse(rule).eventFormat, "cloudevents");
  for (const eventFormat of ["cloudevents", "scf", "fc", "lambda"])
    assert.equal(ruleRequest.parse({ ...rule, eventFormat }).eventFormat, eventFormat);
  const [unknown] = problemsOf({ function: "check", eventFormat: "sqs" });
  assert.deepEqual(unknown?.[0], "eventFormat");
  assert.match(unknown?.[1] ?? "", /"scf"/);
});

test("a rule has one target, and a format for a function only", () => {
  const target = ["function", "Give either function or topic."];
  assert.deepEqual(problemsOf({}), [target]);
  assert.deepEqual(problemsOf({ function: "check", topic: "orders" }), [target]);
  assert.deepEqual(problemsOf({ topic: "orders" }), []);
  assert.deepEqual(problemsOf({ topic: "orders", eventFormat: "cloudevents" }), []);
  const [shaped] = problemsOf({ topic: "orders", eventFormat: "scf" });
  assert.deepEqual(shaped?.[0], "eventFormat");
});

test("manifests and the drives of actions name formats, too", () => {
  const rules = { paid: { pattern: PATTERN, function: "check", eventFormat: "fc" } };
  const app = { app: "shop", functions: { check: { dir: "." } } };
  assert.equal(projectManifest.parse({ ...app, rules }).rules["paid"]?.eventFormat, "fc");
  const action = { function: "check", drives: { event: { pattern: PATTERN } } };
  assert.equal(actionRequest.parse(action).drives.event?.eventFormat, undefined);
  const event = { pattern: PATTERN, eventFormat: "lambda" };
  const timer = { cron: "0 4 * * *", eventFormat: "scf" };
  const { drives } = actionRequest.parse({ function: "check", drives: { event, timer } });
  assert.deepEqual([drives.event?.eventFormat, drives.timer?.eventFormat], ["lambda", "scf"]);
});
