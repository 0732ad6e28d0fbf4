/** What there is no room for waits in the store, holds up nothing else, and is entered once. */
import assert from "node:assert/strict";
import { LIMITS } from "@skerry/contracts";
import { until } from "@skerry/testkit";
import { away, onBothStores, type BusWorld } from "../../test/bus-world.ts";
import { storeModule } from "../store-module.ts";

const PLACED = { type: ["order.placed"] };
const NAMES = ["a", "b", "c", "d", "e"];

/** Lets a function have so many, whoever asks. */
function bound(world: BusWorld) {
  const at = { room: 0, asked: 0 };
  world.holdBackMs = (id) => {
    if (id !== world.functionId) return undefined;
    at.asked += 1;
    if (at.room === 0) return 1_000;
    at.room -= 1;
    return undefined;
  };
  return at;
}

async function heldOf(world: BusWorld): Promise<number> {
  const [line] = await world.store.call(storeModule, "heldLines", { countMax: 100 });
  return line?.count ?? 0;
}

async function enters(world: BusWorld, rule: string, count: number): Promise<void> {
  const has = async (): Promise<boolean> => {
    world.clock.advance(50);
    return (await world.entered(rule)).length >= count;
  };
  await until(`${rule} has ${count}`, has, { everyMs: 2 });
}

/** What is held keeps the shape of its rule, whatever the rule is set to meanwhile. */
async function showShapes(world: BusWorld): Promise<void> {
  const at = bound(world);
  const bus = world.bus();
  await bus.start();
  at.room = 2;
  for (const format of ["cloudevents", "lambda"] as const) await world.shapedRule(bus, format);
  await world.put(bus, { id: "a", data: 1 });
  await world.calm();
  await world.put(bus, { id: "b", data: 2 });
  await world.calm();
  assert.equal(await heldOf(world), 2);
  const changed = { pattern: PLACED, enabled: true, function: "work" };
  const named = { accountId: world.accountId, app: "shop", name: "lambda", ifVersion: null };
  const request = { ...changed, eventFormat: "scf" } as const;
  const { eventFormat } = await bus.putRule({ ...named, functionId: world.functionId, request });
  assert.equal(eventFormat, "scf");
  at.room = 9;
  bus.ended();
  await enters(world, "lambda", 2);
  const given = await world.given("lambda");
  assert.deepEqual(
    given.map((event) => [event["detail-type"], event["detail"]]),
    [1, 2].map((data) => ["order.placed", { data }]),
  );
  await enters(world, "cloudevents", 2);
  const plain = await world.given("cloudevents");
  assert.deepEqual(
    plain.map(({ specversion, data }) => [specversion, data]),
    [1, 2].map((data) => ["1.0", data]),
    "the control: others give CloudEvents",
  );
  await world.put(bus, { id: "c", data: 3 });
  await world.calm();
  const last = (await world.given("lambda")).at(-1);
  assert.deepEqual([last?.["specversion"], last?.["data"]], ["0", 3]);
  await bus.close();
}

async function showHeldBack(world: BusWorld): Promise<void> {
  const at = bound(world);
  const bus = world.bus();
  await bus.start();
  at.room = 2;
  await world.rule(bus, "full", PLACED);
  await world.ruleFor(world.otherFunction())(bus, "free", PLACED);
  for (const id of NAMES) {
    await world.put(bus, { id });
    await world.calm();
  }
  assert.deepEqual(await world.entered("free"), NAMES, "others are not held up");
  assert.deepEqual(await world.entered("full"), ["a", "b"]);
  assert.equal(await heldOf(world), 3);
  world.clock.advance(10_000);
  assert.deepEqual(await world.entered("full"), ["a", "b"], "time alone gives no room");
  at.room = 1;
  await enters(world, "full", 3);
  at.room = 9;
  bus.ended();
  await enters(world, "full", 5);
  assert.deepEqual(await world.entered("full"), NAMES);
  assert.equal(await heldOf(world), 0);
  await world.balanced(10);
  const { asked } = at;
  bus.ended();
  world.clock.advance(60_000);
  assert.equal(at.asked, asked, "nothing is held, and nobody is asked");
  await bus.close();
}

/** Its control dies while it is held; its rule is gone when there is room. */
async function showKept(world: BusWorld): Promise<void> {
  const at = bound(world);
  const first = world.bus();
  await first.start();
  await world.rule(first, "full", PLACED);
  await world.put(first, { id: "a" }, { id: "b" });
  await world.calm();
  await first.close();
  await first.removeRule({
    ...{ accountId: world.accountId, app: "shop", name: "full", ifVersion: null },
  });
  assert.equal(await world.forgetAll(), 0);
  at.room = 9;
  const second = world.bus();
  await second.start();
  await enters(world, "full", 2);
  await second.close();
  assert.equal(await world.forgetAll(), 2, "the control");
  await world.balanced(2);
}

/** Of two platforms each may enter what either held, and answers are lost. */
async function showOnce(world: BusWorld): Promise<void> {
  const at = bound(world);
  let calls = 0;
  const losing = async (name: string, pass: () => Promise<unknown>): Promise<unknown> => {
    const answer = await pass();
    calls += name === "enterHeld" ? 1 : 0;
    if (name === "enterHeld" && calls % 2 === 1) throw away();
    return answer;
  };
  const buses = [world.bus(losing, true), world.bus(losing, true)] as const;
  await world.rule(buses[0], "full", PLACED);
  for (const bus of buses) await bus.start();
  const all = Array.from({ length: 40 }, (_, i) => `e${i}`);
  for (const id of all) await world.put(buses[0], { id });
  await world.calm();
  assert.equal(await heldOf(world), 40, "the control: all of them were held");
  at.room = 1_000;
  await enters(world, "full", 40);
  for (const bus of buses) await bus.close();
  assert.deepEqual((await world.entered("full")).toSorted(), all.toSorted());
  assert.ok(calls > 1, "the control: answers were lost");
  await world.balanced(40);
}

async function showBehind(world: BusWorld): Promise<void> {
  const at = bound(world);
  const bus = world.bus();
  await bus.start();
  await world.rule(bus, "full", PLACED);
  await world.put(bus, { id: "a" });
  await world.calm();
  world.clock.advance(LIMITS.busBehindMsMax + 1_000);
  await assert.rejects(world.put(bus, { id: "b" }), { reason: "BUS_BEHIND" });
  at.room = 9;
  await enters(world, "full", 1);
  await world.put(bus, { id: "b" });
  await enters(world, "full", 2);
  await bus.close();
}

/** A hold is not written, and is tried again while its function is known to be full. */
async function showFailed(world: BusWorld): Promise<void> {
  const at = bound(world);
  let failures = 0;
  const bus = world.bus((name, pass) => {
    if (name !== "fanOut" || failures > 0) return pass();
    failures += 1;
    return Promise.reject(away());
  });
  await bus.start();
  await world.rule(bus, "full", PLACED);
  await world.put(bus, { id: "a" });
  await world.calm();
  assert.deepEqual(
    [failures, await heldOf(world)],
    [1, 1],
    "the control: it failed, then was held",
  );
  at.room = 9;
  await enters(world, "full", 1);
  await bus.close();
}

/** The rule goes at the moment at which its function has turned out to be full. */
async function showNothingHeld(world: BusWorld): Promise<void> {
  const at = bound(world);
  let looks = 0;
  let isGone = false;
  const bus = world.bus(async (name, pass) => {
    if (name === "findPending") looks += 1;
    if (name === "fanOut" && !isGone) {
      isGone = true;
      const { accountId } = world;
      await bus.removeRule({ accountId, app: "shop", name: "full", ifVersion: null });
    }
    return await pass();
  });
  await bus.start();
  await world.rule(bus, "full", PLACED);
  await world.put(bus, { id: "a" });
  await world.calm();
  assert.deepEqual([at.asked, await heldOf(world)], [1, 0], "the control: it was full");
  looks = 0;
  for (let i = 0; i < 20; i += 1) {
    world.clock.advance(1_000);
    await world.calm();
  }
  assert.ok(looks <= 3, `nothing waits, and it looked ${looks} times`);
  await bus.close();
}

/** Room for a hundred comes at once, and an event for both functions with it. */
async function showTurns(world: BusWorld): Promise<void> {
  const at = bound(world);
  const steps: string[] = [];
  const bus = world.bus(async (name, pass) => {
    if (name === "enterHeld" && steps.length === 0) await world.put(bus, { id: "late" });
    if (name === "enterHeld" || (name === "fanOut" && at.room > 0)) steps.push(name);
    return await pass();
  });
  await bus.start();
  await world.rule(bus, "full", PLACED);
  const all = Array.from({ length: 100 }, (_, i) => `e${i}`);
  await world.put(bus, ...all.map((id) => ({ id })));
  await world.calm();
  await world.ruleFor(world.otherFunction())(bus, "free", PLACED);
  at.room = 1_000;
  await enters(world, "full", 101);
  await bus.close();
  assert.deepEqual(
    steps.slice(0, 3),
    ["enterHeld", "fanOut", "enterHeld"],
    "others are not held up",
  );
  assert.deepEqual(await world.entered("free"), ["late"]);
  assert.deepEqual(await world.entered("full"), [...all, "late"], "and each line keeps its order");
}

onBothStores("what the bus has no room for", {
  "a function that is full is held back, in order, and holds up no other": showHeldBack,
  "what is held outlives control, its rule and the bus's forgetting": showKept,
  "of what is held each enters once, from several platforms and over lost answers": showOnce,
  "what could not be held at first is held, and entered when there is room": showFailed,
  "of a function that is full and has nothing held nobody goes on asking": showNothingHeld,
  "a long line takes turns with what is put meanwhile, and keeps its order": showTurns,
  "what is held keeps the shape that its rule had": showShapes,
  "while the oldest is held for long nobody puts more": showBehind,
});
