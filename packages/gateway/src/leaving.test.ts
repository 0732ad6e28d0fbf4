import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { FunctionEntry, StartReply } from "@skerry/contracts";
import { openRaw, type RawConnection } from "@skerry/testkit";
import { steady, until, World, type AgentDouble } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
});
afterEach(async () => await world.close());

/** A client of its own connection that has asked, and may leave. */
async function ask(fn: FunctionEntry, path: string): Promise<RawConnection> {
  const client = await openRaw(world.port);
  client.write(`GET /-/${fn.app}/${fn.name}${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return client;
}

/** Starts are answered when the test says how. */
function holdStarts(): (answer: "grant" | "refuse") => Promise<void> {
  const held: ((answer: "grant" | "refuse") => Promise<void>)[] = [];
  agent.onStart = (head) =>
    new Promise<StartReply>((resolve) => {
      held.push(async (answer) => {
        const refusal = { kind: "init_failed", name: "Error", message: "no", initUs: 1 } as const;
        resolve(answer === "grant" ? await agent.grantStart(head) : { ok: false, refusal });
      });
    });
  return async (answer) => {
    await Promise.all(held.splice(0).map((settle) => settle(answer)));
  };
}

/** One record for each request, and nothing waits or runs. */
async function assertAllOver(outcomes: readonly string[]): Promise<void> {
  await until(() => world.records.length >= outcomes.length);
  await steady(() => world.records.length);
  assert.deepEqual(world.records.map(({ outcome }) => outcome).toSorted(), outcomes.toSorted());
  assert.equal(new Set(world.records.map(({ requestId }) => requestId)).size, outcomes.length);
  const { waiting, live, starting } = world.gateway.stats();
  assert.deepEqual({ waiting, live, starting }, { waiting: 0, live: 0, starting: 0 });
}

test("a client that leaves while its body is read is recorded once, and nothing is started", async () => {
  const fn = world.fn();
  await world.start();
  const client = await openRaw(world.port);
  const lines = "HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
  client.write(`POST /-/${fn.app}/${fn.name}/ ${lines}${"x".repeat(50_000)}`);
  await until(() => world.gateway.stats().connections === 1);
  client[Symbol.dispose]();
  await assertAllOver(["cancelled"]);
  assert.equal(agent.starts.length, 0);
});

test("an instance whose only client left while it started is kept and serves the next", async () => {
  const fn = world.fn();
  await world.start();
  const settleStarts = holdStarts();
  const client = await ask(fn, "/gone");
  await until(() => agent.starts.length === 1);
  client[Symbol.dispose]();
  await until(() => world.records.length === 1);
  await settleStarts("grant");
  await until(() => world.gateway.stats().instances === 1);
  assert.equal((await world.call(fn, { path: "/next" })).body, "GET /next");
  await assertAllOver(["cancelled", "ok"]);
  assert.deepEqual(
    agent.instances.flatMap(({ calls }) => calls.map(({ head }) => head.u)),
    ["/next"],
  );
  assert.equal(agent.starts.length, 1);
});

test("a start that fails after its client left leaves that request its one record", async () => {
  const fn = world.fn();
  await world.start();
  const settleStarts = holdStarts();
  const gone = await ask(fn, "/gone");
  using stays = await ask(fn, "/stays");
  await until(() => world.gateway.stats().waiting === 2);
  gone[Symbol.dispose]();
  await until(() => world.records.length === 1);
  await settleStarts("refuse");
  assert.match(await stays.receive(/FUNCTION_INIT_FAILED/), /^HTTP\/1\.1 502 /);
  await assertAllOver(["cancelled", "init_failed"]);
});

test("clients that leave the queue take no slot from those behind them", async () => {
  const fn = world.fn({ config: { maxInstances: 1 } });
  agent.handle = () => undefined;
  await world.start();
  using first = await ask(fn, "/0");
  await until(() => agent.instances[0]?.calls.length === 1);
  const clients: RawConnection[] = [];
  for (let i = 1; i <= 6; i += 1) {
    clients.push(await ask(fn, `/${i}`));
    await until(() => world.gateway.stats().waiting === i);
  }
  for (const i of [0, 2, 4]) clients[i]?.[Symbol.dispose]();
  await until(() => world.records.length === 3);
  assert.equal(world.gateway.stats().waiting, 3);
  const [instance] = agent.instances;
  for (let served = 0; served < 4; served += 1) {
    await until(() => instance?.calls.length === served + 1);
    assert.equal(world.gateway.stats().live, 1);
    instance?.calls[served]?.answer("done");
  }
  await first.receive(/done/);
  for (const i of [1, 3, 5]) await clients[i]?.receive(/done/);
  const urls = instance?.calls.map(({ head }) => head.u);
  assert.deepEqual(urls, ["/0", "/2", "/4", "/6"]);
  await assertAllOver(["cancelled", "cancelled", "cancelled", "ok", "ok", "ok", "ok"]);
  for (const client of clients) client[Symbol.dispose]();
});

test("clients that leave at any moment of a cold start have one record each", async () => {
  const fn = world.fn({ kind: "fetch", config: { concurrency: 3, maxInstances: 2 } });
  agent.onStart = async (head) => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((next) => setImmediate(next));
    return await agent.grantStart(head);
  };
  await world.start();
  const total = 60;
  const leave = async (i: number): Promise<void> => {
    const client = await ask(fn, `/${i}`);
    for (let turn = 0; turn < i; turn += 1) await new Promise((next) => setImmediate(next));
    client[Symbol.dispose]();
  };
  await Promise.all(Array.from({ length: total }, (_, i) => leave(i)));
  await until(() => world.gateway.stats().connections === 0);
  await steady(() => world.records.length);
  const dispatched = agent.instances.flatMap(({ calls }) => calls.map(({ head }) => head.id));
  const recorded = world.records.map(({ requestId }) => requestId);
  assert.equal(new Set(recorded).size, recorded.length);
  assert.ok(recorded.length > total / 2, `${recorded.length} records`);
  for (const id of dispatched) assert.ok(recorded.includes(id as never), "no record of a dispatch");
  const { waiting, live } = world.gateway.stats();
  assert.deepEqual({ waiting, live }, { waiting: 0, live: 0 });
  assert.equal((await world.call(fn)).status, 200);
});
