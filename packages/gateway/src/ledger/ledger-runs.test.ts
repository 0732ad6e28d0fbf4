import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LEDGER_WIRE, LIMITS, type FunctionEntry, type SettlePiece } from "@skerry/contracts";
import type { Piece } from "@skerry/link";
import { answerLedger } from "@skerry/testkit";
import { ListeningLedger, runPiece } from "../../test/ledger-control.ts";
import { aliasOf, versionOf } from "../../test/qualified.ts";
import { ids, until, World, type AgentDouble, type Call } from "../../test/world.ts";

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
let fn: FunctionEntry;
beforeEach(async () => {
  world = new World();
  fn = world.fn();
  agent = await world.agent();
  control = await new ListeningLedger().listen(world);
});
afterEach(async () => {
  await world.close();
  await control.close();
});

async function start(options: Parameters<World["start"]>[0] = {}): Promise<void> {
  await world.start(options);
  await until(() => control.holdings.length > 0);
}

const told = (): readonly Piece<SettlePiece>[] => control.settles.flatMap(({ pieces }) => pieces);

/** The end of one attempt that control gives now. */
async function endOf(piece: ReturnType<typeof runPiece>): Promise<Piece<SettlePiece>> {
  control.run([piece]);
  const found = (): Piece<SettlePiece> | undefined =>
    told().find(({ head }) => head.r === piece.head.r);
  await until(() => found() !== undefined);
  return found() ?? assert.fail();
}

test("an attempt reaches the handler as its event and is told with its result", async () => {
  await start();
  const cc = Buffer.from(`{"user":1}`).toString("base64");
  const tp = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  const piece = runPiece(fn, { n: 1 }, { n: 3, r: ids.requestId(), cc, tp, ct: "text/x" });
  agent.handle = (call) => {
    void call.body.then((body) => call.answer(body, { h: ["Content-Type", "application/json"] }));
  };
  const { head, bytes } = await endOf(piece);
  const [call] = agent.instances[0]?.calls ?? [];
  const { id, r } = piece.head;
  assert.deepEqual([call?.head.m, call?.head.id, call?.head.cc], ["EVENT", r, cc]);
  assert.deepEqual(call?.head.iv, { id, n: 3 });
  assert.match(call?.header("traceparent") ?? "", new RegExp(`^00-${"1".repeat(32)}-`));
  assert.equal(call?.header("content-type"), "text/x");
  assert.deepEqual([head.id, head.n, head.r], [id, 3, r]);
  assert.deepEqual([head.o, head.s, head.ct], ["ok", 200, "application/json"]);
  assert.ok(head.from <= head.to);
  assert.equal(Buffer.from(bytes).toString(), `{"n":1}`);
  await until(() => world.records.length === 1);
  assert.equal(world.records[0]?.requestId, r, "metered as any call");
  assert.equal(world.traces.length, 1);
});

test("an attempt runs as the version that its alias leads to when it begins", async () => {
  world.entries.push(versionOf(fn, 1), versionOf(fn, 2), aliasOf(fn, "release", { version: 1 }));
  await start();
  agent.handle = (call) => call.answer(String(call.instance.grant.version));
  const ranAs = async (q?: string): Promise<string> => {
    const { bytes } = await endOf(runPiece(fn, {}, q === undefined ? {} : { q }));
    return Buffer.from(bytes).toString();
  };
  assert.deepEqual(
    [await ranAs(), await ranAs("2"), await ranAs("release")],
    ["undefined", "2", "1"],
  );
  const move = aliasOf(fn, "release", { version: 2 });
  control.control?.send([move]);
  await until(() => control.control?.applied.includes(move.seq) === true);
  assert.equal(await ranAs("release"), "2");
  const { head } = await endOf(runPiece(fn, {}, { q: "3" }));
  assert.deepEqual([head.o, head.e?.reason], ["unavailable", "QUALIFIER_NOT_FOUND"]);
});

test("a synchronous call carries nothing of this", async () => {
  await start();
  await world.call(fn);
  assert.equal(agent.instances[0]?.calls[0]?.head.iv, undefined);
});

/** What a handler does, and what becomes of its attempt. */
const ENDS: readonly (readonly [string, (call: Call) => void, SettlePiece["o"], string])[] = [
  ["throws", (call) => call.fail("failed"), "function_error", "FUNCTION_FAILED"],
  ["gives no answer", (call) => call.fail("bad_response"), "bad_response", "FUNCTION_BAD_RESPONSE"],
  ["crashes", (call) => void call.instance.socket.destroy(), "crashed", "FUNCTION_CRASHED"],
  ["is late", () => undefined, "timeout", "FUNCTION_TIMEOUT"],
];

for (const [title, handle, outcome, reason] of ENDS) {
  test(`a handler that ${title} is told as ${outcome}, with the error`, async () => {
    const timeoutMs = outcome === "timeout" ? 100 : 20_000;
    const brief = world.fn({ name: "brief", config: { timeoutMs } });
    await start();
    agent.handle = handle;
    const { head, bytes } = await endOf(runPiece(brief));
    assert.deepEqual([head.o, head.e?.reason, bytes.length], [outcome, reason, 0]);
    assert.ok((head.s ?? 0) >= 500);
  });
}

test("the longest error that a handler can throw fits into the head of a piece", async () => {
  await start();
  const worst = "\u0001".repeat(16 << 10);
  agent.handle = (call) => call.fail("failed", worst, worst);
  const { head } = await endOf(runPiece(fn));
  assert.equal(head.e?.reason, "FUNCTION_FAILED");
  assert.ok(JSON.stringify(head).length < LEDGER_WIRE.pieceHeadBytesMax);
});

test("an answer in parts is gathered; one that breaks off is told without a result", async () => {
  await start();
  agent.handle = (call) => {
    call.begin("one ", { st: true });
    call.stream.write(Buffer.from("two"));
    call.stream.end();
  };
  const whole = await endOf(runPiece(fn));
  assert.deepEqual([whole.head.o, Buffer.from(whole.bytes).toString()], ["ok", "one two"]);
  agent.handle = (call) => {
    call.begin("one ", { st: true });
    call.stream.cancel("broken");
  };
  const broken = await endOf(runPiece(fn));
  assert.deepEqual([broken.head.o, broken.bytes.length], ["function_error", 0]);
});

test("a result that is larger than what is kept is cut, whole or in parts, and is a success", async () => {
  await start();
  const { asyncResultBytesMax } = LIMITS;
  const bytes = Buffer.alloc(asyncResultBytesMax, "x");
  agent.handle = (call) => call.answer(bytes);
  const largest = await endOf(runPiece(fn));
  assert.deepEqual([largest.head.cut, largest.bytes.length], [undefined, asyncResultBytesMax]);
  agent.handle = (call) => call.answer(Buffer.concat([bytes, bytes]));
  const larger = await endOf(runPiece(fn));
  assert.deepEqual([larger.head.o, larger.head.cut, larger.bytes.length], ["ok", true, 0]);
  agent.handle = (call) => {
    call.begin(bytes, { st: true });
    call.stream.write(Buffer.from("y"));
    call.stream.end();
  };
  const parts = await endOf(runPiece(fn));
  assert.deepEqual([parts.head.o, parts.head.cut, parts.bytes.length], ["ok", true, 0]);
});

test("an attempt of a function that is not known here is told as unavailable", async () => {
  await start();
  const unknown = { ...fn, id: ids.id("fn") };
  const { head } = await endOf(runPiece(unknown));
  assert.deepEqual([head.o, head.e?.reason], ["unavailable", "FUNCTION_NOT_FOUND"]);
});

test("an attempt that its function's limits, or the room for bodies, turn away is told as throttled", async () => {
  const single = world.fn({ name: "single", config: { limits: { concurrency: 1 } } });
  await start({ waitingBodyBytesMax: 1_000 });
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  control.run([runPiece(single)]);
  await until(() => calls.length === 1);
  const { head } = await endOf(runPiece(single));
  assert.deepEqual([head.o, head.e?.reason], ["throttled", "CONCURRENCY_LIMITED"]);
  const full = await endOf(runPiece(fn, "x".repeat(2_000)));
  assert.deepEqual([full.head.o, full.head.e?.reason], ["throttled", "FUNCTION_THROTTLED"]);
  calls[0]?.answer("{}");
  await until(() => told().length === 3);
  const later = await Promise.race([endOf(runPiece(single)), until(() => calls.length === 2)]);
  assert.equal(later, undefined, "there is room again");
  calls[1]?.answer("{}");
  await until(() => told().length === 4);
});

test("attempts leave half of a function's queue to those whose callers wait", async () => {
  const single = world.fn({ name: "single", config: { maxInstances: 1 } });
  await start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  control.run([runPiece(single)]);
  await until(() => calls.length === 1);
  const half = LIMITS.queueLengthMax / 2;
  control.run(Array.from({ length: half }, () => runPiece(single)));
  control.run([runPiece(single)]);
  await until(() => told().length === 1);
  const [last] = told();
  assert.deepEqual([last?.head.o, last?.head.e?.reason], ["throttled", "FUNCTION_THROTTLED"]);
  assert.equal(world.gateway.stats().waiting, half);
  const asking = world.call(single);
  await until(() => world.gateway.stats().waiting === half + 1);
  agent.handle = (call) => call.answer("{}");
  calls[0]?.answer("{}");
  assert.equal((await asking).status, 200);
});

/** Whatever is given up is ended at once. */
const BRIEF = { async: { cancelGraceMs: 0 } };

test("what control abandons is given up, and nobody is told of its end", async () => {
  const many = world.fn({ name: "many", kind: "fetch", config: { concurrency: 10, ...BRIEF } });
  await start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const piece = runPiece(many);
  control.run([piece]);
  await until(() => calls.length === 1);
  control.abandon([piece.head]);
  await calls[0]?.cancelled;
  await until(() => world.records.length === 1);
  assert.equal(world.records[0]?.outcome, "cancelled");
  assert.equal(told().length, 0);
});

test("what was gathered of a result that nobody wants any more leaves its room to others", async () => {
  const many = world.fn({ name: "many", kind: "fetch", config: { concurrency: 10, ...BRIEF } });
  await start({ gatheredBytesMax: 1_000 });
  const half = Buffer.alloc(600, "x");
  const calls: Call[] = [];
  agent.handle = (call) => {
    calls.push(call);
    call.begin(half, { st: true });
    if (calls.length > 1) call.stream.end();
  };
  const piece = runPiece(many);
  control.run([piece]);
  await until(() => calls.length === 1);
  const beside = await endOf(runPiece(many));
  assert.equal(beside.head.cut, true, "the control: together they are too much");
  control.abandon([piece.head]);
  await calls[0]?.cancelled;
  const alone = await endOf(runPiece(many));
  assert.deepEqual([alone.head.cut, alone.bytes.length], [undefined, half.length]);
});

test("an end survives control's death before it is written down, and is told once more", async () => {
  await start();
  control.onSettle = (settle) => settle.link.close("it dies before it answers");
  control.run([runPiece(fn)]);
  await until(() => control.settles.length === 1);
  control.onSettle = (settle) => answerLedger(settle, ["settled"]);
  await until(() => control.settles.length === 2);
  assert.deepEqual(control.order, ["holding", "settle", "holding", "settle"]);
  assert.equal(control.holdings[1]?.pieces.length, 1);
  assert.equal(agent.instances[0]?.calls.length, 1, "it ran once");
});

test("a drain takes no more attempts, gives back what waits and ends what runs", async () => {
  const single = world.fn({ name: "single", config: { maxInstances: 1 } });
  await start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const [running, waiting] = [runPiece(single), runPiece(single)];
  control.run([running]);
  await until(() => calls.length === 1);
  control.run([waiting]);
  await until(() => world.gateway.stats().waiting === 1);
  let isDrained = false;
  const drained = world.gateway.drain({ deadlineMs: 20_000 }).then(() => (isDrained = true));
  const refused = control.run([runPiece(fn)]);
  await until(() => refused.state === "refused");
  await until(() => told().length === 1);
  const [givenBack] = told().map(({ head }) => head);
  assert.deepEqual([givenBack?.id, givenBack?.o], [waiting.head.id, "cancelled"]);
  assert.equal(isDrained, false);
  calls[0]?.answer(`"done"`);
  await drained;
  assert.deepEqual(
    told().map(({ head, bytes }) => [head.o, Buffer.from(bytes).toString()]),
    [
      ["cancelled", ""],
      ["ok", `"done"`],
    ],
  );
  assert.equal(calls.length, 1);
});

test("what a drain's deadline finds running is told as cancelled", async () => {
  await start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  control.run([runPiece(fn)]);
  await until(() => calls.length === 1);
  await world.gateway.drain({ deadlineMs: 100 });
  assert.deepEqual(
    told().map(({ head }) => head.o),
    ["cancelled"],
  );
});
