import assert from "node:assert/strict";
import { Agent, get } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import type { Cancel, Clock } from "@skerry/base";
import type { FunctionEntry } from "@skerry/contracts";
import type { HttpLimits } from "@skerry/http";
import { openRaw } from "@skerry/testkit";
import type { GatewayDeps } from "./ports.ts";
import { clock, until, World, type AgentDouble } from "../test/world.ts";

let world: World;
let next: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  next = new World();
  agent = await world.agent();
});
afterEach(async () => {
  await next.close();
  await world.close();
});

/** A gateway with the same configuration and agent that takes what the first hands over. */
async function startBoth(
  limits: Partial<HttpLimits> = {},
  deps: Partial<GatewayDeps> = {},
): Promise<void> {
  next.entries.push(...world.entries);
  await next.start({ agents: [agent] });
  await until(() => next.gateway.stats().agents === 1);
  await world.start(
    { limits },
    { handOver: (grant, socket) => next.gateway.onInstance(grant, socket, "gateway"), ...deps },
  );
}

const ROUND_MS = 10;
/** A gateway's time by its rounds of handing over: one that is held up has not waited longer. */
class RoundClock implements Clock {
  rounds = 0;
  monotonicMs(): number {
    return this.rounds * ROUND_MS;
  }
  wallMs(): number {
    return clock.wallMs();
  }
  schedule(...[delayMs, run, options]: Parameters<Clock["schedule"]>): Cancel {
    const counted = (): void => {
      this.rounds += 1;
      run();
    };
    return clock.schedule(delayMs, delayMs === ROUND_MS ? counted : run, options);
  }
}

const ONE = { rest: "run", maxInstances: 1 } as const;
/** Longer than any request waits for a slot. */
const LONG_MS = 20_000;

/** From here on the agents are at the function's limit. */
function allowNoMore(): void {
  agent.onStart = () => ({ ok: false, refusal: { kind: "limit", why: "one is allowed" } });
}

function answerAllButHeld(): void {
  agent.handle = (call) => {
    if (call.head.u !== "/held") call.answer("true");
  };
}

function requestFor({ app, name }: FunctionEntry): string {
  return `GET /-/${app}/${name}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
}

/** The head of a request with a body, and the body's first byte. */
function uploadFor({ app, name }: FunctionEntry, bytes: number): string {
  return `POST /-/${app}/${name}/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\nx`;
}

test("a draining gateway hands idle and resting instances over, and the next serves them warm", async () => {
  const ready = world.fn({ name: "ready", config: { rest: "run" } });
  const resting = world.fn({ name: "resting" });
  await startBoth();
  await world.call(resting);
  await until(() => agent.notes.some((note) => note.op === "rest"));
  await world.call(ready);
  await world.gateway.drain({ deadlineMs: 5_000 });
  assert.equal(world.gateway.stats().instances, 0);
  assert.equal(next.gateway.stats().instances, 2);
  for (const fn of [ready, resting]) assert.equal((await next.call(fn)).status, 200);
  assert.equal(agent.starts.length, 2);
  assert.deepEqual(
    next.records.map(({ coldReason }) => coldReason),
    ["warm", "warm"],
  );
  for (const instance of agent.instances) {
    await until(() => agent.notesOf(instance, "owned").length === 1);
    assert.equal(agent.notesOf(instance, "stop").length, 0);
    assert.equal(instance.calls.length, 2);
  }
});

test("a busy instance finishes its requests first, and then goes over", async () => {
  const fn = world.fn();
  agent.handle = () => undefined;
  await startBoth();
  const asked = world.call(fn);
  await until(() => agent.instances[0]?.calls.length === 1);
  const drained = world.gateway.drain({ deadlineMs: 5_000 });
  const early = next.call(fn, { path: "/early" });
  agent.instances[0]?.calls[0]?.answer("finished");
  const answered = await asked;
  assert.deepEqual([answered.body, answered.headers.connection], ["finished", "close"]);
  await drained;
  assert.equal(next.gateway.stats().instances, 2);
  await until(() => agent.instances.some(({ calls }) => calls.at(-1)?.head.u === "/early"));
  for (const { calls } of agent.instances) {
    if (calls.at(-1)?.head.u === "/early") calls.at(-1)?.answer("served");
  }
  assert.equal((await early).body, "served");
});

test("with one instance allowed, the next gateway's request waits for the one that is handed over", async () => {
  const fn = world.fn({ config: { maxInstances: 1 } });
  agent.onStart = async (head) =>
    agent.instances.length === 0
      ? await agent.grantStart(head)
      : { ok: false, refusal: { kind: "limit", why: "one is enough" } };
  await startBoth();
  await world.call(fn);
  const waiting = next.call(fn);
  await until(() => agent.starts.length >= 2);
  await world.gateway.drain({ deadlineMs: 5_000 });
  assert.equal((await waiting).status, 200);
  assert.equal(agent.instances.length, 1);
});

test("an instance that comes when all others have gone over goes over as well", async () => {
  const fn = world.fn({ config: { rest: "run" } });
  const busy = world.fn({ name: "busy" });
  answerAllButHeld();
  await startBoth();
  await world.call(fn);
  const held = world.call(busy, { path: "/held" });
  await until(() => agent.instances[1]?.calls.length === 1);
  const drained = world.gateway.drain({ deadlineMs: 8_000 });
  await until(() => next.gateway.stats().instances === 1);
  const head = { functionId: fn.id, revisionId: fn.latest.id, reason: "provisioned" } as const;
  await agent.grantStart(head);
  await until(() => next.gateway.stats().instances === 2);
  agent.instances[1]?.calls[0]?.answer("finished");
  assert.equal((await held).body, "finished");
  await drained;
  assert.equal(next.gateway.stats().instances, 3);
});

test("clients of one function, and those that say nothing, hold back no instance of another", async () => {
  const fn = world.fn({ config: ONE });
  const busy = world.fn({ name: "busy" });
  answerAllButHeld();
  await startBoth({ keepAliveTimeoutMs: LONG_MS });
  await world.call(fn);
  using silent = await openRaw(world.port);
  using idle = await openRaw(world.port);
  idle.write(requestFor(busy));
  await idle.receive(/true$/);
  const held = world.call(busy, { path: "/held" });
  await until(() => agent.instances[1]?.calls.length === 2);
  allowNoMore();
  const drained = world.gateway.drain({ deadlineMs: LONG_MS });
  const { status, body } = await next.call(fn);
  assert.equal(status, 200, body);
  for (const { socket } of [silent, idle]) socket.destroy();
  agent.instances[1]?.calls[1]?.answer("finished");
  assert.equal((await held).body, "finished");
  await drained;
});

test("at the deadline what was kept for a client goes over as well", async () => {
  const fn = world.fn({ config: ONE });
  await startBoth({ keepAliveTimeoutMs: LONG_MS });
  using idle = await openRaw(world.port);
  idle.write(requestFor(fn));
  await idle.receive(/GET \/$/);
  const drained = world.gateway.drain({ deadlineMs: 4_000 });
  const laterMs = clock.monotonicMs() + 150;
  await until(() => clock.monotonicMs() >= laterMs);
  assert.equal(next.gateway.stats().instances, 0, "control: it is kept until then");
  await drained;
  assert.equal(next.gateway.stats().instances, 1);
  assert.equal((await next.call(fn)).status, 200);
});

for (const { who, first, rest } of [
  { who: "on a kept connection", first: "", rest: requestFor },
  { who: "on a connection that had not asked before", first: "silent", rest: requestFor },
  { who: "whose body was still arriving", first: "part", rest: () => "yz" },
] as const) {
  test(`a late request ${who} is served, also where no other instance may start`, async () => {
    const fn = world.fn({ config: ONE });
    const rounds = new RoundClock();
    await startBoth({}, { clock: rounds });
    await world.call(fn);
    using client = await openRaw(world.port);
    if (first === "") {
      client.write(requestFor(fn));
      await client.receive(/GET \/$/);
    }
    if (first === "part") client.write(uploadFor(fn, 3));
    allowNoMore();
    const drained = world.gateway.drain({ deadlineMs: LONG_MS });
    await until(() => rounds.rounds >= 10);
    client.write(rest(fn));
    const statuses = (await client.ended()).match(/HTTP\/1\.1 \d+/g) ?? [];
    assert.deepEqual(new Set(statuses), new Set(["HTTP/1.1 200"]));
    await drained;
    assert.equal(next.gateway.stats().instances, 1);
  });
}

test("nothing is kept for longer than a client may keep its connection", async () => {
  const fn = world.fn({ config: ONE });
  await startBoth({ keepAliveTimeoutMs: 300 });
  await world.call(fn);
  using silent = await openRaw(world.port);
  using uploading = await openRaw(world.port);
  uploading.write(uploadFor(fn, 3));
  await until(() => world.gateway.stats().connections === 2);
  allowNoMore();
  const drained = world.gateway.drain({ deadlineMs: LONG_MS });
  const { status, body } = await next.call(fn);
  assert.equal(status, 200, body);
  for (const { socket } of [silent, uploading]) socket.destroy();
  await drained;
});

test("a connection that was kept open is answered while draining, and then closed", async () => {
  const fn = world.fn();
  await startBoth();
  const { port } = world;
  const keeping = new Agent({ keepAlive: true });
  const ask = async (): Promise<string | undefined> =>
    await new Promise((resolve, reject) => {
      const path = `/-/${fn.app}/${fn.name}/`;
      get({ port, path, agent: keeping }, (res) => {
        res.resume().on("end", () => resolve(res.headers.connection));
      }).on("error", reject);
    });
  assert.equal(await ask(), "keep-alive");
  const drained = world.gateway.drain({ deadlineMs: LONG_MS });
  assert.equal(await ask(), "close");
  await drained;
  keeping.destroy();
});

test("at the deadline what still runs is cut off and its instance stopped", async () => {
  const fn = world.fn();
  agent.handle = () => undefined;
  await startBoth();
  using client = await openRaw(world.port);
  client.write(`GET /-/${fn.app}/${fn.name}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until(() => agent.instances[0]?.calls.length === 1);
  await world.gateway.drain({ deadlineMs: 80 });
  await client.ended();
  await world.gateway.close();
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal(world.records.length, 1);
});

test("an instance that does not agree to be parked is stopped", async () => {
  const fn = world.fn();
  await startBoth();
  await world.call(fn);
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  instance.socket.pause();
  await world.gateway.drain({ deadlineMs: 5_000 });
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal(next.gateway.stats().instances, 0);
});
