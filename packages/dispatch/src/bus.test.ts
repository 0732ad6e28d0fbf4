/** What the ledger tells the bus of, and what the bus enters into the ledger, over a real store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionId } from "@skerry/base";
import type { PublishResult } from "@skerry/contracts";
import { until } from "@skerry/testkit";
import type { GatewayDouble, HeldRun } from "../test/gateway-double.ts";
import { World } from "../test/world.ts";

interface Told {
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function hear(world: World, functionId: FunctionId, pattern: Readonly<Record<string, unknown>>) {
  return world.dispatch.bus.putRule({
    ...{ accountId: world.accountId, app: "shop", name: "heard", ifVersion: null, functionId },
    request: { pattern, function: "listener", enabled: true, eventFormat: "cloudevents" },
  });
}

async function heldBy(gateway: GatewayDouble, functionId: FunctionId): Promise<HeldRun> {
  const find = (): HeldRun | undefined =>
    [...gateway.held.values()].find(({ head }) => head.f === functionId);
  await until("it runs", () => find() !== undefined);
  return find() as HeldRun;
}

const ENDS = { type: [{ prefix: "skerry.invocation." }] };
const ONE_ATTEMPT = { policy: { attempts: 1 } };

test("an invocation that fails for good is told of once, and what hears of it is not", async () => {
  await using world = await World.open();
  const fn = world.function(ONE_ATTEMPT);
  const listener = world.function({ ...ONE_ATTEMPT, name: "listener" });
  await hear(world, listener, ENDS);
  const gateway = await world.gateway();
  await gateway.accept(world.piece(fn), world.piece(fn));
  await gateway.settle([await heldBy(gateway, fn)], { outcome: "ok" });
  const failed = await heldBy(gateway, fn);
  await gateway.settle([failed], { outcome: "function_error" });
  const run = await heldBy(gateway, listener);
  const event = JSON.parse(run.payload) as Told;
  assert.deepEqual(
    [event.type, event.source, event.subject],
    ["skerry.invocation.failed.v1", "/skerry/apps/shop", "shop/work"],
  );
  assert.equal(event.data["invocation"], failed.head.id);
  assert.equal(event.data["attempts"], 1);
  await gateway.settle([run], { outcome: "function_error" });
  const { accountId } = world;
  const { items } = await world.dispatch.bus.listEvents({
    accountId,
    query: { limit: 10, from: "earliest" },
  });
  assert.equal(items.length, 1, "the listener's own failure goes no further");
  assert.equal(gateway.held.size, 0);
});

test("an invocation that became too old is told of, also when nobody settles it", async () => {
  await using world = await World.open();
  const maxAgeMs = 20_000;
  const fn = world.function({ policy: { maxAgeMs, concurrency: 1 } });
  const listener = world.function({ ...ONE_ATTEMPT, name: "listener" });
  await hear(world, listener, ENDS);
  const gateway = await world.gateway();
  await gateway.accept(world.piece(fn), world.piece(fn));
  const first = await heldBy(gateway, fn);
  // That it was taken has reached control, which would not wait for it over the leap.
  await gateway.sayHolding();
  world.clock.leap(maxAgeMs + 50);
  await gateway.settle([first], { outcome: "ok" });
  const event = JSON.parse((await heldBy(gateway, listener)).payload) as Told;
  assert.equal(event.type, "skerry.invocation.expired.v1");
});

test("a limit that is met is told of once a minute, where a rule hears of it", async () => {
  await using world = await World.open();
  const fn = world.function({ policy: { openInvocationsMax: 1 } });
  const listener = world.function({ name: "listener" });
  const gateway = await world.gateway();
  const isRefused = ({ ok }: { readonly ok: boolean }): boolean => !ok;
  const told = async (): Promise<readonly unknown[]> => {
    const query = { limit: 10, from: "earliest" };
    const { items } = await world.dispatch.bus.listEvents({ accountId: world.accountId, query });
    return items.map(({ event }) => event["data"]);
  };
  const other = world.function({ name: "other", policy: { openInvocationsMax: 1 } });
  const unheard = await gateway.accept(world.piece(other), world.piece(other));
  assert.equal(unheard.filter(isRefused).length, 1);
  await hear(world, listener, { type: ["skerry.limit.reached.v1"] });
  const pieces = Array.from({ length: 20 }, () => world.piece(fn));
  const results = await gateway.accept(...pieces);
  assert.equal(results.filter(isRefused).length, 19);
  await heldBy(gateway, listener);
  // Two, when a minute of the clock began meanwhile.
  const all = await told();
  assert.ok(all.length === 1 || all.length === 2);
  const reason = "OPEN_INVOCATIONS_LIMITED";
  for (const data of all) assert.deepEqual(data, { app: "shop", function: "work", reason });
});

test("events that a function puts are the function's, and the platform's types are refused", async () => {
  await using world = await World.open();
  const listener = world.function({ name: "listener" });
  await hear(world, listener, { source: ["/apps/shop/work"] });
  const gateway = await world.gateway();
  const put = async (...messages: readonly unknown[]): Promise<readonly PublishResult[]> => {
    const pieces = [{ a: world.accountId, t: "$bus", f: "shop/work" }];
    const said = await gateway.ask("publish", pieces, JSON.stringify({ messages }));
    return said as readonly PublishResult[];
  };
  const event = { type: "order.placed", id: "a", data: 7 };
  const [first] = await put({ data: event });
  assert.ok(first?.ok === true && (first.places[0]?.[1] ?? 0) > 0);
  const run = JSON.parse((await heldBy(gateway, listener)).payload) as Told;
  assert.deepEqual([run.type, run.source, run.data], ["order.placed", "/apps/shop/work", 7]);
  const [again] = await put(event, { ...event, id: "b", source: "/elsewhere" });
  assert.ok(again?.ok === true);
  assert.equal(again.places[0]?.[1], -1, "it was there already");
  for (const bad of [{ type: "skerry.x" }, { type: "a", source: "/skerry/x" }, {}, 5]) {
    const [refused] = await put(bad);
    assert.ok(refused?.ok === false);
    assert.equal(refused.error.reason, "INPUT_INVALID");
  }
});

test("where no rule hears of ends none is put", async () => {
  await using world = await World.open();
  const fn = world.function(ONE_ATTEMPT);
  const listener = world.function({ name: "listener" });
  await hear(world, listener, { type: ["order.placed"] });
  const gateway = await world.gateway();
  await gateway.accept(world.piece(fn));
  await gateway.settle([await heldBy(gateway, fn)], { outcome: "function_error" });
  const query = { limit: 10, from: "earliest" };
  const { items } = await world.dispatch.bus.listEvents({ accountId: world.accountId, query });
  assert.deepEqual(items, []);
});

test("what was put runs once, over a restart of control at any moment", async () => {
  await using world = await World.open();
  const listener = world.function({ name: "listener" });
  await hear(world, listener, { type: ["order.placed"] });
  const runs: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    const event = { type: "order.placed", source: "/shop", id: `e${i}`, data: i };
    await world.dispatch.bus.putEvents(world.accountId, [event]);
    await world.stop();
    await world.start();
    const gateway = await world.gateway();
    const run = await heldBy(gateway, listener);
    runs.push((JSON.parse(run.payload) as { id: string }).id);
    await gateway.settle([run]);
    assert.equal(gateway.held.size, 0);
  }
  assert.deepEqual(runs, ["e0", "e1", "e2"]);
});

test("what rules have for a function that is full waits, and enters when one has ended", async () => {
  await using world = await World.open();
  const listener = world.function({ name: "listener", policy: { openInvocationsMax: 1 } });
  await hear(world, listener, { type: ["order.placed"] });
  const gateway = await world.gateway();
  const put = (id: string) => ({ type: "order.placed", source: "/shop", id });
  await world.dispatch.bus.putEvents(world.accountId, ["a", "b", "c"].map(put));
  const runs: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    const run = await heldBy(gateway, listener);
    assert.equal(world.dispatch.laneOf(listener).open, 1, "no more are open than may be");
    runs.push((JSON.parse(run.payload) as { id: string }).id);
    await gateway.settle([run]);
  }
  assert.deepEqual(runs, ["a", "b", "c"]);
});
