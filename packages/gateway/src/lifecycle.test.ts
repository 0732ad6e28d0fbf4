import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { FunctionEntry } from "@skerry/contracts";
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
  const fn = world.fn();
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

for (const order of ["before", "after"] as const) {
  test(`an instance that an agent starts while it leaves is replaced; its link comes ${order} the reply`, async () => {
    const fn = world.fn();
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
  const fn = world.fn({ config: { timeoutMs: 150 } });
  agent.handle = (call) => {
    if (call.head.u === "/now") call.answer("now");
  };
  const control = await controlDouble(world);
  await world.start();
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
