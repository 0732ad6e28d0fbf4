/** Actions and server keys through the API. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@skerry/contracts";
import { Harness, type Problem } from "../../test/harness.ts";

const KEYS = "/v1/apps/shop/server-keys";

test("an action for which its app has no room is refused before its rule is set", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const put = (name: string, drives: object) => {
    const body = { function: "hello", drives };
    return harness.send<Problem>("PUT", `/v1/apps/shop/actions/${name}`, { body });
  };
  for (let i = 0; i < LIMITS.actionsPerAppMax; i += 1)
    assert.equal((await put(`a${i}`, { manual: true })).status, 200);
  let rulesPut = 0;
  const { bus } = harness;
  const putRule = bus.putRule.bind(bus);
  bus.putRule = (args) => {
    rulesPut += 1;
    return putRule(args);
  };
  const event = { pattern: { type: ["player.login"] } };
  const refused = await put("one-more", { event });
  assert.equal(refused.body.error.reason, "ACTIONS_LIMIT");
  assert.equal(rulesPut, 0);
  assert.equal((await put("a0", { event })).status, 200, "one that is there may still change");
});

test("a server key that is not there is called one, and not a secret", async () => {
  await using harness = await Harness.open();
  const none = await harness.send<Problem>("DELETE", `${KEYS}/absent`);
  assert.equal(none.body.error.reason, "SERVER_KEY_NOT_FOUND");
});

test("of two that make a server key of one name at once, one is told that it is there", async () => {
  await using harness = await Harness.open();
  const make = () => harness.send<Problem>("POST", KEYS, { body: { name: "players" } });
  const made = await Promise.all([make(), make()]);
  const reasons = made.map(({ status, body }) => (status === 201 ? "made" : body.error.reason));
  assert.deepEqual(reasons.toSorted(), ["SERVER_KEY_EXISTS", "made"]);
});
