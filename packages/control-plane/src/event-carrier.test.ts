/** What control tells the bus of itself: with what it did, and also when the bus was away. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@skerry/testkit";
import { Harness } from "../test/harness.ts";
import { built } from "../test/peer-double.ts";

const BUILD_FAILED = {
  ...{ code: "INVALID_ARGUMENT", reason: "BUILD_FAILED", message: "line 1", hint: "" },
  retryable: false,
} as const;

async function typesOf(harness: Harness, count: number): Promise<readonly string[]> {
  const { told } = harness.bus;
  await until(`${count} events`, () => told.length >= count);
  return told.map(({ type, subject }) => `${type} ${subject}`);
}

test("functions that come into force, fail and go are told of, each once", async () => {
  await using harness = await Harness.open();
  const bad = await harness.upload("shop", "syntax error");
  harness.agent((head) =>
    head.sourceDigest === bad ? { ok: false, error: BUILD_FAILED } : built(head),
  );
  await harness.ended(await harness.deploy("shop", { one: "1", two: "2" }));
  await harness.ended(await harness.deploy("shop", { one: "1", two: "22" }));
  await harness.ended(await harness.deploy("shop", { bad: "syntax error" }));
  await harness.send("DELETE", "/v1/apps/shop/functions/one");
  await harness.send("DELETE", "/v1/apps/shop");
  assert.deepEqual(await typesOf(harness, 6), [
    "skerry.function.deployed.v1 shop/one",
    "skerry.function.deployed.v1 shop/two",
    "skerry.function.deployed.v1 shop/two",
    "skerry.deployment.failed.v1 shop",
    "skerry.function.removed.v1 shop/one",
    "skerry.function.removed.v1 shop/two",
  ]);
  const failed = harness.bus.told[3]?.data as
    | { readonly error: { readonly reason: string } }
    | undefined;
  assert.equal(failed?.error.reason, "BUILD_FAILED");
  assert.equal(new Set(harness.bus.told.map(({ id }) => id)).size, 6, "each has an id of its own");
});

test("what the bus did not take is told when it does, also by the next control", async () => {
  await using harness = await Harness.open();
  harness.agent();
  const { tell } = harness.bus;
  harness.bus.tell = () => Promise.reject(new TypeError("the bus is away"));
  await harness.ended(await harness.deploy("shop", { one: "1" }));
  await harness.restart();
  assert.deepEqual(harness.bus.told, [], "the control: nobody has taken it");
  harness.bus.tell = tell;
  assert.deepEqual(await typesOf(harness, 1), ["skerry.function.deployed.v1 shop/one"]);
});
