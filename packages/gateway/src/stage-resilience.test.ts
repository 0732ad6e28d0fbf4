/** What a stage does when the target of a route is away, ill, cold or has too much to do. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { RouteInput } from "@skerry/contracts";
import { until, World, type AgentDouble, type Answered, type Call } from "../test/world.ts";

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
});
afterEach(async () => await world.close());

const HELLO: RouteInput = { name: "hello", path: "/", to: { function: "hello" } };
const LATER = { answer: { status: 503, body: "later" } };

async function serve(route: Partial<RouteInput>): Promise<void> {
  world.stage({ routes: [{ ...HELLO, ...route }] });
  await world.start();
}

async function ask(asked: { readonly method?: string; readonly body?: string } = {}) {
  return await world.ask({ path: "/~/shop/public/release/", ...asked });
}

const told = ({ status, headers, body }: Answered): string =>
  `${status} ${body} ${String(headers["x-skerry-downgrade"] ?? "")}`.trim();

test("a request whose instance is lost is made again, if it may be, as an invocation of its own", async () => {
  world.fn({ kind: "fetch" });
  let calls = 0;
  agent.handle = (call: Call) => {
    calls += 1;
    if (calls % 2 === 1) agent.died(call.instance);
    else call.answer("hello");
  };
  await serve({ retries: {} });
  const answered = await ask();
  assert.deepEqual([told(answered), calls], ["200 hello", 2]);
  await until(() => world.records.length === 2);
  const [first, second] = world.records.map(({ requestId }) => requestId);
  assert.ok(first === answered.headers["x-skerry-request-id"] && second !== first);
  for (const asked of [{ method: "POST" }, { method: "PUT", body: "x" }]) {
    calls = 0;
    const lost = await ask(asked);
    assert.ok(lost.status >= 500, "the control: it is answered as it went");
    assert.equal(calls, 1);
  }
});

test("what fails again and again is left alone for a while", async () => {
  world.fn({ kind: "fetch" });
  let calls = 0;
  agent.handle = (call) => {
    calls += 1;
    call.answer("ill", { s: 500 });
  };
  await serve({ breaker: { failures: 2, pauseMs: 3_600_000, pauseMsMax: 3_600_000 } });
  assert.equal(told(await ask()), "500 ill");
  assert.equal(told(await ask()), "500 ill");
  const refused = await ask();
  assert.deepEqual([refused.status, refused.error.reason, calls], [503, "ROUTE_BREAKER_OPEN", 2]);
});

test("a function that fails is answered for by the next that can", async () => {
  world.fn({ kind: "fetch" });
  world.fn({ kind: "fetch", name: "client" });
  const started = (name: string): string | undefined =>
    world.entries.find(({ value }) => value?.kind === "function" && value.name === name)?.key;
  let isClientIll = false;
  agent.handle = (call) => {
    const isClient = `function/${call.instance.grant.functionId}` === started("client");
    if (isClient && !isClientIll) return call.answer("from the client");
    call.answer("ill", { s: 500 });
  };
  const to = ["stale" as const, { function: "nobody" }, { function: "client" }];
  await serve({ downgrade: { on: ["failing"], to } });
  assert.equal(told(await ask()), "200 from the client failing; function client");
  isClientIll = true;
  assert.equal(told(await ask()), "500 ill", "the control: nothing better is there");
});

test("what was kept of an earlier answer stands in for one that fails", async () => {
  world.fn({ kind: "fetch" });
  let isIll = false;
  agent.handle = (call) => {
    if (isIll) return agent.died(call.instance);
    call.answer("kept", { h: ["cache-control", "max-age=0", "etag", '"1"'] });
  };
  await serve({ cache: {}, downgrade: { on: ["failing"], to: ["stale"] } });
  assert.equal(told(await ask()), "200 kept");
  isIll = true;
  assert.equal(told(await ask()), "200 kept failing; stale");
  assert.ok((await world.ask({ path: "/~/shop/public/release/?other" })).status >= 500);
});

test("who meets a cold start does not wait long for it, and the next meets it warm", async () => {
  world.fn({ kind: "fetch" });
  agent.handle = (call) => call.answer("hello");
  const { promise, resolve } = Promise.withResolvers<void>();
  agent.onStart = async (head) => {
    await promise;
    return await agent.grantStart(head);
  };
  await serve({ downgrade: { coldMs: 10, to: [LATER] } });
  assert.equal(told(await ask()), "503 later cold; answer");
  resolve();
  await until(() => world.gateway.stats().instances === 1);
  assert.equal(told(await ask()), "200 hello");
});

test("what has too much to do, or takes too long, is answered for", async () => {
  world.fn({ kind: "fetch", config: { concurrency: 1, maxInstances: 1, queueTimeoutMs: 0 } });
  const held: Call[] = [];
  agent.handle = (call) => void held.push(call);
  world.fn({ kind: "fetch", name: "slow" });
  const slowly = { path: "/slow", to: { function: "slow" }, limits: { timeoutMs: 30 } };
  world.stage({
    routes: [
      { ...HELLO, downgrade: { on: ["overloaded"], to: [LATER] } },
      { ...slowly, downgrade: { on: ["failing"], to: [LATER] } },
    ],
  });
  await world.start();
  const first = ask();
  await until(() => held.length === 1);
  assert.equal(told(await ask()), "503 later overloaded; answer");
  held[0]?.answer("hello");
  assert.equal(told(await first), "200 hello");
  const slow = await world.ask({ path: "/~/shop/public/release/slow" });
  assert.equal(told(slow), "503 later failing; answer");
});
