/**
 * What is accepted after the machine's clock was set back, by which the ledger's time does not go.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@skerry/testkit";
import { World } from "../test/world.ts";

const STEP_MS = 1_800_000;
const MAX_AGE_MS = 20_000;

test("an event that comes after the clock was set back grows as old as it may, and no older", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { maxAgeMs: MAX_AGE_MS, concurrency: 1 } });
  world.clock.jumpWall(-STEP_MS);
  await gateway.accept(world.piece(fn), world.piece(fn));
  const held = await gateway.holds(1);
  assert.equal((await world.balance()).sums.expired, 0);
  // That it was taken has reached control, which would not wait for it over the leap.
  await gateway.sayHolding();
  // The ledger's time goes at half the speed until the wall has caught up.
  world.clock.leap(2 * MAX_AGE_MS + 50);
  await gateway.settle(held);
  await until("the other to expire", async () => (await world.balance()).sums.expired === 1);
});

test("a call that comes after the clock was set back is made again when its gateway is lost", async () => {
  await using world = await World.open({ holderGraceMs: 50 });
  const gateway = await world.gateway();
  const fn = world.function({ policy: { maxAgeMs: MAX_AGE_MS } });
  world.clock.jumpWall(-STEP_MS);
  const rq = { m: "POST", u: "/a", a: "h.test", h: [] };
  const call = { ...world.piece(fn), src: "call", ik: { key: "k", digest: "d" }, rq } as const;
  await gateway.call(call);
  const other = await world.gateway();
  gateway.link.close("it dies");
  await other.holds(1);
});

test("a timer's tick after the clock was set back runs", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const functionId = world.function({ policy: { maxAgeMs: MAX_AGE_MS } });
  world.clock.jumpWall(-STEP_MS);
  await world.dispatch.timers.put({
    ...{ accountId: world.accountId, app: "shop", name: "often", ifVersion: null, functionId },
    request: {
      ...{ function: "work", cron: "* * * * * *", timezone: "UTC", missed: "all", enabled: true },
      ...{ eventFormat: "skerry", payload: 1 },
    },
  });
  await until("a tick to run", () => gateway.given.some(({ src }) => src === "timer"));
});
