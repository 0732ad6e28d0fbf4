/**
 * Functions that call functions: what an instance asks on a stream of its own, and what it gets.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { LIMITS, type CallReplyHead } from "@skerry/contracts";
import { LeapClock } from "@skerry/testkit";
import { callOut, fromCall, type Outgoing } from "../test/call-out.ts";
import { ids, until, World, type AgentDouble, type Call } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
});
afterEach(async () => await world.close());

/** `outer` calls `inner` and passes the answer on. */
function relay(call: Call, f = "shop/inner"): void {
  const out = fromCall(call, { f });
  void Promise.all([out.reply, out.body]).then(([head, body]) => {
    call.answer(JSON.stringify({ head, body }));
  });
}

const isInner = (call: Call): boolean => call.head.a.startsWith("inner.");

interface Relayed {
  readonly head: CallReplyHead;
  readonly body: string;
}

async function relayed(...args: Parameters<World["call"]>): Promise<Relayed> {
  const answer = await world.call(...args);
  return JSON.parse(answer.body) as Relayed;
}

test("a called function gets the event, and its answer goes to the caller, metered as its own", async () => {
  const outer = world.fn({ name: "outer" });
  const inner = world.fn({ name: "inner" });
  let parentTold: string | undefined;
  agent.handle = (call) => {
    if (!isInner(call)) return relay(call);
    parentTold = call.head.p;
    void call.body.then((body) => call.answer(`${call.method} ${body.toString()}`));
  };
  await world.start();
  const { head, body } = await relayed(outer);
  assert.equal(body, "EVENT {}");
  assert.equal(head.s, 200);
  await until(() => world.records.length === 2);
  const [first, second] = world.records;
  assert.equal(first?.functionId, inner.id);
  assert.equal(first?.requestId, head.id);
  assert.equal(first?.outcome, "ok");
  assert.equal(second?.functionId, outer.id);
  assert.equal(parentTold, second?.requestId);
});

test("a call meets the limits of the function that it calls, as any request", async () => {
  const outer = world.fn({ name: "outer" });
  world.fn({ name: "inner", config: { limits: { ratePerSecond: 0.01, burst: 1 } } });
  agent.handle = (call) => (isInner(call) ? call.answer("once") : relay(call));
  await world.start();
  assert.equal((await relayed(outer)).body, "once");
  const { head } = await relayed(outer);
  assert.deepEqual([head.s, head.e?.reason], [429, "RATE_LIMITED"]);
  assert.equal(head.id, undefined, "it is no invocation");
  assert.ok(Number(head.e?.details?.["retryAfterMs"]) > 1_000);
});

test("a caller is told in types what became of its call", async () => {
  const outer = world.fn({ name: "outer", config: { timeoutMs: 100_000 } });
  const timeoutMs = 20_000;
  world.fn({ name: "inner", config: { timeoutMs } });
  const busy = world.fn({ name: "busy", config: { maxInstances: 1, queueTimeoutMs: 0 } });
  let target = "shop/inner";
  let inner: (call: Call) => void = () => undefined;
  agent.handle = (call) => {
    if (isInner(call)) inner(call);
    else if (call.head.u === "/") relay(call, target);
  };
  const leaping = new LeapClock();
  await world.start({}, { clock: leaping });
  const reasonOf = async (): Promise<string | undefined> => (await relayed(outer)).head.e?.reason;
  inner = (call) => call.fail("failed", "RangeError", "too far");
  const { head } = await relayed(outer);
  assert.equal(head.e?.reason, "FUNCTION_FAILED");
  assert.equal(head.e?.details?.["errorName"], "RangeError");
  assert.equal(head.e?.details?.["errorMessage"], "too far");
  inner = () => leaping.leap(timeoutMs);
  assert.equal(await reasonOf(), "FUNCTION_TIMEOUT");
  inner = (call) => agent.died(call.instance);
  assert.equal(await reasonOf(), "FUNCTION_CRASHED");
  for (const missing of ["shop/nothing", "away/inner", "away/inner:1"]) {
    target = missing;
    assert.equal(await reasonOf(), "FUNCTION_NOT_FOUND", missing);
  }
  for (const wrong of ["", "inner", "shop/inner/more", "../inner", "SHOP/INNER"]) {
    target = wrong;
    assert.equal(await reasonOf(), "CALL_TARGET_INVALID", wrong);
  }
  target = "shop/busy";
  void world.call(busy, { path: "/held" }).catch(() => undefined);
  await until(() => agent.instances.some(({ calls }) => calls[0]?.head.u === "/held"));
  assert.equal(await reasonOf(), "FUNCTION_THROTTLED");
  target = "shop/inner:$LATEST";
  inner = (call) => call.answer("here");
  assert.equal((await relayed(outer)).body, "here");
});

test("an id that is not live on the very instance that says it reaches nothing", async () => {
  const victim = world.fn({ name: "victim" });
  const liar = world.fn({ name: "liar" });
  world.fn({ name: "inner" });
  const held: Call[] = [];
  agent.handle = (call) => {
    if (isInner(call)) call.answer("secret");
    else held.push(call);
  };
  await world.start();
  const served = world.call(victim);
  await until(() => held.length === 1);
  const lying = world.call(liar);
  await until(() => held.length === 2);
  const [ofVictim, ofLiar] = held as [Call, Call];
  for (const r of [ofVictim.head.id, ids.requestId(), "", "__proto__"]) {
    const out = callOut(ofLiar.instance, { r, f: "shop/inner" });
    assert.equal((await out.reply).e?.reason, "REACH_REQUEST_NOT_LIVE", r);
  }
  ofLiar.answer("done");
  assert.equal((await lying).status, 200);
  const late = callOut(ofLiar.instance, { r: ofLiar.head.id, f: "shop/inner" });
  assert.equal((await late.reply).e?.reason, "REACH_REQUEST_NOT_LIVE");
  assert.equal(await fromCall(ofVictim, { f: "shop/inner" }).body, "secret");
  ofVictim.answer("served");
  assert.equal((await served).body, "served");
  assert.equal(world.records.filter(({ outcome }) => outcome !== "ok").length, 0);
});

test("calls within calls end at the depth limit with a typed error", async () => {
  const self = world.fn({ name: "self", config: { concurrency: 100, maxInstances: 1 } });
  let deepest = 0;
  agent.handle = (call) => {
    deepest += 1;
    relay(call, "shop/self");
  };
  await world.start();
  let { head, body } = await relayed(self);
  while (body.startsWith("{")) ({ head, body } = JSON.parse(body) as Relayed);
  assert.equal(head.e?.reason, "CALL_DEPTH_EXCEEDED");
  assert.equal(deepest, 1 + LIMITS.callDepthMax);
});

test("a call waits no longer than its caller, and the called is told what is left", async () => {
  const outer = world.fn({ name: "outer", config: { timeoutMs: 100_000 } });
  world.fn({ name: "inner", config: { timeoutMs: 300_000 } });
  const told: number[] = [];
  const inner: Call[] = [];
  let remainingMs: number | undefined = 300_000;
  agent.onOpened = (call, left) => {
    if (isInner(call)) told.push(left ?? 0);
  };
  agent.handle = (call) => {
    if (isInner(call)) return void inner.push(call);
    const out = fromCall(call, {
      f: "shop/inner",
      ...(remainingMs === undefined ? {} : { remainingMs }),
    });
    void out.reply.then((head) => call.answer(JSON.stringify({ head, body: "" })));
  };
  const leaping = new LeapClock();
  await world.start({}, { clock: leaping });
  const held = world.call(outer);
  await until(() => told.length === 1);
  assert.ok((told[0] ?? 0) > 1_000 && (told[0] ?? 0) <= 100_000, String(told[0]));
  remainingMs = 20_000;
  const relaying = relayed(outer);
  await until(() => told.length === 2);
  leaping.leap(remainingMs);
  const { head } = await relaying;
  assert.ok((told[1] ?? 0) > 0 && (told[1] ?? 0) <= 20_000, String(told[1]));
  assert.equal(head.e?.reason, "CALL_TIMEOUT");
  for (const call of inner) call.answer("late");
  assert.equal((JSON.parse((await held).body) as Relayed).head.s, 200);
});

test("a call ends with the request that made it, whichever way that ends", async () => {
  const outer = world.fn({ name: "outer", kind: "fetch", config: { timeoutMs: 10_000 } });
  world.fn({ name: "inner", kind: "fetch" });
  const inner: Call[] = [];
  let then: (call: Call, out: Outgoing) => void = () => undefined;
  agent.handle = (call) => {
    if (isInner(call)) inner.push(call);
    else then(call, fromCall(call, { f: "shop/inner" }));
  };
  await world.start();
  const isCancelled = async (round: number): Promise<void> => {
    await until(() => inner.length === round);
    await inner[round - 1]?.cancelled;
  };
  let out: Outgoing | undefined;
  then = (call, opened) => {
    out = opened;
    void until(() => inner.length === 1).then(() => call.answer("early"));
  };
  assert.equal((await world.call(outer)).body, "early");
  await isCancelled(1);
  await until(() => out?.failed === true);
  then = (_call, opened) =>
    void until(() => inner.length === 2).then(() => opened.stream.cancel(""));
  const held = world.call(outer);
  await isCancelled(2);
  then = (call) => void until(() => inner.length === 3).then(() => agent.died(call.instance));
  const holding = agent.instances.find(({ grant }) => grant.functionId === outer.id);
  assert.ok(holding !== undefined);
  agent.died(holding);
  assert.equal((await held).status, 502);
  assert.equal((await world.call(outer)).status, 502);
  await isCancelled(3);
  await until(() => world.records.filter(({ outcome }) => outcome === "cancelled").length === 3);
});

test("an answer in parts reaches the caller in parts, and one that breaks off is never whole", async () => {
  const outer = world.fn({ name: "outer" });
  world.fn({ name: "inner", kind: "fetch" });
  const part = "x".repeat(300_000);
  let breaks = false;
  agent.handle = (call) => {
    if (!isInner(call)) {
      const out = fromCall(call, { f: "shop/inner" });
      out.body.then(
        (body) => call.answer(String(body.length)),
        () => call.answer("broken"),
      );
      return;
    }
    call.begin(part);
    call.stream.write(Buffer.from(part));
    if (breaks) call.stream.cancel("no more");
    else call.stream.end();
  };
  await world.start();
  assert.equal((await world.call(outer)).body, "600000");
  breaks = true;
  assert.equal((await world.call(outer)).body, "broken");
});

test("a payload over the limit is refused in types, and one at it arrives", async () => {
  const outer = world.fn({ name: "outer" });
  world.fn({ name: "inner" });
  let bytes = LIMITS.payloadBytesMax;
  agent.handle = (call) => {
    if (isInner(call)) return void call.body.then((body) => call.answer(String(body.length)));
    const out = fromCall(call, { f: "shop/inner", body: new Uint8Array(bytes) });
    void out.reply.then(async (head) => {
      call.answer(head.e?.reason ?? (await out.body));
    });
  };
  await world.start();
  assert.equal((await world.call(outer)).body, String(bytes));
  bytes += 1;
  assert.equal((await world.call(outer)).body, "FUNCTION_PAYLOAD_TOO_LARGE");
});

test("functions of another account look like none, unless they take any caller", async () => {
  const outer = world.fn({ name: "outer" });
  for (const [name, callers] of [
    ["closed", undefined],
    ["open", "any"],
    ["own", "app"],
  ] as const) {
    const config = callers === undefined ? {} : { callers };
    world.fn({ app: "theirs", name, config }, ids.id("acct"));
  }
  world.fn({ app: "beside", name: "own", config: { callers: "app" } });
  let target = "";
  agent.handle = (call) => {
    if (call.head.p === undefined) relay(call, target);
    else call.answer("reached");
  };
  await world.start();
  for (const [f, expected] of [
    ["theirs/closed", "FUNCTION_NOT_FOUND"],
    ["theirs/own", "FUNCTION_NOT_FOUND"],
    ["beside/own", "FUNCTION_NOT_FOUND"],
    ["theirs/open", undefined],
  ] as const) {
    target = f;
    assert.equal((await relayed(outer)).head.e?.reason, expected, f);
  }
});

test("an instance opens no more streams than the limit, and others go on", async () => {
  const outer = world.fn({ name: "outer", config: { timeoutMs: 100_000 } });
  world.fn({ name: "inner", kind: "fetch", config: { concurrency: 1_000, maxInstances: 2 } });
  const inner: Call[] = [];
  let refused: string | undefined;
  agent.handle = (call) => {
    if (isInner(call)) return void inner.push(call);
    const all = Array.from({ length: LIMITS.streamsOpenedMax + 1 }, () =>
      fromCall(call, { f: "shop/inner" }),
    );
    void all.at(-1)?.reply.then(({ e }) => {
      refused = e?.reason;
      call.answer("asked");
    });
  };
  await world.start();
  assert.equal((await world.call(outer)).body, "asked");
  assert.equal(refused, "REACH_STREAMS_EXHAUSTED");
  await until(() => world.gateway.stats().live + world.gateway.stats().waiting === 0);
  agent.handle = (call) => (isInner(call) ? call.answer("again") : relay(call));
  assert.equal((await relayed(outer)).body, "again");
});

test("one request makes any number of calls, one after the other", async () => {
  const outer = world.fn({ name: "outer", config: { timeoutMs: 100_000 } });
  world.fn({ name: "inner" });
  agent.handle = (call) => {
    if (isInner(call)) return call.answer("x");
    void (async () => {
      for (let round = 0; round <= LIMITS.streamsOpenedMax; round += 1) {
        assert.equal(await fromCall(call, { f: "shop/inner" }).body, "x");
      }
      call.answer("asked");
    })();
  };
  await world.start();
  assert.equal((await world.call(outer)).body, "asked");
});

test("answers that an instance does not take are bounded, and room comes back with its requests", async () => {
  const outer = world.fn({ name: "outer", config: { timeoutMs: 100_000 } });
  world.fn({ name: "inner" });
  const large = Buffer.alloc(6_000_000, "x");
  const reasons: (string | undefined)[] = [];
  const rounds = Math.floor(LIMITS.answersUntakenBytesMax / large.length);
  agent.handle = (call) => {
    if (isInner(call)) return call.answer(large);
    void (async () => {
      for (let round = 0; round <= rounds; round += 1) {
        const out = fromCall(call, { f: "shop/inner", takes: false });
        reasons.push((await out.reply).e?.reason);
      }
      call.answer("asked");
    })();
  };
  await world.start();
  assert.equal((await world.call(outer)).body, "asked");
  assert.deepEqual(reasons.splice(0), [...Array<undefined>(rounds), "FUNCTION_THROTTLED"]);
  agent.handle = (call) => {
    if (isInner(call)) return call.answer(large);
    void fromCall(call, { f: "shop/inner" }).body.then((body) => call.answer(String(body.length)));
  };
  assert.equal((await world.call(outer)).body, String(large.length));
});

test("a request of a later release is refused, and a head that is none ends the link", async () => {
  const outer = world.fn({ name: "outer" });
  let head = JSON.stringify({ op: "teleport" });
  agent.handle = (call) => {
    call.instance.link.open(
      head,
      { end: true },
      {
        onReply: (text) => call.answer((JSON.parse(text) as CallReplyHead).e?.reason ?? ""),
        onBody: () => undefined,
        onWritable: () => undefined,
        onFailed: () => undefined,
      },
    );
  };
  await world.start();
  assert.equal((await world.call(outer)).body, "REACH_UNKNOWN");
  for (head of ["", "[]", "null", '{"op":1}', "[".repeat(100_000)]) {
    assert.equal((await world.call(outer)).error.reason, "FUNCTION_CRASHED", head.slice(0, 20));
  }
});
