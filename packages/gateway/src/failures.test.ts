import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { Clock } from "@skerry/base";
import type { InstanceExit } from "@skerry/contracts";
import { LeapClock, openRaw } from "@skerry/testkit";
import {
  clock,
  until,
  World,
  type AgentDouble,
  type Answered,
  type InstanceDouble,
} from "../test/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => await world.close());

test("bodies that wait have one bound, and give back what they had of it", async () => {
  const fn = world.fn({ config: { maxInstances: 1 } });
  const other = world.fn({ name: "other" });
  const agent = await world.agent();
  agent.handle = (call) => {
    if (call.head.u === "/") call.answer("true");
  };
  const held = { path: "/held", body: "x".repeat(60_000) };
  await world.start({ waitingBodyBytesMax: 100_000 });
  const live = world.call(fn, held);
  await until(() => agent.instances[0]?.calls.length === 1);
  const waiting = world.call(fn, held);
  await until(() => world.gateway.stats().waiting === 1);
  using slow = await openRaw(world.port);
  const lines = "HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  slow.write(`POST /-/${fn.app}/${fn.name}/ ${lines}c350\r\n${"x".repeat(50_000)}\r\n`);
  assert.match(await slow.receive(/as many request bodies as it may/), /^HTTP\/1\.1 429 /);
  const refused = await world.call(other, { body: held.body });
  assertFailed(refused, { reason: "FUNCTION_THROTTLED", status: 429, outcome: "throttled" });
  assert.equal(refused.headers["retry-after"], "1");
  assert.equal((await world.call(other)).status, 200);
  assert.equal((await world.call(other, { body: "x".repeat(30_000) })).status, 200);
  agent.instances[0]?.calls[0]?.answer("first");
  assert.equal((await live).body, "first");
  await until(() => agent.instances[0]?.calls.length === 2);
  assert.equal((await world.call(other, { body: "x".repeat(99_000) })).status, 200);
  agent.instances[0]?.calls[1]?.answer("second");
  assert.equal((await waiting).body, "second");
});

test("a fault while a request is dispatched costs that request only", async () => {
  const timeoutMs = 4_321;
  const fn = world.fn({ config: { timeoutMs } });
  await world.agent();
  let faults = 1;
  const faulty: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule(delayMs, run, options) {
      if (delayMs === timeoutMs && faults-- > 0) throw new TypeError("a fault of the test's");
      return clock.schedule(delayMs, run, options);
    },
  };
  await world.start({}, { clock: faulty });
  const first = await world.call(fn);
  assert.equal(first.status, 500);
  assert.equal((await world.call(fn)).status, 200);
  assert.ok(faults <= 0);
});

/** The answer is this error, and the one record agrees. */
function assertFailed(answered: Answered, expected: Record<string, unknown>): void {
  const { status, headers, error } = answered;
  const record = world.records.at(-1);
  assert.equal(headers["x-skerry-error"], error.reason);
  assert.equal(headers["x-skerry-request-id"], error.requestId);
  assert.equal(record?.status, status);
  assert.deepEqual(
    { reason: error.reason, status, outcome: record?.outcome },
    { ...expected },
    error.message,
  );
}

for (const [kind, expected] of [
  ["failed", { reason: "FUNCTION_FAILED", status: 502, outcome: "function_error" }],
  ["bad_response", { reason: "FUNCTION_BAD_RESPONSE", status: 502, outcome: "bad_response" }],
  ["too_large", { reason: "FUNCTION_PAYLOAD_TOO_LARGE", status: 413, outcome: "too_large" }],
] as const) {
  test(`a function that says ${kind} is answered with ${expected.reason}`, async () => {
    const fn = world.fn();
    const agent = await world.agent();
    agent.handle = (call) => call.fail(kind, "RangeError", "too far");
    await world.start();
    const answered = await world.call(fn);
    assertFailed(answered, expected);
    if (kind === "failed") assert.match(answered.error.message, /threw RangeError: too far/);
    agent.handle = (call) => call.answer("fine");
    assert.equal((await world.call(fn)).body, "fine");
    assert.equal(agent.starts.length, 1);
  });
}

const CRASH = { reason: "FUNCTION_CRASHED", status: 502, outcome: "crashed" };
const EXITS: readonly [string, Partial<InstanceExit>, Record<string, unknown>, RegExp][] = [
  ["with a code", { code: 3 }, CRASH, /exit code 3/],
  ["by a signal", { signal: "SIGSEGV" }, CRASH, /signal SIGSEGV/],
  [
    "for want of memory",
    { signal: "SIGKILL", outOfMemory: true },
    { reason: "FUNCTION_OUT_OF_MEMORY", status: 502, outcome: "out_of_memory" },
    /128 MiB/,
  ],
  [
    "by an operator's order",
    { signal: "SIGKILL", stopped: true },
    { reason: "FUNCTION_STOPPED", status: 503, outcome: "unavailable" },
    /An operator stopped/,
  ],
];
for (const [how, exit, expected, message] of EXITS) {
  for (const noteFirst of [true, false]) {
    const order = noteFirst ? "before" : "after";
    test(`an instance that ends ${how} is told so, its note ${order} its link's end`, async () => {
      const fn = world.fn();
      const agent = await world.agent();
      agent.handle = ({ instance }) => {
        const note = { code: null, signal: null, outOfMemory: false, ...exit };
        const tell = (): void => agent.note({ op: "exited", instanceId: instance.id, exit: note });
        if (noteFirst) tell();
        instance.socket.destroy();
        if (!noteFirst) setImmediate(() => setImmediate(tell));
      };
      await world.start();
      const answered = await world.call(fn);
      assertFailed(answered, expected);
      assert.match(answered.error.message, message);
      agent.handle = (call) => call.answer("again");
      assert.equal((await world.call(fn)).body, "again");
      assert.equal(world.records.at(-1)?.coldReason, "instance_lost");
    });
  }
}

test("an instance that closed its link, and whose exit is never told, has crashed and is stopped", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  let ended: InstanceDouble | undefined;
  agent.handle = ({ instance }) => {
    ended = instance;
    instance.socket.destroy();
  };
  const leaping = new LeapClock();
  await world.start({}, { clock: leaping });
  // The wait begins when the gateway has seen the end; together they stay below any timeout.
  const leaps = setInterval(() => leaping.leap(100), 5);
  const answered = await world.call(fn).finally(() => clearInterval(leaps));
  assertFailed(answered, CRASH);
  assert.match(answered.error.message, /its link ended/);
  assert.ok(ended !== undefined);
  const stopped = ended;
  await until(() => agent.notesOf(stopped, "stop").length === 1);
});

test("how an instance ended is heard seconds later, too", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  const leaping = new LeapClock();
  agent.handle = ({ instance }) => {
    instance.socket.destroy();
    const exit = { code: 3, signal: null, outOfMemory: false };
    setTimeout(() => leaping.leap(4_000), 100);
    setTimeout(() => agent.note({ op: "exited", instanceId: instance.id, exit }), 200);
  };
  await world.start({}, { clock: leaping });
  const answered = await world.call(fn);
  assertFailed(answered, CRASH);
  assert.match(answered.error.message, /exit code 3/);
});

/** A clock with which a wait of just this long lasts longer than the test. */
function neverAfter(waitMs: number): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, run, options) =>
      delayMs === waitMs ? () => undefined : clock.schedule(delayMs, run, options),
  };
}

test("how an instance ended is waited for while its agent is there, and no longer", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.grantMore = { agentId: agent.agentId };
  agent.handle = ({ instance }) => {
    instance.socket.destroy();
    setTimeout(() => void agent.close(), 100);
  };
  await world.start({}, { clock: neverAfter(8_000) });
  assertFailed(await world.call(fn), CRASH);
});

test("an answer sent just before the exit still counts", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.handle = (call) => {
    const exit = { code: 0, signal: null, outOfMemory: false };
    agent.note({ op: "exited", instanceId: call.instance.id, exit });
    setImmediate(() => call.answer("last words"));
  };
  await world.start();
  assert.equal((await world.call(fn)).body, "last words");
});

test("an answer sent just before the exit counts, though the gateway is held up", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  const leaping = new LeapClock();
  agent.handle = (call) => {
    const exit = { code: 0, signal: null, outOfMemory: false };
    agent.note({ op: "exited", instanceId: call.instance.id, exit });
    setTimeout(() => leaping.leap(100), 50);
    setTimeout(() => call.answer("last words"), 100);
  };
  await world.start({}, { clock: leaping });
  assert.equal((await world.call(fn)).body, "last words");
});

test("nothing goes to an instance whose exit was told, while its last words are waited for", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.handle = (call) => {
    const exit = { code: 0, signal: null, outOfMemory: false };
    agent.note({ op: "exited", instanceId: call.instance.id, exit });
    call.answer(call.instance.id);
  };
  // Somebody holds the link, and the two seconds for its last words last longer than the test.
  await world.start({}, { clock: neverAfter(2_000) });
  const first = (await world.call(fn)).body;
  await until(() => world.gateway.stats().instances === 0);
  assert.notEqual((await world.call(fn)).body, first);
});

test("a request whose instance an operator stopped while its code loaded may be tried again", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.onStart = () => ({
    ok: false,
    refusal: { kind: "unavailable", why: "stopped", stopped: true },
  });
  await world.start();
  const answered = await world.call(fn);
  assertFailed(answered, { reason: "FUNCTION_STOPPED", status: 503, outcome: "unavailable" });
  agent.onStart = (head) => agent.grantStart(head);
  assert.equal((await world.call(fn)).status, 200);
});

test("code that cannot be loaded fails its requests, and not every request starts it anew", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.onStart = () => ({
    ok: false,
    refusal: { kind: "init_failed", name: "SyntaxError", message: "boo", initUs: 5 },
  });
  await world.start();
  const expected = { reason: "FUNCTION_INIT_FAILED", status: 502, outcome: "init_failed" };
  for (let i = 0; i < 5; i += 1) {
    const answered = await world.call(fn);
    assertFailed(answered, expected);
    assert.match(answered.error.message, /SyntaxError: boo/);
  }
  assert.ok(agent.starts.length < 4, `${agent.starts.length} starts`);
});

test("with the limit reached a request waits its queue time and is then throttled", async () => {
  const fn = world.fn({ config: { queueTimeoutMs: 60, maxInstances: 1 } });
  const agent = await world.agent();
  agent.handle = () => undefined;
  await world.start();
  const first = world.call(fn, { path: "/first" });
  await until(() => agent.instances[0]?.calls.length === 1);
  const answered = await world.call(fn, { path: "/second" });
  assertFailed(answered, { reason: "FUNCTION_THROTTLED", status: 429, outcome: "throttled" });
  assert.match(String(answered.headers["retry-after"]), /^[1-9]\d*$/);
  agent.instances[0]?.calls[0]?.answer("done");
  assert.equal((await first).body, "done");
  assert.equal(world.records.length, 2);
  assert.ok((world.records[0]?.queueUs ?? 0) >= 50_000);
});

test("without an agent a request is refused when its queue time is over", async () => {
  const fn = world.fn({ config: { queueTimeoutMs: 120 } });
  await world.start();
  const expected = { reason: "FUNCTION_UNAVAILABLE", status: 503, outcome: "unavailable" };
  assertFailed(await world.call(fn), expected);
});

test("an agent that comes up serves those who wait", async () => {
  const fn = world.fn();
  await world.start();
  const waiting = world.call(fn);
  await until(() => world.gateway.stats().waiting === 1);
  const agent = await world.agent();
  world.gateway.agentUp(agent);
  assert.equal((await waiting).status, 200);
});

test("a start whose agent dies is asked of another", async () => {
  const fn = world.fn();
  const first = await world.agent();
  first.onStart = () => undefined;
  await world.start();
  const waiting = world.call(fn);
  await until(() => first.starts.length === 1);
  const second = await world.agent();
  world.gateway.agentUp(second);
  world.gateway.agentDown(first.agentId);
  assert.equal((await waiting).status, 200);
  assert.equal(second.starts.length, 1);
});

/** Far longer than an answer takes; the tests leap over it. */
const SPIN_MS = 20_000;

interface Spinning {
  readonly agent: AgentDouble;
  /** Asks for what hangs; resolves once a handler has it. */
  hang(): Promise<{ readonly answered: Promise<Answered>; readonly instance: InstanceDouble }>;
  /** The time of what hangs is over, or so many milliseconds more. */
  leap(byMs?: number): void;
}

async function startSpinning(concurrency: number): Promise<Spinning> {
  world.fn({ config: { concurrency, timeoutMs: SPIN_MS } });
  const agent = await world.agent();
  agent.handle = (call) => {
    if (call.head.u !== "/hang") call.answer("quick");
  };
  const leaping = new LeapClock();
  await world.start({}, { clock: leaping });
  const hang = async () => {
    const answered = world.ask({ path: "/-/shop/hello/hang" });
    await until(() => agent.instances[0]?.calls.at(-1)?.head.u === "/hang");
    const [instance] = agent.instances;
    assert.ok(instance !== undefined);
    return { answered, instance };
  };
  return { agent, hang, leap: (byMs = SPIN_MS) => leaping.leap(byMs) };
}
const TIMEOUT = { reason: "FUNCTION_TIMEOUT", status: 504, outcome: "timeout" };
const QUICK = { path: "/-/shop/hello/x" };

test("a handler that runs alone and exceeds its timeout is stopped with its instance", async () => {
  const { agent, hang, leap } = await startSpinning(1);
  const { answered, instance } = await hang();
  leap();
  assertFailed(await answered, TIMEOUT);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal((await world.ask(QUICK)).body, "quick");
  assert.equal(agent.instances.length, 2);
});

test("a handler that shares its instance is cancelled and the others go on", async () => {
  const { agent, hang, leap } = await startSpinning(4);
  const { answered, instance } = await hang();
  assert.equal((await world.ask(QUICK)).body, "quick");
  leap();
  assertFailed(await answered, TIMEOUT);
  assert.match((await instance.calls.at(0)?.cancelled) ?? "", /timeout/);
  assert.equal((await world.ask(QUICK)).body, "quick");
  assert.deepEqual([agent.instances.length, agent.notesOf(instance, "stop").length], [1, 0]);
});

test("a shared instance that shows no sign of life after a timeout is stopped", async () => {
  const { agent, hang, leap } = await startSpinning(4);
  const { answered, instance } = await hang();
  // From here on the double reads nothing, like a runtime whose event loop is blocked.
  instance.socket.pause();
  leap();
  assertFailed(await answered, TIMEOUT);
  leap(5_000);
  await until(() => agent.notesOf(instance, "stop").length === 1);
  assert.equal(agent.notesOf(instance, "stop")[0]?.op, "stop");
  assert.equal((await world.ask(QUICK)).body, "quick");
});

test("a request body over the limit is refused before it gets a slot", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  await world.start();
  const expected = { reason: "FUNCTION_PAYLOAD_TOO_LARGE", status: 413, outcome: "too_large" };
  assertFailed(await world.call(fn, { body: Buffer.alloc((6 << 20) + 1) }), expected);
  assert.equal(agent.starts.length, 0);
});

test("a request body and an answer of exactly 6 MiB pass, one byte more of answer does not", async () => {
  const fn = world.fn();
  const agent = await world.agent();
  agent.handle = (call) => {
    void call.body.then((body) => call.answer(Buffer.concat([body, body.subarray(0, extra)])));
  };
  let extra = 0;
  await world.start();
  const body = Buffer.alloc(6 << 20, "x");
  const whole = await world.call(fn, { body });
  assert.ok(whole.bytes.equals(body));
  assert.deepEqual(
    [world.records[0]?.bytesIn, world.records[0]?.bytesOut],
    [body.length, body.length],
  );
  extra = 1;
  const expected = { reason: "FUNCTION_PAYLOAD_TOO_LARGE", status: 413, outcome: "too_large" };
  assertFailed(await world.call(fn, { body }), expected);
});

test("a client that leaves while it waits or runs is recorded once as cancelled", async () => {
  const fn = world.fn({ config: { maxInstances: 1, concurrency: 2 }, kind: "fetch" });
  const agent = await world.agent();
  agent.handle = () => undefined;
  await world.start();
  const request = `GET /-/shop/${fn.name}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
  const clients = [await openRaw(world.port), await openRaw(world.port), await openRaw(world.port)];
  for (const client of clients) client.write(request);
  await until(() => agent.instances[0]?.calls.length === 2);
  await until(() => world.gateway.stats().waiting === 1);
  for (const client of clients) client[Symbol.dispose]();
  await until(() => world.records.length === 3);
  assert.deepEqual(
    world.records.map(({ outcome }) => outcome),
    ["cancelled", "cancelled", "cancelled"],
  );
  for (const call of agent.instances[0]?.calls ?? []) {
    assert.match(await call.cancelled, /the client left/);
  }
  assert.equal(world.gateway.stats().live, 0);
});

test("a handler that runs alone is not interrupted by its client, and its slot stays taken", async () => {
  const fn = world.fn({ config: { maxInstances: 1 } });
  const agent = await world.agent();
  agent.handle = () => undefined;
  await world.start();
  const client = await openRaw(world.port);
  client.write(`GET /-/shop/${fn.name}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until(() => agent.instances[0]?.calls.length === 1);
  client[Symbol.dispose]();
  const next = world.call(fn, { path: "/next" });
  await until(() => world.gateway.stats().waiting === 1);
  assert.equal(agent.instances[0]?.calls.length, 1);
  agent.instances[0].calls[0]?.answer("nobody hears this");
  await until(() => agent.instances[0]?.calls.length === 2);
  agent.instances[0].calls[1]?.answer("next");
  assert.equal((await next).body, "next");
  assert.deepEqual(
    world.records.map(({ outcome, status }) => [outcome, status]),
    [
      ["cancelled", 499],
      ["ok", 200],
    ],
  );
});

test("a function nobody knows is not found, and before any configuration the gateway says so", async () => {
  await world.start();
  const early = await world.ask({ path: "/-/shop/hello/" });
  assert.deepEqual([early.status, early.error.reason], [503, "GATEWAY_NOT_READY"]);
  await world.close();
  world = new World();
  world.fn({ name: "other" });
  await world.start();
  const answered = await world.ask({ path: "/-/shop/hello/" });
  assert.deepEqual([answered.status, answered.error.reason], [404, "FUNCTION_NOT_FOUND"]);
  assert.equal(world.records.length, 0);
});
