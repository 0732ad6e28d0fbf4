/** Attempts that run for long: their own timeout, what they report, and how they are stopped. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { FunctionEntry, SettlePiece } from "@skerry/contracts";
import { HandClock, LeapClock } from "@skerry/testkit";
import { ListeningLedger, runPiece } from "../../test/ledger-control.ts";
import { until, World, type AgentDouble, type Call } from "../../test/world.ts";
import type { Unanswered } from "@skerry/live-invocations";
import { Job } from "./job.ts";

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
const calls: Call[] = [];
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
  calls.length = 0;
  agent.handle = (call) => void calls.push(call);
  control = await new ListeningLedger().listen(world);
});
afterEach(async () => {
  await world.close();
  await control.close();
});

type Config = Parameters<World["fn"]>[0] extends (infer Made) | undefined
  ? Made extends { config?: infer Of }
    ? Of
    : never
  : never;

/** A function, and an attempt of it that has begun. */
async function begin(
  config: Config,
  deps: Parameters<World["start"]>[1] = {},
): Promise<{ fn: FunctionEntry; piece: ReturnType<typeof runPiece> }> {
  const fn = world.fn({ config });
  await world.start({}, deps);
  await until(() => control.holdings.length > 0);
  const piece = runPiece(fn);
  control.run([piece]);
  await until(() => calls.length === 1);
  return { fn, piece };
}

async function ended(): Promise<SettlePiece> {
  await until(() => control.ends.length > 0);
  return control.ends[0] ?? assert.fail();
}

function report(value?: unknown): void {
  const [call] = calls;
  const head = { op: "progress", r: call?.head.id, v: value };
  const nothing = (): void => undefined;
  const handler = { onReply: nothing, onBody: nothing, onWritable: nothing, onFailed: nothing };
  call?.instance.link.open(JSON.stringify(head), { end: true }, handler);
}

test("an attempt may run for longer than a call, and is told for how long", async () => {
  let remainingMs: number | undefined = 0;
  agent.onOpened = (_call, ms) => void (remainingMs = ms);
  const { fn } = await begin({ timeoutMs: 100, async: { timeoutMs: 86_400_000 } });
  assert.equal(remainingMs, 86_400_000);
  assert.equal(
    (await world.call(fn)).status,
    504,
    "control: a call has the function's own timeout",
  );
  assert.equal(control.ends.length, 0);
  calls[0]?.answer("{}");
  assert.equal((await ended()).o, "ok");
});

test("one that takes longer than it may is told with its own timeout", async () => {
  await begin({ timeoutMs: 20_000, async: { timeoutMs: 100 } });
  const { o, e } = await ended();
  assert.deepEqual([o, e?.reason, e?.details?.["timeoutMs"]], ["timeout", "FUNCTION_TIMEOUT", 100]);
});

test("what a handler reports reaches control, the last of a moment and the last before its end", async () => {
  const { piece } = await begin({});
  report({ done: 1, total: 3 });
  report(0.5);
  await until(() => control.progress.length === 1);
  const [head, value] = control.progress[0] ?? assert.fail();
  assert.deepEqual([head.id, head.n, value], [piece.head.id, 1, "0.5"]);
  report({ done: 3, total: 3, message: "x".repeat(100) });
  report("x".repeat(5_000));
  report();
  await until(() => calls[0]?.instance.link.streams === 1);
  calls[0]?.answer("{}");
  await ended();
  const last = control.progress.map(([, json]) => JSON.parse(json) as { done?: number });
  assert.deepEqual([last.length, last[1]?.done], [2, 3], "what is too long is a sign of life");
  assert.ok(control.order.lastIndexOf("progress") < control.order.indexOf("settle"));
});

test("a request that is no attempt reports to nobody", async () => {
  const fn = world.fn();
  await world.start();
  await until(() => control.holdings.length > 0);
  const asked = world.call(fn);
  await until(() => calls.length === 1);
  report(0.5);
  await until(() => calls[0]?.instance.link.streams === 1);
  calls[0]?.answer("{}");
  assert.equal((await asked).status, 200);
  assert.deepEqual(control.progress, []);
});

test("a handler that reports nothing for too long is ended with a reason of its own", async () => {
  await begin({ async: { heartbeatMs: 500 } });
  const { o, e } = await ended();
  assert.deepEqual([o, e?.reason], ["timeout", "FUNCTION_HEARTBEAT_MISSED"]);
  const [instance] = agent.instances;
  await until(() => instance !== undefined && agent.notesOf(instance, "stop").length === 1);
});

test("signs of life keep a handler running for as long as they come", async () => {
  const clock = new LeapClock();
  await begin({ async: { heartbeatMs: 60_000, timeoutMs: 3_600_000 } }, { clock });
  for (let sign = 0; sign < 4; sign += 1) {
    report();
    await until(() => calls[0]?.instance.link.streams === 1);
    clock.leap(40_000);
  }
  assert.equal(control.ends.length, 0);
  calls[0]?.answer("{}");
  assert.equal((await ended()).o, "ok");
});

test("what was said while the gateway was held up counts, and silence after it does not", async () => {
  await world.start();
  const entry = world.fn({ config: { async: { heartbeatMs: 1_000 } } });
  const clock = new HandClock();
  const given: Unanswered[] = [];
  const job = new Job({
    clock,
    owner: { giveUp: (_: unknown, why: Unanswered) => given.push(why) } as never,
    invocation: () => ({ entry }) as never,
    reported: () => undefined,
  });
  job.begun();
  clock.advance(1_000);
  job.heard(undefined);
  clock.advance(999);
  assert.equal(given.length, 0, "it was read as soon as the gateway had its turn");
  clock.advance(1_000);
  assert.deepEqual(
    given.map(({ error }) => error.reason),
    ["FUNCTION_HEARTBEAT_MISSED"],
  );
});

test("one that is stopped is asked to end by itself, and its answer is told", async () => {
  const { piece } = await begin({ async: { cancelGraceMs: 20_000 } });
  control.stop([piece.head]);
  control.stop([piece.head]);
  await until(() => agent.instances[0]?.aborted.length === 1);
  assert.deepEqual(agent.instances[0]?.aborted, [calls[0]?.head.id]);
  calls[0]?.answer(`"half"`);
  const { o, s } = await ended();
  assert.deepEqual([o, s], ["ok", 200]);
  assert.equal(Buffer.from(control.settles[0]?.pieces[0]?.bytes ?? []).toString(), `"half"`);
  const [instance] = agent.instances;
  assert.ok(instance !== undefined);
  assert.deepEqual(agent.notesOf(instance, "stop"), [], "its instance lives");
});

test("one that does not end by itself is ended with its instance", async () => {
  const { piece } = await begin({ async: { cancelGraceMs: 50 } });
  control.stop([piece.head]);
  const { o, e } = await ended();
  assert.deepEqual([o, e?.reason], ["cancelled", "FUNCTION_CANCELLED"]);
  await until(() => world.records.length === 1);
  assert.equal(world.records[0]?.outcome, "cancelled");
  const [instance] = agent.instances;
  await until(() => instance !== undefined && agent.notesOf(instance, "stop").length === 1);
});

test("where requests share an instance, the others of a stopped one go on", async () => {
  const { fn, piece } = await begin({ concurrency: 10, async: { cancelGraceMs: 50 } });
  const beside = world.call(fn);
  await until(() => calls.length === 2);
  control.stop([piece.head]);
  assert.equal((await ended()).o, "cancelled");
  calls[1]?.answer("beside");
  assert.equal((await beside).body, "beside");
});

test("one that waits for its turn is told as cancelled at once", async () => {
  const { fn } = await begin({ maxInstances: 1 });
  const second = runPiece(fn);
  control.run([second]);
  await until(() => world.gateway.stats().waiting === 1);
  control.stop([second.head]);
  const { id, o } = await ended();
  assert.deepEqual([id, o], [second.head.id, "cancelled"]);
});

test("one that goes down with its agent is told as no fault of its own", async () => {
  const { fn, piece } = await begin({});
  const beside = world.call(fn);
  await until(() => calls.length === 2);
  await agent.close();
  for (const { socket } of agent.instances) socket.destroy();
  const { id, o, e } = await ended();
  assert.deepEqual([id, o, e?.reason], [piece.head.id, "unavailable", "FUNCTION_INSTANCE_LOST"]);
  assert.equal((await beside).status, 502, "a call is told that it crashed");
});

test("control: one whose instance dies under its agent has crashed", async () => {
  await begin({});
  agent.instances[0]?.socket.destroy();
  const { o, e } = await ended();
  assert.deepEqual([o, e?.reason], ["crashed", "FUNCTION_CRASHED"]);
});
