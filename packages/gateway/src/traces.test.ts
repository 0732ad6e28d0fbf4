/** W3C trace context at the gateway: what comes in, what a function is told, what is kept. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { parseTraceparent, spanIdOf, stageSpanIdOf, type TraceContext } from "@skerry/base";
import type { FunctionEntry } from "@skerry/contracts";
import { until, World, type AgentDouble, type Call } from "../test/world.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${SPAN}-01`;

let world: World;
let agent: AgentDouble;
beforeEach(async () => {
  world = new World();
  agent = await world.agent();
});
afterEach(async () => await world.close());

/** Values of a header, as the function is told. */
function told({ head }: Call, name: string): readonly string[] {
  return head.h.flatMap((one, i) => (i % 2 === 0 && one === name ? [head.h[i + 1] ?? ""] : []));
}

/** The one call that the request made, and its answer's own context. */
async function callWith(
  fn: FunctionEntry,
  headers: Record<string, string>,
): Promise<{ readonly call: Call; readonly answered: TraceContext | undefined }> {
  const { headers: got, status } = await world.call(fn, { headers });
  assert.equal(status, 200);
  const call = agent.instances.flatMap(({ calls }) => calls).at(-1);
  assert.ok(call !== undefined);
  return { call, answered: parseTraceparent(String(got["traceparent"] ?? "")) };
}

test("a function gets the span it runs in, the caller the span its request became", async () => {
  const fn = world.fn();
  await world.start();
  for (const flags of ["00", "01"]) {
    const traceparent = `00-${TRACE}-${SPAN}-${flags}`;
    const { call, answered } = await callWith(fn, { traceparent, tracestate: "a=1 , b=2" });
    const { id } = call.head;
    const context = { traceId: TRACE, flags: Number(flags) };
    assert.deepEqual(answered, { ...context, parentId: spanIdOf(id) });
    const [own = "", ...more] = told(call, "traceparent");
    assert.deepEqual(more, []);
    const parentId = stageSpanIdOf(id, "handler");
    assert.deepEqual(parseTraceparent(own), { ...context, parentId });
    assert.deepEqual(told(call, "tracestate"), ["a=1,b=2"]);
  }
});

test("what cannot be read is neither passed on nor answered, its state with it", async () => {
  const fn = world.fn();
  await world.start();
  const tracestate = "a=1";
  for (const traceparent of ["nonsense", `${SAMPLED}-more`, `00-${"0".repeat(32)}-${SPAN}-01`]) {
    const { call, answered } = await callWith(fn, { traceparent, tracestate });
    assert.equal(answered, undefined);
    assert.deepEqual(told(call, "traceparent"), []);
    assert.deepEqual(told(call, "tracestate"), []);
  }
  const { call } = await callWith(fn, { traceparent: SAMPLED, tracestate: "Not=Allowed" });
  assert.deepEqual(told(call, "tracestate"), [], "a bad state does not spoil the trace");
  assert.equal(told(call, "traceparent").length, 1);
});

test("only a sampled trace is kept, in front of the record that it belongs to", async () => {
  const fn = world.fn();
  await world.start();
  await callWith(fn, {});
  await callWith(fn, { traceparent: `00-${TRACE}-${SPAN}-00` });
  assert.ok(world.traces.length === 0);
  const { call } = await callWith(fn, { traceparent: SAMPLED });
  const entry = world.traces.at(-1);
  assert.equal(entry?.requestId, call.head.id);
  assert.deepEqual([entry?.traceId, entry?.parentId, entry?.flags], [TRACE, SPAN, 1]);
  assert.equal(world.records.length, 3);
  assert.equal(world.records.at(-1)?.requestId, call.head.id);
  assert.equal(world.records.at(-1)?.startWallMs, entry?.startWallMs);
});

test("more sampled requests in one turn than one write holds all have their record and trace", async () => {
  const fn = world.fn({ kind: "fetch", config: { concurrency: 100, maxInstances: 10 } });
  const waiting: Call[] = [];
  agent.handle = (call) => void waiting.push(call);
  await world.start();
  const total = 300;
  const asked = Array.from({ length: total }, () =>
    world.call(fn, { headers: { traceparent: SAMPLED } }),
  );
  await until(() => waiting.length === total);
  for (const call of waiting) call.answer("ok");
  await Promise.all(asked);
  const kept = new Set(world.traces.map(({ requestId }) => requestId));
  assert.equal(kept.size, total);
  assert.equal(world.records.length, total);
  for (const { requestId } of world.records) assert.ok(kept.has(requestId));
});

test("a call of a traced request's handler hangs under that handler", async () => {
  const outer = world.fn({ name: "outer" });
  world.fn({ name: "inner" });
  let inner: Call | undefined;
  agent.handle = (call) => {
    if (call.head.a.startsWith("inner.")) {
      inner = call;
      return call.answer("{}");
    }
    const head = JSON.stringify({ op: "call", r: call.head.id, f: "shop/inner" });
    const handler = {
      onReply: () => call.answer("done"),
      onBody: () => undefined,
      onWritable: () => undefined,
      onFailed: () => undefined,
    };
    call.instance.link.open(head, { body: Buffer.from("{}"), end: true }, handler);
  };
  await world.start();
  const { headers } = await world.call(outer, { headers: { traceparent: SAMPLED } });
  assert.ok(headers["traceparent"] !== undefined && inner !== undefined);
  await until(() => world.traces.length === 2);
  const [first, second] = world.traces;
  assert.equal(first?.requestId, inner.head.id);
  assert.equal(first?.traceId, TRACE);
  assert.equal(first?.parentId, stageSpanIdOf(String(second?.requestId), "handler"));
  const [own = ""] = told(inner, "traceparent");
  assert.equal(parseTraceparent(own)?.parentId, stageSpanIdOf(inner.head.id, "handler"));
});
