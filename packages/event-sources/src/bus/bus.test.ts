/** What is put is matched once, whatever dies, however many look, and whatever rules change. */
import assert from "node:assert/strict";
import { LIMITS } from "@skerry/contracts";
import { until } from "@skerry/testkit";
import { away, onBothStores, type BusWorld } from "../../test/bus-world.ts";
import { storeModule } from "../store-module.ts";

const PLACED = { type: ["order.placed"] };
const HOUR = 3_600_000;

async function showFanOut(world: BusWorld): Promise<void> {
  const bus = world.bus();
  await bus.start();
  for (let i = 0; i < 40; i += 1) await world.rule(bus, `all-${i}`, PLACED);
  await world.rule(bus, "large", { ...PLACED, data: { cents: [{ numeric: [">=", 1_000] }] } });
  await world.rule(bus, "other", { type: ["order.paid"] });
  await world.put(bus, { id: "a", data: { cents: 5 } }, { id: "b", data: { cents: 5_000 } });
  await world.calm();
  for (let i = 0; i < 40; i += 1) assert.deepEqual(await world.entered(`all-${i}`), ["a", "b"]);
  assert.deepEqual(await world.entered("large"), ["b"]);
  assert.deepEqual(await world.entered("other"), []);
  const { matched } = await bus.getRule({ ...ruleNamed(world, "large") });
  assert.equal(matched, 1);
  await world.balanced(81);
  await bus.close();
}

async function showOnce(world: BusWorld): Promise<void> {
  const bus = world.bus();
  await bus.start();
  await world.rule(bus, "all", PLACED);
  assert.deepEqual(await world.put(bus, { id: "a" }, { id: "a" }, { id: "a", source: "/other" }), {
    events: [
      { id: "a", repeated: false },
      { id: "a", repeated: true },
      { id: "a", repeated: false },
    ],
  });
  await world.calm();
  world.clock.advance(HOUR - 60_000);
  assert.deepEqual((await world.put(bus, { id: "a" })).events, [{ id: "a", repeated: true }]);
  await world.calm();
  assert.deepEqual(await world.entered("all"), ["a", "a"]);
  assert.equal(await world.forgetAll(), 2);
  await world.put(bus, { id: "a" });
  await world.calm();
  assert.deepEqual(await world.entered("all"), ["a", "a", "a"], "the control: it was forgotten");
  await bus.close();
}

/** Its control dies after the acknowledgement, before anything came of what was put. */
async function showDeath(world: BusWorld): Promise<void> {
  const first = world.bus((name, pass) =>
    name === "findPending" ? Promise.reject(away()) : pass(),
  );
  for (const name of ["one", "two"]) await world.rule(first, name, PLACED);
  await world.put(first, { id: "a" });
  await first.close();
  assert.deepEqual(await world.entered("one"), [], "the control: nobody has seen to it");
  const second = world.bus();
  await second.start();
  await world.calm();
  await second.close();
  for (const name of ["one", "two"]) assert.deepEqual(await world.entered(name), ["a"]);
  await world.balanced(2);
}

/** Every other write is done, and nobody hears of it. */
async function showUnheard(world: BusWorld): Promise<void> {
  let [calls, unheard] = [0, 0];
  const bus = world.bus(async (name, pass) => {
    if (name !== "fanOut") return await pass();
    calls += 1;
    if (calls % 3 === 0) throw away();
    const answer = await pass();
    if (calls % 3 === 1) {
      unheard += 1;
      throw away();
    }
    return answer;
  });
  await bus.start();
  for (const name of ["one", "two"]) await world.rule(bus, name, PLACED);
  for (let i = 0; i < 12; i += 1) {
    await world.put(bus, { id: `e${i}` });
    await world.calm();
  }
  await bus.close();
  const all = Array.from({ length: 12 }, (_, i) => `e${i}`);
  for (const name of ["one", "two"]) assert.deepEqual(await world.entered(name), all);
  assert.ok(unheard > 0, "the control: some answers were lost");
  await world.balanced(24);
}

/** A large event is entered in several steps; its control dies after the first of them. */
async function showSteps(world: BusWorld): Promise<void> {
  let calls = 0;
  const first = world.bus((name, pass) => {
    if (name === "fanOut") calls += 1;
    return name === "fanOut" && calls > 1 ? Promise.reject(away()) : pass();
  });
  const names = Array.from({ length: 30 }, (_, i) => `r${i}`);
  for (const name of names) await world.rule(first, name, PLACED);
  await first.start();
  await world.put(first, { id: "a", data: "x".repeat(250_000) });
  const isHalf = async (): Promise<number> => {
    const lists = await Promise.all(names.map((name) => world.entered(name)));
    return lists.filter(({ length }) => length === 1).length;
  };
  const wantsMore = (): boolean => {
    world.clock.advance(0);
    return calls > 1;
  };
  await until("the second step is to be taken", wantsMore, { everyMs: 1 });
  await first.close();
  const half = await isHalf();
  assert.ok(half > 0 && half < 30, `the control: it died halfway, at ${half}`);
  const second = world.bus();
  await second.start();
  await world.calm();
  await second.close();
  assert.equal(await isHalf(), 30);
  await world.balanced(30);
}

async function showTwo(world: BusWorld): Promise<void> {
  const [one, two] = [world.bus(), world.bus()];
  for (const name of ["a", "b", "c"]) await world.rule(one, name, PLACED);
  await one.start();
  await two.start();
  const expected: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    const puts = [0, 1].map((n) => world.put(n === 0 ? one : two, { id: `${i}-${n}` }));
    await Promise.all(puts);
    expected.push(`${i}-0`, `${i}-1`);
  }
  await world.calm();
  await Promise.all([one.close(), two.close()]);
  for (const name of ["a", "b", "c"])
    assert.deepEqual((await world.entered(name)).toSorted(), expected.toSorted());
  await world.balanced(120);
}

/** A rule goes, and another comes, after the rules were read and before anything is written. */
async function showRulesInForce(world: BusWorld): Promise<void> {
  let hasChanged = false;
  const bus = world.bus(async (name, pass) => {
    if (name === "fanOut" && !hasChanged) {
      hasChanged = true;
      await bus.removeRule({ ...ruleNamed(world, "old"), ifVersion: null });
      await world.rule(bus, "new", PLACED);
    }
    return await pass();
  });
  await bus.start();
  await world.rule(bus, "old", PLACED);
  await world.put(bus, { id: "a" });
  await world.calm();
  await bus.close();
  assert.ok(hasChanged);
  assert.deepEqual(await world.entered("old"), []);
  assert.deepEqual(await world.entered("new"), ["a"]);
}

async function showTopics(world: BusWorld): Promise<void> {
  const bus = world.bus();
  await bus.start();
  await world.topic("orders");
  await world.topicRule(bus, "kept", "orders");
  await world.topicRule(bus, "lost", "nowhere");
  await world.rule(bus, "ran", PLACED);
  await world.put(bus, { id: "a", partitionkey: "k" }, { id: "b" });
  await world.calm();
  await bus.close();
  assert.deepEqual(world.grown.map(({ ends }) => ends).flat(), [
    [0, 1],
    [0, 2],
  ]);
  const lost = await bus.getRule(ruleNamed(world, "lost"));
  assert.deepEqual([lost.matched, lost.refused], [2, 2]);
  assert.match(lost.refusedBecause ?? "", /nowhere/);
  assert.equal((await bus.getRule(ruleNamed(world, "kept"))).refused, 0);
  assert.deepEqual(await world.entered("ran"), ["a", "b"], "and nobody waits for what was refused");
}

async function showPaused(world: BusWorld): Promise<void> {
  const bus = world.bus();
  await bus.start();
  await world.rule(bus, "all", PLACED);
  const { accountId, functionId } = world;
  const change = { ...ruleNamed(world, "all"), ifVersion: null, functionId };
  await bus.setRuleEnabled({ ...change, enabled: false });
  await world.put(bus, { id: "a" });
  await bus.setRuleEnabled({ ...change, enabled: true });
  await world.put(bus, { id: "b" });
  await world.calm();
  assert.deepEqual(await world.entered("all"), ["b"]);
  await bus.functionRemoved(functionId);
  const paused = await bus.getRule(ruleNamed(world, "all"));
  assert.deepEqual([paused.enabled, paused.pausedBecause], [false, "function_removed"]);
  await world.put(bus, { id: "c" });
  await bus.appRemoved({ accountId, app: "shop" });
  await assert.rejects(bus.getRule(ruleNamed(world, "all")), { reason: "RULE_NOT_FOUND" });
  await world.calm();
  assert.deepEqual(await world.entered("all"), ["b"]);
  await bus.close();
}

async function showBehind(world: BusWorld): Promise<void> {
  const bus = world.bus((name, pass) => (name === "fanOut" ? Promise.reject(away()) : pass()));
  await bus.start();
  await world.rule(bus, "all", PLACED);
  await world.put(bus, { id: "a" });
  world.clock.advance(LIMITS.busBehindMsMax - 1_000);
  await world.put(bus, { id: "b" });
  world.clock.advance(2_000);
  await assert.rejects(world.put(bus, { id: "c" }), { reason: "BUS_BEHIND" });
  const told = { accountId: world.accountId, app: "shop", subject: "work", timeMs: 0, data: {} };
  await bus.tell({ ...told, id: "1", type: "skerry.function.removed.v1" });
  const page = await bus.listEvents({
    accountId: world.accountId,
    query: { limit: 10, from: "earliest" },
  });
  assert.deepEqual(
    page.items.map(({ event }) => event["id"]),
    ["a", "b", "1"],
  );
  await bus.close();
}

async function showVersions(world: BusWorld): Promise<void> {
  const bus = world.bus();
  await world.rule(bus, "all", PLACED);
  const stale = { ...ruleNamed(world, "all"), ifVersion: 3 };
  await assert.rejects(bus.removeRule(stale), { reason: "RULE_CHANGED" });
  await assert.rejects(bus.checkRule({ ...stale, request: null }), { reason: "RULE_CHANGED" });
  await bus.removeRule({ ...stale, ifVersion: 1 });
  const names = Array.from({ length: LIMITS.rulesPerAccountMax }, (_, i) => `r${i}`);
  for (const name of names) await world.rule(bus, name, PLACED);
  await assert.rejects(world.rule(bus, "more", PLACED), { reason: "RULES_LIMIT" });
  await world.rule(bus, "r0", PLACED);
  await bus.close();
}

async function showTail(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const { accountId } = world;
  const list = (query: object) =>
    bus.listEvents({ accountId, query: { limit: 2, from: "earliest", ...query } });
  const idsOf = ({ items }: Awaited<ReturnType<typeof list>>) =>
    items.map(({ event }) => event["id"]);
  for (const id of ["a", "b", "c"]) await world.put(bus, { id });
  const page = await list({});
  assert.deepEqual(idsOf(page), ["a", "b"]);
  const rest = await list({ cursor: page.nextCursor });
  assert.deepEqual(idsOf(rest), ["c"]);
  const { nextCursor } = await list({ from: "latest" });
  world.clock.advance(1_000);
  const from = new Date(world.clock.wallMs()).toISOString();
  await world.put(bus, { id: "d" });
  assert.deepEqual(idsOf(await list({ cursor: nextCursor })), ["d"]);
  assert.deepEqual(idsOf(await list({ from })), ["d"]);
  await assert.rejects(list({ cursor: "x" }), { reason: "INPUT_INVALID" });
  await bus.close();
}

/** Large ones of several accounts wait: one look takes some, and others take the rest. */
async function showLooks(world: BusWorld): Promise<void> {
  const { store, clock } = world;
  const accounts = Array.from({ length: 3 }, () => world.otherAccount()).toSorted();
  const first = world.bus();
  for (const accountId of accounts) {
    await first.putRule({
      ...{ accountId, app: "shop", name: "all", ifVersion: null, functionId: world.functionId },
      request: { pattern: PLACED, enabled: true, function: "work", eventFormat: "cloudevents" },
    });
    const named = { id: "a", source: "/shop", type: "order.placed" };
    const body = new TextEncoder().encode(JSON.stringify({ ...named, data: "x".repeat(9 << 20) }));
    const items = [{ ...named, app: "", depth: 0, body }];
    const args = { accountId, items, nowMs: clock.wallMs(), mayRefuse: true };
    await store.call(storeModule, "putEvents", args);
  }
  const seen: string[] = [];
  for (let after = "", looks = 0; looks < 2; looks += 1) {
    const found = await store.call(storeModule, "findPending", { limit: 32, after });
    seen.push(found.map(({ accountId }) => accounts.indexOf(accountId)).join());
    after = found.at(-1)?.accountId ?? "";
  }
  assert.deepEqual(seen, ["0,1", "2"]);
  const second = world.bus();
  await second.start();
  await world.calm();
  await Promise.all([first.close(), second.close()]);
  assert.deepEqual(await world.entered("all"), ["a", "a", "a"]);
}

function ruleNamed({ accountId }: BusWorld, name: string) {
  return { accountId, app: "shop", name };
}

onBothStores("the bus", {
  "each rule that an event matches makes one invocation of it": showFanOut,
  "one source and id is one event for as long as it is kept": showOnce,
  "what was acknowledged enters once when control dies before its rules were looked at": showDeath,
  "answers that are lost enter nothing twice": showUnheard,
  "an event that takes several steps enters once when control dies between them": showSteps,
  "two platforms on one database enter each once": showTwo,
  "events go by the rules in force when what comes of them is written": showRulesInForce,
  "a topic gets what its rule matches, and one that is not there is told of": showTopics,
  "a rule that is paused, or whose function or app is gone, hears of nothing": showPaused,
  "while rules are far behind nobody puts but the platform itself": showBehind,
  "changes go by versions, and an account has so many rules": showVersions,
  "what waits is read in parts, however many accounts have large events": showLooks,
  "whoever follows the bus sees each event once, in order": showTail,
});
