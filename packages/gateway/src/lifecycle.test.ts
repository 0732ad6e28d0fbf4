import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { FunctionEntry, StartReply } from "@skerry/contracts";
import { LeapClock } from "@skerry/testkit";
import { controlDouble } from "../test/control.ts";
import {
  functionEntry,
  until,
  World,
  type AgentDouble,
  type InstanceDouble,
} from "../test/world.ts";

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
});
afterEach(async () => await world.close());

function only(of: AgentDouble): InstanceDouble {
  const [instance] = of.instances;
  assert.ok(instance !== undefined);
  return instance;
}

/** Is not put to rest, and a resting one is not replaced, when something is held up meanwhile. */
const AWAKE = { config: { rest: "run" } } as const;

function entryOf(fn: FunctionEntry, seq: number) {
  return { seq, key: `function/${fn.id}`, value: fn };
}

function nextRevision(fn: FunctionEntry): FunctionEntry {
  return { ...fn, latest: { ...functionEntry(fn.accountId, {}).latest } };
}

test("an idle instance is put to rest and woken together with the next request", async () => {
  const fn = world.fn();
  await world.start();
  await world.call(fn);
  const instance = only(agent);
  await until(() => agent.notesOf(instance, "rest").length === 1);
  assert.equal((await world.call(fn)).status, 200);
  assert.equal(agent.notesOf(instance, "resume").length, 1);
  assert.deepEqual(
    world.records.map(({ startKind }) => startKind),
    ["blank", "resumed"],
  );
});

test("a function that asks to run on is never put to rest, and is stopped when idle for long", async () => {
  const fn = world.fn({ config: { rest: "run", idleTimeoutMs: 150 } });
  await world.start();
  await world.call(fn);
  const instance = only(agent);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.deepEqual(agent.notesOf(instance, "stop")[0], {
    op: "stop",
    instanceId: instance.id,
    why: "idle",
  });
  assert.equal(agent.notesOf(instance, "rest").length, 0);
  assert.ok(instance.link.closed);
});

test("a provisioned instance comes unasked, serves warm and is not stopped for idleness", async () => {
  const config = { provisionedInstances: 1, idleTimeoutMs: 100, rest: "run" } as const;
  const fn = world.fn({ config });
  const other = world.fn({ name: "other", config: { idleTimeoutMs: 300, rest: "run" } });
  await world.start();
  const head = { functionId: fn.id, revisionId: fn.latest.id, reason: "provisioned" } as const;
  await agent.grantStart(head);
  await world.call(other);
  await until(() => agent.notes.some((note) => note.op === "stop"));
  assert.equal(agent.notesOf(only(agent), "stop").length, 0);
  await world.call(fn);
  assert.equal(agent.starts.filter(({ functionId }) => functionId === fn.id).length, 0);
  assert.equal(world.records.at(-1)?.coldReason, "warm");
});

test("an agent that leaves has its instances replaced by another before they are stopped", async () => {
  const fn = world.fn(AWAKE);
  await world.start();
  await world.call(fn);
  const second = await world.agent();
  world.gateway.agentUp(second);
  await until(() => world.gateway.stats().agents === 2);
  agent.note({ op: "draining" });
  await until(() => agent.notesOf(only(agent), "stop").length === 1);
  assert.equal(second.instances.length, 1);
  assert.equal((await world.call(fn)).status, 200);
  assert.equal(only(second).calls.length, 1);
});

test("an instance of a draining agent finishes what it holds", async () => {
  const fn = world.fn();
  agent.handle = () => undefined;
  await world.start();
  const asked = world.call(fn);
  await until(() => agent.instances[0]?.calls.length === 1);
  const second = await world.agent();
  world.gateway.agentUp(second);
  await until(() => world.gateway.stats().agents === 2);
  agent.note({ op: "draining" });
  await until(() => second.instances.length === 1);
  only(agent).calls[0]?.answer("to the end");
  assert.equal((await asked).body, "to the end");
  await until(() => agent.notesOf(only(agent), "stop").length === 1);
});

for (const [what, more] of [
  ["is replaced", { agentId: "" }],
  ["is not, where another agent of the node has started it (control)", { agentId: "other" }],
] as const) {
  test(`an instance that comes unasked from an agent that has said that it leaves ${what}`, async () => {
    const fn = world.fn({ config: { provisionedInstances: 1, rest: "run" } });
    await world.start();
    const second = await world.agent();
    world.gateway.agentUp(second);
    await until(() => world.gateway.stats().agents === 2);
    agent.note({ op: "draining" });
    // Answered by the second one: the first is known to leave.
    await world.call(fn);
    await until(() => second.instances.length === 1);
    const head = { functionId: fn.id, revisionId: fn.latest.id, reason: "provisioned" } as const;
    await agent.grantStart(head, { agentId: more.agentId === "" ? agent.agentId : more.agentId });
    await until(() => world.gateway.stats().instances === 2);
    await second.grantStart(head, { agentId: second.agentId });
    const isReplaced = more.agentId === "";
    if (isReplaced) return await until(() => agent.notesOf(only(agent), "stop").length === 1);
    await until(() => world.gateway.stats().instances === 3);
    assert.equal(agent.notesOf(only(agent), "stop").length, 0);
  });
}

for (const order of ["before", "after"] as const) {
  test(`an instance that an agent starts while it leaves is replaced; its link comes ${order} the reply`, async () => {
    const fn = world.fn(AWAKE);
    const gate = Promise.withResolvers<void>();
    agent.onStart = async (head) => {
      await gate.promise;
      return await agent.grantStart(head);
    };
    await world.start();
    const { gateway } = world;
    const late: (() => void)[] = [];
    const onInstance = gateway.onInstance.bind(gateway);
    if (order === "after")
      gateway.onInstance = (...args) => void late.push(() => onInstance(...args));
    const asked = world.call(fn);
    await until(() => agent.starts.length === 1);
    const second = await world.agent();
    gateway.agentUp(second);
    await until(() => gateway.stats().agents === 2);
    agent.note({ op: "draining" });
    gate.resolve();
    if (order === "after") {
      await until(() => late.length === 1);
      // One turn of the loop brings the reply, which is on its way already.
      await new Promise((resolve) => setImmediate(resolve));
      gateway.onInstance = onInstance;
      late[0]?.();
    }
    assert.equal((await asked).status, 200);
    await until(() => agent.notesOf(only(agent), "stop").length === 1);
    assert.equal(second.instances.length, 1);
  });
}

test("a resting instance whose agent is gone is given up, and the next request starts another", async () => {
  const fn = world.fn();
  await world.start();
  await world.call(fn);
  await until(() => agent.notesOf(only(agent), "rest").length === 1);
  const second = await world.agent();
  world.gateway.agentUp(second);
  world.gateway.agentDown(agent.agentId);
  assert.equal((await world.call(fn)).status, 200);
  assert.equal(second.instances.length, 1);
});

test("a link that comes after its start's reply serves as well as one that comes before", async () => {
  const fn = world.fn();
  agent.onStart = (head) => {
    const reply = agent.grantStart(head);
    return reply;
  };
  const late: (() => void)[] = [];
  await world.start();
  const { gateway } = world;
  const onInstance = gateway.onInstance.bind(gateway);
  gateway.onInstance = (...args) => void late.push(() => onInstance(...args));
  const asked = world.call(fn);
  await until(() => late.length === 1);
  assert.deepEqual([gateway.stats().starting, gateway.stats().instances], [1, 0]);
  late[0]?.();
  assert.equal((await asked).status, 200);
  assert.deepEqual([gateway.stats().starting, gateway.stats().instances], [0, 1]);
});

test("an instance of an unknown function is sent back", async () => {
  world.fn();
  await world.start();
  const stranger = functionEntry(world.accountId, {});
  const head = { functionId: stranger.id, revisionId: stranger.latest.id } as const;
  await agent.grantStart({ ...head, reason: "provisioned" });
  await until(() => agent.notesOf(only(agent), "stop").length === 1);
  await until(() => only(agent).socket.destroyed);
});

test("a change of control comes into force, is confirmed, and survives a restart without control", async () => {
  const fn = world.fn();
  const added = functionEntry(world.accountId, { name: "added" });
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  assert.equal((await world.call(added)).status, 404);
  control.send([entryOf(added, 7)]);
  await until(() => control.applied.includes(7));
  assert.equal((await world.call(added)).status, 200);
  await until(() => control.notes.some((note) => note.op === "spooled"));
  await control.close();
  assert.equal((await world.call(fn)).status, 200);
  await world.gateway.close();
  world.entries.length = 0;
  await world.start();
  assert.equal(world.gateway.stats().configSeq, 7);
  assert.equal((await world.call(added)).status, 200);
  const again = await controlDouble(world);
  await until(() => again.watched.length > 0);
  assert.equal(again.watched[0]?.after, 7);
  await again.close();
});

test("a new revision takes new requests; the old one finishes what it holds and is stopped", async () => {
  const fn = world.fn();
  agent.handle = () => undefined;
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  const old = world.call(fn);
  await until(() => agent.instances[0]?.calls.length === 1);
  const next = nextRevision(fn);
  control.send([entryOf(next, 9)]);
  await until(() => control.applied.includes(9));
  const young = world.call(fn);
  await until(() => agent.instances[1]?.calls.length === 1);
  assert.deepEqual(
    agent.starts.map(({ revisionId, reason }) => [revisionId, reason]),
    [
      [fn.latest.id, "first_instance"],
      [next.latest.id, "new_revision"],
    ],
  );
  agent.instances[1]?.calls[0]?.answer("new");
  agent.instances[0]?.calls[0]?.answer("old");
  assert.deepEqual([(await old).body, (await young).body], ["old", "new"]);
  await until(() => agent.notesOf(only(agent), "stop").length === 1);
  assert.deepEqual(
    world.records.map(({ revisionId }) => revisionId).toSorted(),
    [fn.latest.id, next.latest.id].toSorted(),
  );
  await control.close();
});

test("a removed function is not found, its waiting requests are refused and its instances stopped", async () => {
  const fn = world.fn({ config: { maxInstances: 1 } });
  agent.handle = () => undefined;
  const control = await controlDouble(world);
  await world.start();
  await until(() => world.gateway.stats().controlConnected);
  const live = world.call(fn);
  await until(() => agent.instances[0]?.calls.length === 1);
  const waiting = world.call(fn);
  await until(() => world.gateway.stats().waiting === 1);
  control.send([{ seq: 9, key: `function/${fn.id}`, value: null }]);
  assert.equal((await waiting).error.reason, "FUNCTION_NOT_FOUND");
  assert.equal((await world.call(fn)).status, 404);
  only(agent).calls[0]?.answer("still");
  assert.equal((await live).body, "still");
  await until(() => agent.notesOf(only(agent), "stop").length === 1);
  await until(() => world.gateway.stats().shells === 0);
  await control.close();
});

test("a snapshot of a newer release is refused", async () => {
  await world.start();
  await world.gateway.close();
  const snapshot = { format: 99, seq: 1, entries: [] };
  writeFileSync(join(world.directory, "config.json"), JSON.stringify(snapshot));
  await assert.rejects(world.start(), { reason: "CONFIG_FORMAT_NEWER" });
});

test("a request of an old revision that is settled is not timed out later", async () => {
  const timeoutMs = 20_000;
  const fn = world.fn({ config: { timeoutMs } });
  agent.handle = (call) => {
    if (call.head.u === "/now") call.answer("now");
    if (call.head.u === "/hang") leaping.leap(timeoutMs);
  };
  const control = await controlDouble(world);
  const leaping = new LeapClock();
  await world.start({}, { clock: leaping });
  await until(() => world.gateway.stats().controlConnected);
  const first = world.call(fn, { path: "/first" });
  await until(() => agent.instances[0]?.calls.length === 1);
  control.send([entryOf(nextRevision(fn), 9)]);
  await until(() => control.applied.includes(9));
  only(agent).calls[0]?.answer("in time");
  assert.equal((await first).body, "in time");
  control.send([entryOf(fn, 10)]);
  await until(() => control.applied.includes(10));
  assert.equal((await world.call(fn, { path: "/now" })).body, "now");
  const waiting = world.call(fn, { path: "/hang" });
  assert.equal((await waiting).error.reason, "FUNCTION_TIMEOUT");
  const [, second] = agent.instances;
  assert.ok(second !== undefined);
  await until(() => agent.notesOf(second, "stop").length === 1);
  assert.deepEqual(
    world.records.map(({ outcome }) => outcome),
    ["ok", "ok", "timeout"],
  );
  await control.close();
});

/** Starts give an instance whose code still loads; their answer comes when the test says. */
function startsLoading(): { answer(reply: StartReply): void } {
  const answered = Promise.withResolvers<StartReply>();
  agent.onStart = async (head) => {
    await agent.grantStart(head, { loading: true, codeUs: 0, initUs: 0 });
    return await answered.promise;
  };
  return { answer: answered.resolve };
}

/** The instance, once its gateway has asked what came of its code. */
async function askedInstance(): Promise<InstanceDouble> {
  await until(() => agent.instances[0]?.sayLoaded !== undefined);
  return only(agent);
}

test("an instance that came loading serves when it says that it is loaded, and its agent hears it", async () => {
  const fn = world.fn();
  await world.start();
  const start = startsLoading();
  const answer = world.call(fn, { path: "/first" });
  const instance = await askedInstance();
  assert.equal(instance.calls.length, 0, "no request before");
  const times = { codeUs: 30, initUs: 40, codeCacheUsed: true };
  instance.sayLoaded?.({ ok: true, handlerKind: "event", ...times });
  assert.equal((await answer).body, "GET /first");
  await until(() => agent.notesOf(instance, "loaded").length === 1);
  start.answer({ ok: true, instance: { ...instance.grant, ...times } });
  await until(() => world.records.length === 1);
  const [record] = world.records;
  assert.deepEqual([record?.codeUs, record?.initUs], [30, 40]);
  assert.equal((await world.call(fn, { path: "/next" })).body, "GET /next");
  assert.equal(agent.starts.length, 1);
});

test("an instance kept ready that still loads when its agent leaves is replaced, too", async () => {
  const [fn, other] = [world.fn(AWAKE), world.fn({ ...AWAKE, name: "other" })];
  await world.start();
  await world.call(other);
  const served = only(agent);
  agent.instances.length = 0;
  const head = { functionId: fn.id, revisionId: fn.latest.id, reason: "provisioned" } as const;
  await agent.grantStart(head, { loading: true });
  const instance = await askedInstance();
  const second = await world.agent();
  world.gateway.agentUp(second);
  await until(() => world.gateway.stats().agents === 2);
  agent.note({ op: "draining" });
  await until(() => agent.notesOf(served, "stop").length === 1);
  const times = { codeUs: 30, initUs: 40, codeCacheUsed: true };
  instance.sayLoaded?.({ ok: true, handlerKind: "event", ...times });
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.deepEqual(
    second.starts.map(({ functionId }) => functionId),
    [other.id, fn.id],
  );
});

test("what did not load serves nobody: the agent's refusal is the answer", async () => {
  const said = { ok: false, name: "TypeError", message: "no" } as const;
  const functions = [
    [world.fn({ name: "thrower" }), said],
    [world.fn({ name: "liar" }), "nonsense"],
  ] as const;
  await world.start();
  for (const [fn, saying] of functions) {
    agent.instances.length = 0;
    const start = startsLoading();
    const answer = world.call(fn);
    const instance = await askedInstance();
    instance.sayLoaded?.(saying);
    await until(() => agent.notesOf(instance, "loaded").length === 1);
    const [note] = agent.notesOf(instance, "loaded");
    assert.ok(note?.op === "loaded" && !note.reply.ok);
    start.answer({ ok: false, refusal: { kind: "init_failed", ...note.reply, initUs: 7 } });
    assert.equal((await answer).error.reason, "FUNCTION_INIT_FAILED");
    instance.socket.destroy();
    await until(() => world.gateway.stats().instances === 0);
    assert.equal(instance.calls.length, 0);
  }
});

test("a link that breaks while the code loads costs the start alone", async () => {
  const fn = world.fn();
  await world.start();
  const start = startsLoading();
  const answer = world.call(fn);
  const instance = await askedInstance();
  instance.socket.destroy();
  const refusal = { kind: "init_failed", name: "Crashed", message: "it ended", initUs: 7 } as const;
  start.answer({ ok: false, refusal });
  assert.equal((await answer).error.reason, "FUNCTION_INIT_FAILED");
  agent.onStart = (head) => agent.grantStart(head);
  await until(() => world.gateway.stats().instances === 0);
});
