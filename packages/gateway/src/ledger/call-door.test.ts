import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { LIMITS, type AnswerReply, type FunctionEntry } from "@skerry/contracts";
import { answerLedger, LeapClock } from "@skerry/testkit";
import { ListeningLedger, rememberKeys, runPiece } from "../../test/ledger-control.ts";
import {
  until,
  World,
  type AgentDouble,
  type Answered,
  type Asked,
  type Call,
} from "../../test/world.ts";

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
let fn: FunctionEntry;
let developer: string;
beforeEach(async () => {
  world = new World();
  fn = world.fn({ kind: "fetch" });
  developer = world.key("developer");
  agent = await world.agent();
  control = await new ListeningLedger().listen(world);
});
afterEach(async () => {
  await world.close();
  await control.close();
});

async function keyed(asked: Asked = {}, called = fn): Promise<Answered> {
  const headers = { "x-skerry-key": developer, "idempotency-key": "k-1", ...asked.headers };
  return await world.call(called, { body: "b", ...asked, headers });
}

const told = () => control.calls.flatMap(({ pieces }) => pieces);
const ends = () => control.settles.flatMap(({ pieces }) => pieces);
const runs = () => agent.instances.reduce((sum, { calls }) => sum + calls.length, 0);

/** Answers `answer` streams with this. */
function kept(reply: AnswerReply): void {
  control.onAnswer = (asked) => answerLedger(asked, reply);
}

/** The ledger names `id` for every key. */
function known(id: string): void {
  control.onCall = (asked) =>
    answerLedger(
      asked,
      asked.pieces.map(() => ({ ok: true, id, held: false })),
    );
}

test("a call is written down before it runs, and its answer before its caller has it", async () => {
  await world.start();
  agent.handle = (call) => {
    assert.equal(told().length, 1);
    call.answer(`made`, { s: 201, h: ["content-type", "text/plain", "x-made", "1"] });
  };
  control.onSettle = () => undefined;
  let isAnswered = false;
  const answering = keyed({ path: "/orders?a=1", headers: { "x-a": "b" } }).finally(
    () => (isAnswered = true),
  );
  await until(() => control.settles.length === 1);
  assert.equal(isAnswered, false);
  const [settle] = control.settles;
  assert.ok(settle !== undefined);
  answerLedger(settle, ["settled"]);
  const { status, body, headers } = await answering;
  assert.deepEqual([status, body, headers["x-made"]], [201, "made", "1"]);
  assert.equal(headers["idempotent-replayed"], undefined);
  assert.match(String(headers["server-timing"]), /dur=/);
  const [piece] = told();
  assert.equal(headers["x-skerry-request-id"], piece?.head.id);
  const { rq, src, ik } = piece?.head ?? {};
  assert.deepEqual([rq?.m, rq?.u, src, ik?.key], ["POST", "/orders?a=1", "call", "k-1"]);
  assert.ok(rq?.h.includes("x-a"));
  assert.ok(
    !JSON.stringify(rq).includes(developer),
    "a key of the platform is no event's business",
  );
  const [end] = ends();
  assert.deepEqual([end?.head.o, end?.head.s, end?.head.n], ["ok", 201, 1]);
  assert.deepEqual(end?.head.h, ["content-type", "text/plain", "x-made", "1"]);
  assert.equal(Buffer.from(end?.bytes ?? []).toString(), "made");
});

test("callers in flight join the one that runs, and all are answered the same", async () => {
  rememberKeys(control);
  await world.start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const answering = Array.from({ length: 50 }, () => keyed());
  await until(() => calls.length === 1);
  const other = keyed({ headers: { "idempotency-key": "k-2" } });
  await until(() => runs() === 2);
  for (const call of calls) call.answer("once", { h: ["x-made", "1"] });
  const answers = await Promise.all(answering);
  assert.deepEqual(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size, 1);
  const ids = new Set(answers.map(({ headers }) => headers["x-skerry-request-id"]));
  assert.equal(ids.size, 1);
  const replays = answers.filter(({ headers }) => headers["idempotent-replayed"] === "true");
  assert.equal(replays.length, 49);
  await other;
  assert.deepEqual([runs(), told().length], [2, 2], "the control: another key runs by itself");
});

test("what the ledger keeps of a key is given without a run; of another gateway's it is waited for", async () => {
  await world.start();
  known("0192f0c1-0000-7000-8000-000000000001");
  let asks = 0;
  control.onAnswer = (asked) => {
    asks += 1;
    const body = Buffer.from("kept").toString("base64");
    const end = { state: "succeeded", s: 202, h: ["x-made", "1"], body };
    answerLedger(asked, asks < 3 ? { state: "open" } : end);
  };
  const { status, body, headers } = await keyed();
  assert.deepEqual([status, body, headers["x-made"], runs()], [202, "kept", "1", 0]);
  assert.equal(headers["idempotent-replayed"], "true");
  assert.equal(headers["x-skerry-request-id"], "0192f0c1-0000-7000-8000-000000000001");
  kept({ state: "succeeded", cut: true, s: 200 });
  assert.equal((await keyed()).error.reason, "CALL_ANSWER_TOO_LARGE");
  kept({ state: "gone" });
  assert.equal((await keyed()).error.reason, "CALL_ANSWER_GONE");
  kept({ state: "cancelled", s: 200, ct: "text/plain", h: ["x-made", "2"], body: btoa("late") });
  const stopped = await keyed();
  assert.deepEqual([stopped.status, stopped.body, stopped.headers["x-made"]], [200, "late", "2"]);
  kept({ state: "expired" });
  assert.equal((await keyed()).error.reason, "CALL_UNANSWERED");
  const e = { code: "UNKNOWN", reason: "FUNCTION_FAILED", message: "m", hint: "h" } as const;
  kept({ state: "failed", s: 500, e: { ...e, retryable: false } });
  const failed = await keyed();
  assert.deepEqual([failed.status, failed.error.reason], [500, "FUNCTION_FAILED"]);
});

test("a caller whom no rate lets in is given what its key stands for, or joins it", async () => {
  rememberKeys(control);
  const limits = { ratePerSecond: 0.01, burst: 1 };
  const rare = world.fn({ name: "rare", kind: "fetch", config: { limits } });
  await world.start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const first = keyed({}, rare);
  await until(() => calls.length === 1);
  const joined = keyed({}, rare);
  const wanted: unknown[] = [];
  control.onCall = (asked) =>
    answerLedger(
      asked,
      asked.pieces.map(({ head: { no } }) => {
        wanted.push(no?.reason);
        return { ok: false, error: no };
      }),
    );
  const other = await keyed({ headers: { "idempotency-key": "k-2" } }, rare);
  assert.deepEqual([other.status, other.error.reason], [429, "RATE_LIMITED"]);
  assert.deepEqual(wanted, ["RATE_LIMITED"]);
  calls[0]?.answer("made");
  assert.deepEqual([(await first).body, (await joined).body], ["made", "made"]);
  known(told()[0]?.head.id ?? "");
  kept({ state: "succeeded", s: 200, h: [], body: btoa("made") });
  const late = await keyed({}, rare);
  assert.deepEqual([late.body, late.headers["idempotent-replayed"]], ["made", "true"]);
  assert.equal(runs(), 1);
});

test("another payload, method or path is another request; events are those of asynchronous calls", async () => {
  const other = world.fn({ name: "other" });
  await world.start();
  const digest = async (asked: Asked, called = fn): Promise<string | undefined> => {
    agent.handle = (call) => call.answer("{}");
    await keyed(asked, called);
    return told().at(-1)?.head.ik?.digest;
  };
  const all = [
    await digest({}),
    await digest({ body: "c" }),
    await digest({ path: "/a" }),
    await digest({ path: "/?a=1" }),
    await digest({ method: "PUT" }),
    await digest({ headers: { "content-type": "text/plain" } }),
    await digest({}, other),
  ];
  assert.equal(new Set(all).size, all.length);
  assert.equal(await digest({}), all[0]);
  const body = "{}";
  const event = await digest({ body, headers: { "x-skerry-invoke": "event" } });
  await keyed({ body, headers: { prefer: "respond-async" } });
  assert.equal(control.accepts[0]?.pieces[0]?.head.ik?.digest, event);
});

test("another request under a key is refused as the ledger says, also while the first runs", async () => {
  await world.start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const first = keyed();
  await until(() => calls.length === 1);
  const wire = { message: "used", hint: "h", retryable: false, code: "INVALID_ARGUMENT" };
  const error = { ...wire, reason: "IDEMPOTENCY_KEY_CONFLICT" };
  control.onCall = (asked) => answerLedger(asked, [{ ok: false, error }]);
  const conflict = await keyed({ body: "another" });
  assert.deepEqual([conflict.status, conflict.error.reason], [422, "IDEMPOTENCY_KEY_CONFLICT"]);
  calls[0]?.answer("mine");
  assert.equal((await first).body, "mine");
});

test("an answer that is too large to keep is passed on to its caller, and not to those who joined", async () => {
  rememberKeys(control);
  await world.start();
  const half = Buffer.alloc(LIMITS.asyncResultBytesMax / 2 + 1, "x");
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const first = keyed();
  await until(() => calls.length === 1);
  const joined = keyed();
  const [call] = calls;
  call?.begin(half, { st: true });
  call?.stream.write(half);
  call?.stream.end();
  const { status, bytes } = await first;
  assert.deepEqual([status, bytes.length], [200, 2 * half.length]);
  assert.equal((await joined).error.reason, "CALL_ANSWER_TOO_LARGE");
  const [end] = ends();
  assert.deepEqual([end?.head.o, end?.head.cut, end?.bytes.length], ["ok", true, 0]);
  agent.handle = (next) => {
    next.begin(half, { st: true });
    next.stream.end();
  };
  const smaller = await keyed({ headers: { "idempotency-key": "k-2" } });
  assert.equal(smaller.bytes.length, half.length);
  assert.equal(ends()[1]?.bytes.length, half.length, "the control: it fits, and is kept whole");
});

test("what is passed on and breaks off is broken off for its caller, too", async () => {
  rememberKeys(control);
  await world.start();
  const part = Buffer.alloc(LIMITS.asyncResultBytesMax + 1, "x");
  const calls: Call[] = [];
  agent.handle = (call) => {
    calls.push(call);
    call.begin(part, { st: true });
  };
  const headers = { "x-skerry-key": developer, "idempotency-key": "k-1" };
  const path = `/-/${fn.app}/${fn.name}/`;
  const req = request({ host: "127.0.0.1", port: world.port, path, headers });
  req.on("error", () => undefined).end();
  const [res] = (await once(req, "response")) as [IncomingMessage];
  calls[0]?.stream.cancel("it breaks off");
  await assert.rejects(res.toArray(), "no part of an answer is the whole");
  assert.deepEqual([ends().length, ends()[0]?.head.e?.reason], [1, "FUNCTION_BAD_RESPONSE"]);
});

/** How long a gateway waits for what is never written down; the tests leap over it. */
const WRITE_WAIT_MS = 20_000;

/** What a call comes to whose end reaches control, and is not written down in time. */
async function unwritten(): Promise<Answered> {
  const leaping = new LeapClock();
  control.onSettle = () => undefined;
  await world.start({ acceptWaitMs: WRITE_WAIT_MS }, { clock: leaping });
  const answering = keyed();
  void until(() => control.settles.length === 1).then(() => leaping.leap(WRITE_WAIT_MS));
  return await answering;
}

test("the end of what is passed on is told only after it was written down", async () => {
  const part = Buffer.alloc(LIMITS.asyncResultBytesMax + 1, "x");
  agent.handle = (call) => {
    call.begin(part, { st: true });
    call.stream.end();
  };
  await assert.rejects(unwritten(), "it is broken off");
});

test("an answer that cannot be written down is not given, and its caller is told to come again", async () => {
  agent.handle = (call) => call.answer("made");
  const { status, error, headers } = await unwritten();
  assert.deepEqual([status, error.reason], [503, "LEDGER_ANSWER_UNWRITTEN"]);
  assert.ok(Number(headers["retry-after"]) > 0);
});

test("a call that came to no instance leaves nothing under its key", async () => {
  const single = world.fn({ name: "single", config: { limits: { concurrency: 1 } } });
  await world.start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const { onCall } = control;
  control.onCall = () => undefined;
  const late = keyed({}, single);
  await until(() => control.calls.length === 1);
  const busy = world.call(single, { body: "{}" });
  await until(() => calls.length === 1);
  // There was room when it was looked for.
  for (const asked of control.calls) onCall(asked);
  control.onCall = onCall;
  const { status, error } = await late;
  assert.deepEqual([status, error.reason], [429, "CONCURRENCY_LIMITED"]);
  assert.deepEqual([ends()[0]?.head.w, ends()[0]?.head.o], [true, "throttled"]);
  calls[0]?.answer("{}");
  await busy;
  agent.handle = (call) => call.fail("failed");
  const failed = await keyed({}, single);
  assert.equal(failed.error.reason, "FUNCTION_FAILED");
  assert.equal(ends()[1]?.head.w, undefined, "the control: it ran, and that is its answer");
});

test("a caller that leaves does not end the call", async () => {
  rememberKeys(control);
  await world.start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const headers = { "x-skerry-key": developer, "idempotency-key": "k-1" };
  const path = `/-/${fn.app}/${fn.name}/`;
  const req = request({ host: "127.0.0.1", port: world.port, path, headers });
  req.on("error", () => undefined).end();
  await until(() => calls.length === 1);
  req.destroy();
  const joined = keyed({ method: "GET", body: "" });
  await until(() => control.calls.length === 1);
  calls[0]?.answer("for those who come again");
  assert.equal((await joined).body, "for those who come again");
});

test("while control is away a keyed call is refused with the way out, and others go on", async () => {
  await control.close();
  await world.start({ acceptWaitMs: 300 });
  agent.handle = (call) => call.answer("made");
  const { status, error, headers } = await keyed();
  assert.deepEqual([status, error.reason, runs()], [503, "LEDGER_AWAY", 0]);
  assert.ok(Number(headers["retry-after"]) > 0);
  const plain = await world.call(fn, { body: "b", headers: { "x-skerry-key": developer } });
  assert.equal(plain.body, "made");
  control = await new ListeningLedger().listen(world);
});

test("without a key of the platform the header is the function's, and nothing is written", async () => {
  await world.start();
  let heard: readonly string[] = [];
  agent.handle = (call) => {
    heard = call.head.h;
    call.answer("made");
  };
  const answered = await world.call(fn, { body: "b", headers: { "idempotency-key": "k-1" } });
  assert.deepEqual([answered.body, control.calls.length], ["made", 0]);
  assert.ok(heard.includes("idempotency-key"));
});

test("what a new link finds is on its way is not taken from its gateway", async () => {
  let isFirst = true;
  control.onCall = (asked) => {
    if (isFirst) asked.link.close("it dies before it answers");
    else answerLedger(asked, [{ ok: true, id: asked.pieces[0]?.head.id, held: true }]);
    isFirst = false;
  };
  await world.start();
  agent.handle = (call) => call.answer("made");
  assert.equal((await keyed()).body, "made");
  const [, again] = control.holdings;
  assert.deepEqual(
    again?.pieces.map(({ head }) => head.id),
    [control.calls[0]?.pieces[0]?.head.id],
  );
  assert.deepEqual([control.calls.length, runs()], [2, 1]);
});

test("what control has given to another is waited for", async () => {
  await world.start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const answering = keyed();
  await until(() => calls.length === 1);
  const body = Buffer.from("another's").toString("base64");
  kept({ state: "succeeded", s: 200, h: [], body });
  control.abandon([{ id: told()[0]?.head.id as never, n: 1 }]);
  assert.equal((await answering).body, "another's");
});

test("an attempt of a call that control gives is made as it was asked for", async () => {
  await world.start();
  let heard: Call | undefined;
  agent.handle = (call) => {
    heard = call;
    call.answer("made");
  };
  const rq = { m: "PUT", u: "/a?b=1", a: "h.test", h: ["x-a", "b"] };
  const piece = runPiece(fn, {}, { src: "call", n: 2, rq });
  control.run([piece]);
  await until(() => ends().length === 1);
  assert.deepEqual([heard?.head.m, heard?.head.u, heard?.head.a], ["PUT", "/a?b=1", "h.test"]);
  assert.ok(heard?.head.h.includes("x-a"));
  const headers = ["content-type", "text/plain"];
  assert.deepEqual(ends()[0]?.head.h, headers, "its answer is kept whole, too");
});

test("a run of an action is written down before it runs, and its end before its caller has it", async () => {
  world.action({ app: fn.app, name: "score", fn: fn.name, game: null, manual: true });
  await world.start();
  agent.handle = (call) => {
    assert.equal(told().length, 1);
    call.answer("made");
  };
  control.onSettle = () => undefined;
  let isAnswered = false;
  const path = `/-/${fn.app}/actions/score`;
  const headers = { "x-skerry-key": developer, "content-type": "application/json" };
  const answering = world
    .ask({ path, body: '{"a":1}', headers })
    .finally(() => (isAnswered = true));
  await until(() => control.settles.length === 1);
  assert.equal(isAnswered, false);
  const [settle] = control.settles;
  assert.ok(settle !== undefined);
  answerLedger(settle, ["settled"]);
  const { status, body } = await answering;
  assert.deepEqual([status, body], [200, "made"]);
});

test("what its function has no room for is turned away before it is written down", async () => {
  rememberKeys(control);
  const config = { limits: { concurrency: 1 } };
  const single = world.fn({ name: "single", kind: "fetch", config });
  world.action({ app: fn.app, name: "score", fn: single.name, game: null, manual: true });
  await world.start();
  const calls: Call[] = [];
  agent.handle = (call) => void calls.push(call);
  const first = keyed({}, single);
  await until(() => calls.length === 1);
  const run = async (): Promise<Answered> => {
    const headers = { "x-skerry-key": developer, "content-type": "application/json" };
    return await world.ask({ path: `/-/${fn.app}/actions/score`, body: "{}", headers });
  };
  const refused = await Promise.all([run(), run(), run()]);
  assert.deepEqual([...new Set(refused.map(({ error }) => error.reason))], ["CONCURRENCY_LIMITED"]);
  assert.deepEqual([told().length, ends().length], [1, 0], "the first call alone");
  const wanted: unknown[] = [];
  const { onCall } = control;
  control.onCall = (asked) => {
    const answers = asked.pieces.map(({ head: { no } }) => ({ ok: false, error: no }));
    wanted.push(...asked.pieces.map(({ head: { no } }) => no?.reason));
    answerLedger(asked, answers);
  };
  const other = { headers: { "idempotency-key": "k-2" } };
  assert.equal((await keyed(other, single)).error.reason, "CONCURRENCY_LIMITED");
  assert.deepEqual(wanted, ["CONCURRENCY_LIMITED"], "its key may stand for something");
  control.onCall = onCall;
  calls[0]?.answer("once");
  await first;
  agent.handle = (call) => call.answer("made");
  assert.equal((await run()).body, "made", "the control: there is room again");
});

test("the first attempt is told its caller's trace whole, with its own place in it", async () => {
  world.action({ app: fn.app, name: "score", fn: fn.name, game: null, manual: true });
  await world.start();
  const heard: (readonly string[])[] = [];
  agent.handle = (call) => {
    heard.push(call.head.h);
    call.answer("made");
  };
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const traceparent = `00-${trace}-b7ad6b7169203331-01`;
  const headers = { "x-skerry-key": developer, traceparent, tracestate: "a=1,b=2" };
  await keyed({ headers: { "idempotency-key": "k-1", ...headers } });
  await world.ask({ path: `/-/${fn.app}/actions/score`, body: "{}", headers });
  assert.equal(heard.length, 2);
  for (const said of heard) {
    const valuesOf = (name: string) => said.filter((_, i) => i % 2 === 1 && said[i - 1] === name);
    assert.deepEqual(valuesOf("tracestate"), ["a=1,b=2"]);
    const [parent = "", ...others] = valuesOf("traceparent");
    assert.deepEqual([parent.split("-")[1], others], [trace, []]);
    assert.notEqual(parent, traceparent);
  }
  assert.ok(told().every(({ head }) => !JSON.stringify(head.rq).includes("trace")));
});

test("runs of an action by hand join by their key, and are no events of another", async () => {
  for (const name of ["score", "grant"])
    world.action({ app: fn.app, name, fn: fn.name, game: null, manual: true });
  await world.start();
  agent.handle = (call) => call.answer("made");
  const run = async (name: string): Promise<Answered> => {
    const headers = { "x-skerry-key": developer, "idempotency-key": "k-1" };
    return await world.ask({ path: `/-/${fn.app}/actions/${name}`, body: "{}", headers });
  };
  await Promise.all([run("score"), run("score")]);
  await run("grant");
  const keys = told().map(({ head: { ik } }) => ik);
  assert.deepEqual([runs(), keys.length, keys[0]?.key], [2, 2, "k-1"], "two joined");
  assert.notEqual(keys[0]?.digest, keys[1]?.digest);
});
