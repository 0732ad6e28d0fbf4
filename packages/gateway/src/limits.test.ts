/** Limits of functions and quotas of accounts, as callers meet them at the gateway. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import type { Clock } from "@skerry/base";
import { LIMITS, type FunctionEntry, type RoleFigures } from "@skerry/contracts";
import { roleFigures } from "@skerry/contracts/schemas";
import { LeapClock } from "@skerry/testkit";
import { functionFigures } from "./function-figures.ts";
import { controlDouble } from "../test/control.ts";
import {
  clock,
  ids,
  until,
  World,
  type AgentDouble,
  type Answered,
  type Call,
} from "../test/world.ts";

let world: World;
let agent: AgentDouble;
let held: Call[];
const leaping = new LeapClock();
/** Of three leaps over it, no link of an agent takes two for a silence that is too long. */
const LONG_MS = 8_000;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  held = [];
  agent.handle = (call) => void held.push(call);
});
afterEach(async () => await world.close());

function release(): void {
  for (const call of held.splice(0)) call.answer("done");
}

/** Reason, status and Retry-After of an answer. */
function saidBy({ status, error, headers }: Answered): readonly unknown[] {
  return [status, error.reason, headers["retry-after"]];
}

test("beyond the concurrency of a function a request is told so, and comes in when one has ended", async () => {
  const fn = world.fn({ config: { limits: { concurrency: 2 } } });
  await world.start();
  const running = [world.call(fn), world.call(fn)];
  await until(() => held.length === 2);
  const refused = await world.call(fn);
  assert.deepEqual(saidBy(refused), [429, "CONCURRENCY_LIMITED", "1"]);
  assert.match(refused.error.message, /shop\/hello has 2 requests under way/);
  release();
  for (const one of running) assert.equal((await one).status, 200);
  const next = world.call(fn);
  await until(() => held.length === 1);
  release();
  assert.equal((await next).status, 200);
  assert.equal(world.records.length, 3, "what was turned away is no invocation");
});

test("without a limit as many are under way as there are", async () => {
  const fn = world.fn();
  await world.start();
  const running = Array.from({ length: 12 }, () => world.call(fn));
  await until(() => held.length === 12);
  release();
  for (const one of running) assert.equal((await one).status, 200);
});

test("beyond rate and burst of a function requests are told when to come again", async () => {
  const fn = world.fn({ config: { limits: { ratePerSecond: 0.1, burst: 2 } } });
  agent.handle = (call) => call.answer("done");
  // However long the answers take, no time goes by between them.
  const still: Clock = {
    monotonicMs: () => 0,
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, run, options) => clock.schedule(delayMs, run, options),
  };
  await world.start({}, { clock: still });
  const answers = [await world.call(fn), await world.call(fn), await world.call(fn)];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 429],
  );
  assert.deepEqual(saidBy(answers[2] as Answered), [429, "RATE_LIMITED", "10"]);
});

test("a client that leaves takes its place in the count with it", async () => {
  const fn = world.fn({ kind: "fetch", config: { limits: { concurrency: 1 } } });
  await world.start();
  const { port } = world;
  const aborts = new AbortController();
  const url = `http://127.0.0.1:${port}/-/shop/hello/`;
  const gone = fetch(url, { signal: aborts.signal }).catch(() => undefined);
  await until(() => held.length === 1);
  assert.equal((await world.call(fn)).status, 429);
  aborts.abort();
  await gone;
  await until(() => world.records.length === 1);
  agent.handle = (call) => call.answer("done");
  assert.equal((await world.call(fn)).status, 200);
});

test("a request that is refused for what it says takes no place in the count", async () => {
  const fn = world.fn({ config: { limits: { concurrency: 1 } } });
  agent.handle = (call) => call.answer("done");
  await world.start();
  const headers = { "x-skerry-client-context": "no JSON" };
  const { error } = await world.call(fn, { headers });
  assert.equal(error.reason, "GATEWAY_CLIENT_CONTEXT_INVALID");
  assert.equal((await world.call(fn)).status, 200);
});

test("an account's quotas bound its functions together, and not those of another account", async () => {
  world.quotas({ concurrency: 3 });
  const [one, other] = [world.fn({ name: "one" }), world.fn({ name: "other" })];
  const strange = world.fn({ name: "strange" }, ids.id("acct"));
  await world.start();
  const running = [world.call(one), world.call(one), world.call(other)];
  await until(() => held.length === 3);
  const refused = await world.call(other);
  assert.deepEqual(saidBy(refused), [429, "QUOTA_CONCURRENCY_EXCEEDED", "1"]);
  running.push(world.call(strange));
  await until(() => held.length === 4);
  release();
  for (const answer of running) assert.equal((await answer).status, 200);
});

test("quotas that change are in force for the next request", async () => {
  world.quotas({ ratePerSecond: 0.1, burst: 1 });
  const fn = world.fn();
  agent.handle = (call) => call.answer("done");
  const control = await controlDouble(world);
  await world.start();
  await until(() => control.watched.length === 1);
  assert.equal((await world.call(fn)).status, 200);
  assert.equal((await world.call(fn)).error.reason, "QUOTA_RATE_EXCEEDED");
  const { accountId } = world;
  const value = { kind: "quotas", accountId, set: { ratePerSecond: null } } as const;
  control.send([{ seq: 10, key: `quotas/${accountId}`, value }]);
  await until(() => control.applied.includes(10));
  assert.equal((await world.call(fn)).status, 200);
  await control.close();
});

test("two gateways hold half of a limit each", async () => {
  const fn = world.fn({ config: { limits: { concurrency: 4 } } });
  await world.start({ gateways: 2 });
  const running = [world.call(fn), world.call(fn)];
  await until(() => held.length === 2);
  const refused = await world.call(fn);
  assert.match(refused.error.message, /has 4 requests/, "what is told is what was set");
  release();
  for (const one of running) assert.equal((await one).status, 200);
});

test("who waits in vain because of the account's memory is told so", async () => {
  const fn = world.fn({ config: { queueTimeoutMs: 20 } });
  const why = "the account's instances may have 64 MiB together";
  agent.onStart = () => ({ ok: false, refusal: { kind: "limit", why, quotaMemoryMb: 64 } });
  await world.start();
  const refused = await world.call(fn);
  assert.equal(refused.status, 429);
  assert.equal(refused.error.reason, "QUOTA_MEMORY_EXCEEDED");
  assert.match(refused.error.message, /64 MiB/);
});

test("what was turned away is counted by function and reason, and read as it was told", async () => {
  const entry = world.fn();
  await world.start();
  const counts = { live: 2, waiting: 1, starting: 0, instances: 2 };
  const throttled = [{ reason: "RATE_LIMITED", count: 7 }];
  const none = { ...counts, live: 0, waiting: 0 };
  const shells = [{ counts: { ...none, live: 1 } }, { counts: { ...counts, live: 1 } }];
  const aliasFigures = (): [] => [];
  const quiet = { entry, shells: () => [{ counts: none }], throttled: [], aliasFigures };
  const told = functionFigures([{ ...quiet, shells: () => shells, throttled }, quiet] as never);
  const sum = { live: 2, waiting: 1, throttled: { RATE_LIMITED: 7 } };
  const expected = [{ functionId: entry.id, ...sum, aliases: [] }];
  assert.deepEqual(told, expected);
  const figures = { loopLag: { counts: Array(18).fill(0), sumMs: 0 }, values: [] };
  const sent = { ...figures, residentBytes: 1, heapUsedBytes: 1, cpuMs: 1, functions: told };
  const read: RoleFigures = roleFigures.parse(JSON.parse(JSON.stringify(sent)));
  assert.deepEqual(read.functions, expected);
});

test("what a schedule keeps ready is not stopped for idleness before the schedule ends", async () => {
  const provisionedSchedules = [{ instances: 1, cron: "0 8 * * *", durationMinutes: 60 }];
  const fn = world.fn({ config: { idleTimeoutMs: 100, provisionedSchedules } });
  const plain = world.fn({ name: "plain", config: { idleTimeoutMs: 100 } });
  const endMs = Date.UTC(2026, 0, 13, 9);
  // Stands still until the plain one is stopped, however long that takes.
  let startedMs = Infinity;
  const wallMs = (): number => endMs - 2_000 + Math.max(0, clock.monotonicMs() - startedMs);
  const timed: Clock = {
    wallMs,
    monotonicMs: () => clock.monotonicMs(),
    schedule: (delayMs, run, options) => clock.schedule(delayMs, run, options),
  };
  await world.start({}, { clock: timed });
  const reason = "provisioned";
  for (const { id, latest } of [fn, plain]) {
    await agent.grantStart({ functionId: id, revisionId: latest.id, reason });
  }
  const [kept, other] = agent.instances;
  assert.ok(kept !== undefined && other !== undefined);
  await until(() => other.link.closed);
  startedMs = clock.monotonicMs();
  await until(() => kept.link.closed);
  assert.ok(wallMs() >= endMs, "not while the schedule held");
});

/** Ways in which a request ends, other than well; each resolves once it is over. */
const ENDS: Readonly<Record<string, (fn: FunctionEntry) => Promise<unknown>>> = {
  "the handler fails": (fn) => {
    agent.handle = (call) => call.fail("failed");
    return world.call(fn);
  },
  "the answer cannot be understood": (fn) => {
    agent.handle = (call) => call.stream.reply("nonsense", undefined, true);
    return world.call(fn);
  },
  "its instance dies": (fn) => {
    agent.handle = (call) => agent.died(call.instance);
    return world.call(fn);
  },
  "its instance dies in the middle of the answer": (fn) => {
    agent.handle = (call) => {
      call.begin("part");
      setImmediate(() => agent.died(call.instance));
    };
    return world.call(fn).catch(() => undefined);
  },
  "it takes too long": (fn) => {
    agent.handle = () => leaping.leap(LONG_MS);
    return world.call(fn);
  },
  "its body is too large": (fn) => {
    const body = Buffer.alloc(LIMITS.payloadBytesMax + 1);
    return world.call(fn, { method: "POST", body }).catch(() => undefined);
  },
  "its client leaves in the middle of the body": async (fn) => {
    const socket = connect(world.port, "127.0.0.1");
    socket.write(
      `POST /-/${fn.app}/${fn.name}/ HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\npart`,
    );
    agent.handle = (call) => call.answer("done");
    // Once another is turned away, the gateway has seen the request.
    while ((await world.call(fn)).status !== 429) assert.ok(world.records.length < 10_000);
    const before = world.records.length;
    socket.destroy();
    await until(() => world.records.length > before);
  },
};

for (const [how, end] of Object.entries(ENDS)) {
  test(`a place is given back, once, when ${how}`, async () => {
    const config = { timeoutMs: LONG_MS, limits: { concurrency: 1 } };
    const fn = world.fn({ config });
    const streaming = world.fn({ name: "streaming", kind: "fetch", config });
    await world.start({}, { clock: leaping });
    const target = how.includes("middle of the answer") ? streaming : fn;
    for (let round = 0; round < 3; round += 1) await end(target);
    agent.handle = (call) => void held.push(call);
    const running = world.call(target);
    await until(() => held.length === 1);
    assert.equal((await world.call(target)).error.reason, "CONCURRENCY_LIMITED");
    release();
    assert.equal((await running).status, 200);
  });
}
