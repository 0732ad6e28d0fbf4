/** Functions that call functions under a key: made once, to their own end, whoever waits. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LIMITS, type CallReplyHead, type FunctionEntry } from "@skerry/contracts";
import { fromCall, type Ask } from "../test/call-out.ts";
import { ListeningLedger, rememberKeys, runPiece } from "../test/ledger-control.ts";
import { ids, until, World, type AgentDouble, type Call } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
let control: ListeningLedger;
let outer: FunctionEntry;
let inner: FunctionEntry;
/** What inner got and has not answered, unless `onInner` does. */
let calls: Call[];
let onInner: (call: Call) => void;
let onOuter: (call: Call) => void;
/** What outer asks for. */
let ask: Omit<Ask, "r">;
beforeEach(async () => {
  world = new World();
  outer = world.fn({ name: "outer", config: { timeoutMs: 100_000 } });
  inner = world.fn({ name: "inner", config: { timeoutMs: 100_000 } });
  agent = await world.agent();
  control = await new ListeningLedger().listen(world);
  rememberKeys(control);
  calls = [];
  onInner = () => undefined;
  onOuter = relay;
  ask = { f: "shop/inner", k: "k-1" };
  agent.handle = (call) => {
    if (call.head.p === undefined) return onOuter(call);
    calls.push(call);
    onInner(call);
  };
});
afterEach(async () => {
  await world.close();
  await control.close();
});

interface Relayed {
  readonly head: CallReplyHead;
  readonly body: string;
}

/** Passes on what its call comes to. */
function relay(call: Call): void {
  const out = fromCall(call, ask);
  void (async () => {
    const head = await out.reply;
    call.answer(JSON.stringify({ head, body: await out.body.catch(() => "broken off") }));
  })();
}

async function called(changes: Partial<Ask> = {}): Promise<Relayed> {
  ask = { ...ask, ...changes };
  return JSON.parse((await world.call(outer)).body) as Relayed;
}

const told = () => control.calls.flatMap(({ pieces }) => pieces);
const ends = () => control.settles.flatMap(({ pieces }) => pieces);

test("a call with a key runs once under it and is answered the same; without one it runs again", async () => {
  onInner = (call) => {
    if (call.head.p !== undefined && ask.k !== undefined) assert.ok(told().length > 0);
    call.answer(`run ${calls.length}`, { s: 201, h: ["x-made", "1"] });
  };
  await world.start();
  const first = await called();
  assert.deepEqual([first.head.s, first.body], [201, "run 1"]);
  assert.deepEqual(first.head.h.slice(-2), ["x-made", "1"]);
  const again = await called();
  assert.deepEqual([again.head, again.body], [first.head, first.body]);
  const [piece] = told();
  const parentId = calls[0]?.head.p;
  assert.deepEqual(
    [piece?.head.src, piece?.head.ik?.key, piece?.head.rq.c],
    ["call", "k-1", { p: parentId, d: 1 }],
  );
  assert.equal(first.head.id, piece?.head.id);
  assert.equal((await called({ body: "[]" })).head.e?.reason, "IDEMPOTENCY_KEY_CONFLICT");
  assert.equal((await called({ body: "{}", k: undefined })).body, "run 2", "the control");
  assert.deepEqual([calls.length, ends().length], [2, 1]);
  ask = { ...ask, k: "k-2" };
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  await world.call(outer, { headers: { traceparent } });
  const tp = told().at(-1)?.head.tp ?? "";
  assert.match(tp, new RegExp(`^00-a{32}-(?!b{16})`), "it has its caller's trace, below it");
  assert.match(calls.at(-1)?.head.h.join(" ") ?? "", /traceparent 00-a{32}-/);
});

test("callers join the call that runs, and its caller's own end ends only the wait", async () => {
  await world.start();
  const timedOut = called({ remainingMs: 1 });
  assert.equal((await timedOut).head.e?.reason, "CALL_TIMEOUT");
  await until(() => calls.length === 1);
  ask = { f: "shop/inner", k: "k-1" };
  const asking = Promise.withResolvers<void>();
  onOuter = (call) => {
    relay(call);
    asking.resolve();
  };
  const joined = world.call(outer);
  await asking.promise;
  onOuter = (call) => {
    fromCall(call, ask);
    call.answer("early");
  };
  assert.equal((await world.call(outer)).body, "early", "it awaits nothing");
  calls[0]?.answer("once");
  assert.equal((JSON.parse((await joined).body) as Relayed).body, "once");
  assert.deepEqual([calls.length, ends()[0]?.head.o], [1, "ok"]);
});

test("the error of a call with a key is its caller's, and so is why it was not made", async () => {
  onInner = (call) => call.fail("failed");
  await world.start();
  assert.equal((await called()).head.e?.reason, "FUNCTION_FAILED");
  for (const k of ["", " padded ", "ü", 7, null, "x".repeat(LIMITS.asyncKeyCharsMax + 1)])
    assert.equal((await called({ k })).head.e?.reason, "CALL_KEY_INVALID", JSON.stringify(k));
  const body = Buffer.alloc(LIMITS.asyncPayloadBytesMax + 1, "1");
  const { head } = await called({ k: "k-2", body });
  assert.equal(head.e?.reason, "FUNCTION_PAYLOAD_TOO_LARGE");
  assert.deepEqual([calls.length, told().length], [1, 1], "nothing of these was written");
});

test("what an instance leaves under way is bounded, and ends give the room back", async () => {
  await world.start();
  const refused: string[] = [];
  // Each is the ledger's before its caller leaves.
  onOuter = (call) => {
    const before = told().length;
    void fromCall(call, ask).reply.then(
      ({ e }) => refused.push(e?.reason ?? ""),
      () => undefined,
    );
    const isThere = (): boolean => told().length > before || refused.length > 0;
    void until(isThere).then(() => call.answer("early"));
  };
  const mib = LIMITS.asyncPayloadBytesMax;
  const body = Buffer.alloc(mib, "1");
  const fits = LIMITS.callsLeftBytesMax / mib;
  for (let n = 0; n <= fits; n += 1) {
    ask = { f: "shop/inner", k: `k-${n}`, body };
    assert.equal((await world.call(outer)).body, "early");
    await until(() => calls.length === Math.min(n + 1, fits));
  }
  assert.deepEqual([refused, told().length], [["FUNCTION_THROTTLED"], fits]);
  for (const call of calls) call.answer("late");
  await until(() => ends().length === fits);
  onOuter = relay;
  onInner = (call) => call.answer("again");
  assert.equal((await called({ k: "k-again" })).body, "again");
});

test("an answer that is too large to keep is passed on to the first caller alone", async () => {
  const part = Buffer.alloc(LIMITS.asyncResultBytesMax + 1, "x");
  onInner = (call) => {
    call.begin(part, { st: true });
    call.stream.end();
  };
  await world.start();
  const { head, body } = await called();
  assert.deepEqual([head.s, body.length], [200, part.length]);
  assert.equal((await called()).head.e?.reason, "CALL_ANSWER_TOO_LARGE");
  assert.equal(calls.length, 1);
});

test("the key of another account's function is its own", async () => {
  const theirs = world.fn({ name: "outer", app: "theirs" }, ids.id("acct"));
  const open = world.fn({ name: "open", config: { callers: "any" } });
  onInner = (call) => call.answer(`run ${calls.length}`);
  await world.start();
  const mine = await called({ f: "shop/open" });
  const answer = JSON.parse((await world.call(theirs)).body) as Relayed;
  assert.deepEqual([mine.body, answer.body], ["run 1", "run 2"]);
  const keys = told().map(({ head }) => head.ik?.key ?? "");
  assert.deepEqual([told()[1]?.head.f, keys[0]], [open.id, "k-1"]);
  assert.match(keys[1] ?? "", /^\n[\w-]{43}$/, "neither its account nor what it said");
});

test("a call that is made again has its caller and its depth", async () => {
  const asked = Promise.withResolvers<CallReplyHead>();
  onInner = (call) => {
    void fromCall(call, { f: "shop/inner" }).reply.then(asked.resolve, asked.reject);
  };
  await world.start();
  await until(() => control.holdings.length > 0);
  const c = { p: ids.requestId(), d: LIMITS.callDepthMax };
  const rq = { m: "EVENT", u: "/", a: "inner.shop", h: [], c };
  control.run([runPiece(inner, {}, { src: "call", n: 2, rq })]);
  assert.equal((await asked.promise).e?.reason, "CALL_DEPTH_EXCEEDED");
  assert.equal(calls[0]?.head.p, c.p);
  calls[0]?.answer("made");
  await until(() => ends().length === 1);
});
