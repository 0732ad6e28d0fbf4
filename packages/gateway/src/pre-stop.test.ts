/** The last of an instance whose code has something to do before it is stopped. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { until, World, type AgentDouble, type Call, type InstanceDouble } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
let parting: Call[];
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  agent.grantMore = { preStop: true };
  parting = [];
  agent.handle = (call) => {
    if (isPreStop(call)) parting.push(call);
    else call.answer("answered");
  };
});
afterEach(async () => await world.close());

function isPreStop({ head }: Call): boolean {
  return (head.op as string) === "pre-stop";
}

function finish(call: Call | undefined): void {
  call?.stream.reply("{}", undefined, true);
}

async function oneInstance(config: object): Promise<InstanceDouble> {
  const entry = world.fn({ config });
  await world.start();
  await world.call(entry);
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  return instance;
}

test("an idle instance is awake and asked before it is stopped", async () => {
  const instance = await oneInstance({ idleTimeoutMs: 100, stopTimeoutMs: 20_000 });
  await until(() => parting.length === 1);
  assert.deepEqual(agent.notesOf(instance, "stop"), []);
  assert.equal(agent.notesOf(instance, "rest").length, agent.notesOf(instance, "resume").length);
  assert.equal(instance.link.closed, false);
  finish(parting[0]);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal(instance.link.closed, true);
});

test("code that takes longer than its time is stopped all the same", async () => {
  const instance = await oneInstance({ idleTimeoutMs: 100, stopTimeoutMs: 50 });
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal(parting.length, 1);
});

test("with no time for it the code is not asked", async () => {
  const instance = await oneInstance({ idleTimeoutMs: 100, stopTimeoutMs: 0 });
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal(parting.length, 0);
});

test("code that does not react is not asked", async () => {
  const entry = world.fn({ config: { timeoutMs: 50, stopTimeoutMs: 20_000 } });
  agent.handle = () => undefined;
  await world.start();
  await world.call(entry);
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal(parting.length, 0);
});

test("requests that come meanwhile go to another instance", async () => {
  const entry = world.fn({ config: { idleTimeoutMs: 100, stopTimeoutMs: 20_000 } });
  await world.start();
  await world.call(entry);
  await until(() => parting.length === 1);
  agent.handle = (call) => (isPreStop(call) ? finish(call) : call.answer("answered"));
  assert.equal((await world.call(entry)).status, 200);
  assert.equal(agent.starts.length, 2);
  finish(parting[0]);
});

test("a gateway that closes lets all of them part", async () => {
  const instance = await oneInstance({ stopTimeoutMs: 20_000 });
  const closing = world.gateway.close();
  await until(() => parting.length === 1);
  assert.equal(instance.link.closed, false);
  finish(parting[0]);
  await closing;
  await until(() => instance.link.closed);
});
