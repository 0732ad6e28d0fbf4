/** Bounds on what is open, and the rates of what control itself accepts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionId } from "@skerry/base";
import type { AcceptResult } from "@skerry/contracts";
import { hasPostgres, startPostgres, until } from "@skerry/testkit";
import { makeRedrive, standOf } from "../test/fail-some.ts";
import { World } from "../test/world.ts";

function reasonsOf(results: readonly AcceptResult[]): readonly string[] {
  return results.map((result) => (result.ok ? "" : result.error.reason));
}

function accept(world: World, functionId: FunctionId, more: { orderingKey?: string } = {}) {
  return world.service.accept({ functionId, event: "1", ...more });
}

/** How many of so many come in at once, by the API. */
async function acceptedOf(world: World, functionId: FunctionId, count: number): Promise<number> {
  const asked = Array.from({ length: count }, () => accept(world, functionId));
  const results = await Promise.allSettled(asked);
  return results.filter(({ status }) => status === "fulfilled").length;
}

test("no more than its bound is open of a function, from whatever way in, over a restart", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const policy = { openInvocationsMax: 3, attempts: 1 };
  const fn = world.function({ policy });
  const other = world.function();
  const pieces = Array.from({ length: 5 }, () => world.piece(fn));
  const limited = "OPEN_INVOCATIONS_LIMITED";
  const results = await gateway.accept(...pieces, world.piece(other));
  assert.deepEqual(reasonsOf(results), ["", "", "", limited, limited, ""]);
  const [, , , refused] = results;
  assert.ok(refused?.ok === false && refused.error.retryable);
  assert.equal(refused.error.details?.["retryAfterMs"], 1_000);
  await assert.rejects(accept(world, fn), { reason: limited });
  const runs = await gateway.holds(4);
  await world.stop();
  await world.start();
  gateway.reconnect();
  await gateway.sayHolding();
  await assert.rejects(accept(world, fn), { reason: limited }, "as before the restart");
  const own = runs.filter(({ head }) => head.f === fn);
  await gateway.settle(own.slice(0, 1));
  await accept(world, fn);
  await assert.rejects(accept(world, fn), { reason: limited });
  await gateway.settle(own.slice(1, 2), { outcome: "function_error" });
  await gateway.settle(own.slice(2, 3), { outcome: "function_error" });
  await accept(world, fn);
  const { id } = await makeRedrive(world);
  await until("a redrive to meet the limit", async () => {
    const { redriven, left, nextAt } = await standOf(world, id);
    return redriven === 1 && left === 1 && nextAt !== null;
  });
  const refusals = world.dispatch.values().filter(({ name }) => name === "ledger_refused_total");
  assert.ok(refusals.some(({ label, value }) => label === limited && value >= 3));
  assert.equal((await world.balance()).openDifference, 0);
});

test("what is cancelled makes room, though nobody is told by whom", async () => {
  await using world = await World.open();
  const fn = world.function({ policy: { openInvocationsMax: 1 } });
  const { id } = await accept(world, fn);
  await assert.rejects(accept(world, fn));
  const { accountId } = world;
  await world.service.cancel({ accountId, apps: null, id: id as never });
  const isRoom = async (): Promise<boolean> => (await acceptedOf(world, fn, 1)) === 1;
  await until("there to be room", isRoom);
});

test("of an account's bound a fifth is kept for functions that have little", async () => {
  await using world = await World.open();
  world.setQuotas({ openInvocationsMax: 20 });
  const [flood, other] = [world.function(), world.function()];
  assert.equal(await acceptedOf(world, flood, 30), 16);
  assert.equal(await acceptedOf(world, other, 1), 1, "another has its part");
  await assert.rejects(accept(world, flood), { reason: "QUOTA_OPEN_INVOCATIONS_EXCEEDED" });
  world.setQuotas({ openInvocationsMax: null });
  assert.equal(await acceptedOf(world, flood, 30), 30, "the control: no quota");
});

test("what comes by the API meets the rates of its function, in its order, and what gateways let in does not again", async () => {
  await using world = await World.open();
  const limits = { ratePerSecond: 0.01, burst: 2 };
  const fn = world.function({ limits });
  assert.equal(await acceptedOf(world, fn, 5), 2);
  await assert.rejects(accept(world, fn), { reason: "RATE_LIMITED", httpStatus: 429 });
  const gateway = await world.gateway();
  const results = await gateway.accept(world.piece(fn), world.piece(fn));
  assert.deepEqual(reasonsOf(results), ["", ""]);
  const free = world.function();
  assert.equal(await acceptedOf(world, free, 5), 5, "the control: one without a limit");
  world.setQuotas({ ratePerSecond: 0.01, burst: 10 });
  const taken = await acceptedOf(world, free, 50);
  assert.ok(taken >= 8 && taken <= 10, `${taken} by the account's rate`);
});

const skip = hasPostgres() ? false : "PostgreSQL is absent";
test("two platforms on one database bound what is open of both", { skip }, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  const shared = { url: server.url, looksEveryMs: 50 };
  await using one = await World.open({}, shared);
  await using other = await World.open({}, { ...shared, accountId: one.accountId });
  const policy = { openInvocationsMax: 10 };
  const fn = one.function({ policy });
  other.configure(fn, { policy });
  assert.equal(await acceptedOf(one, fn, 8), 8);
  const isSeen = (): boolean => other.dispatch.laneOf(fn).open === 8;
  await until("the other platform to see what is open", isSeen);
  assert.equal(await acceptedOf(other, fn, 8), 2);
  const gateway = await other.gateway();
  gateway.onRun = "end";
  const hasEnded = (): boolean => one.dispatch.laneOf(fn).open === 0;
  await until("the first to see that all has ended", hasEnded);
  // What comes now ends no sooner than all have been asked.
  gateway.onRun = "hold";
  assert.equal(await acceptedOf(one, fn, 20), 10);
  assert.equal((await one.balance()).openDifference, 0);
});
