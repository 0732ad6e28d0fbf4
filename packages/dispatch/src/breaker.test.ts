import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@skerry/testkit";
import { World } from "../test/world.ts";

const POLICY = { attempts: 2, retryDelayMs: 10, retryDelayMsMax: 20 };
const BREAKER = { failures: 3, windowMs: 60_000, pauseMs: 100, pauseMsMax: 200 };

function valueOf(world: World, wanted: string): number | undefined {
  return world.dispatch.values().find(({ name }) => name === wanted)?.value;
}

test("an open breaker spares the attempts of what fails, is seen, and lets it run when it is well", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { ...POLICY, breaker: BREAKER } });
  for (let i = 0; i < 5; i += 1) await gateway.accept(world.piece(fn));
  // Together, so that none is tried again before it opens.
  await gateway.settle(await gateway.holds(5), { outcome: "function_error" });
  assert.equal(valueOf(world, "ledger_breakers_open"), 1);
  assert.equal(valueOf(world, "ledger_breakers_opened_total"), 1);
  assert.ok(world.warnings.some((line) => line.startsWith("a breaker opened")));
  for (let tries = 0; tries < 4; tries += 1) {
    const trial = await gateway.holds(1);
    assert.equal(gateway.held.size, 1, "one alone tries it");
    assert.deepEqual(await gateway.settle(trial, { outcome: "crashed" }), ["retried"]);
  }
  assert.equal((await world.balance()).sums.failed, 0);
  gateway.onRun = "end";
  await until("all to end", async () => (await world.balance()).sums.succeeded === 5);
  assert.equal(valueOf(world, "ledger_breakers_open"), 0);
  assert.ok(world.warnings.some((line) => line.startsWith("a breaker closed")));
});

test("what goes down with a gateway or an agent opens no breaker, and closes none", async () => {
  await using world = await World.open({ holderGraceMs: 50 });
  const [lost, other] = [await world.gateway(), await world.gateway()];
  const fn = world.function({ policy: { ...POLICY, breaker: { ...BREAKER, failures: 2 } } });
  for (let i = 0; i < 4; i += 1) await lost.accept(world.piece(fn));
  await until("all to be out", () => lost.held.size + other.held.size === 4);
  lost.link.close("it died");
  const held = await other.holds(4);
  await other.settle(held, { outcome: "unavailable" });
  assert.equal(world.dispatch.laneOf(fn).openUntilMs, undefined);
  const again = await other.holds(4);
  await other.settle(again.slice(0, 2), { outcome: "crashed" });
  assert.notEqual(world.dispatch.laneOf(fn).openUntilMs, undefined, "the control");
  await other.settle(again.slice(2), { outcome: "unavailable" });
  const [trial] = await other.holds(1);
  assert.ok(trial !== undefined);
  assert.deepEqual(await other.settle([trial], { outcome: "unavailable" }), ["retried"]);
  assert.notEqual(world.dispatch.laneOf(fn).openUntilMs, undefined, "nothing was tried");
});

test("without a breaker the same failures end what fails: the control", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: POLICY });
  for (let i = 0; i < 5; i += 1) await gateway.accept(world.piece(fn));
  for (let round = 0; round < 2; round += 1) {
    const runs = await gateway.holds(5);
    await gateway.settle(runs, { outcome: "function_error" });
  }
  assert.equal((await world.balance()).sums.failed, 5);
});
