import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, type FunctionId } from "@skerry/base";
import { Bursts } from "@skerry/bursts";
import type { BurstLine } from "@skerry/api-schema";
import { AGENT_ID, Harness, type Problem } from "../../test/harness.ts";
import { instanceOf, instancesReply } from "../../test/instances.ts";
import { built } from "../../test/peer-double.ts";
import { CONTROL_LIMITS } from "../limits.ts";
import type { TrafficQueries } from "../ports.ts";

const BURSTS = "/v1/apps/shop/functions/hello/bursts";

/** A function with one instance that rests once `rests` says so. */
async function openBursting(rests: () => boolean): Promise<Harness> {
  const harness = await Harness.open({ burstLookMs: 5, burstRestMs: 600_000 });
  const ids: FunctionId[] = [];
  harness.peer({
    ...{ role: "agent", id: AGENT_ID },
    answer: (head) => {
      if (head.op === "build") return built(head as never);
      const state = rests() ? "resting" : "ready";
      return instancesReply(ids.map((id) => instanceOf(id, { state })));
    },
  });
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const { body } = await harness.send<{ id: FunctionId }>("GET", "/v1/apps/shop/functions/hello");
  ids.push(body.id);
  return harness;
}

function linesOf(text: string): readonly BurstLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as BurstLine);
}

test("a burst makes every call, watches the instances come to rest, and settles", async () => {
  let looks = 0;
  await using harness = await openBursting(() => harness.page.calls.length === 30 && ++looks > 3);
  harness.page.billedMs = 42;
  const body = { event: { a: 1 }, callers: 10, callsEach: 3 };
  const reply = await harness.send<string>("POST", BURSTS, { body });
  const lines = linesOf(reply.body);
  const last = lines.at(-1);
  assert.equal(harness.page.calls.length, 30);
  assert.deepEqual(harness.page.calls[0], { app: "shop", fn: "hello", event: '{"a":1}' });
  assert.deepEqual(
    [last?.phase, last?.calls, last?.errors, last?.billedMs],
    ["settled", 30, 0, 42],
  );
  assert.deepEqual(last?.instances, { starting: 0, ready: 0, resting: 1 });
  assert.ok(
    lines.some(({ phase }) => phase === "resting"),
    "it watched them come to rest",
  );
  assert.ok(last?.p95Ms !== null && (last?.p95Ms ?? 0) >= (last?.p50Ms ?? 0));
});

test("one burst at a time; one whose client leaves makes no further calls and gives its place back", async () => {
  await using harness = await openBursting(() => true);
  harness.page.gate = () => new Promise(() => undefined);
  const body = { event: null, callers: 5, callsEach: 50 };
  const leave = new AbortController();
  const first = harness.send("POST", BURSTS, { body, signal: leave.signal }).catch(() => "left");
  while (harness.page.calls.length < 5) await new Promise((resolve) => setImmediate(resolve));
  const second = await harness.send<Problem>("POST", BURSTS, { body });
  assert.equal(second.body.error.reason, "BURST_UNDER_WAY");
  assert.equal(second.status, 429);
  leave.abort();
  assert.equal(await first, "left");
  harness.page.gate = () => Promise.resolve();
  const small = { event: null, callers: 1, callsEach: 1 };
  for (;;) {
    const { status } = await harness.send("POST", BURSTS, { body: small });
    if (status === 200) break;
    assert.equal(status, 429);
  }
  assert.equal(harness.page.calls.length, 6, "of the burst that was left, only what was under way");
});

test("a burst whose client leaves before its first line gives its place back", async () => {
  const deps = {
    agents: { nodes: () => Promise.resolve([]) },
    caller: { call: () => Promise.reject(new TypeError("nobody calls")) },
    traffic: {} as TrafficQueries,
    clock: systemClock(),
    limits: CONTROL_LIMITS,
  };
  const bursts = new Bursts(deps);
  const of = (signal: AbortSignal): Parameters<Bursts["start"]>[0] => ({
    ...{ app: "shop", fn: "hello", functionId: "fn_1" as FunctionId, memoryMb: 128, event: "1" },
    ...{ callers: 1, callsEach: 1, signal },
  });
  const leaving = new AbortController();
  const lines = bursts.start(of(leaving.signal));
  assert.throws(() => bursts.start(of(new AbortController().signal)), /Another burst/);
  leaving.abort();
  bursts.start(of(AbortSignal.abort()));
  const next = new AbortController();
  bursts.start(of(next.signal));
  // Begun too late, it neither calls nor takes the place of the one that has it now.
  for await (const line of lines) assert.fail(JSON.stringify(line));
  assert.throws(() => bursts.start(of(new AbortController().signal)), /Another burst/);
  next.abort();
});

test("a burst is bounded, and asks for the right to call", async () => {
  await using harness = await openBursting(() => true);
  for (const change of [{ callers: 201 }, { callers: 0 }, { callsEach: 51 }]) {
    const { status } = await harness.send("POST", BURSTS, { body: { event: 1, ...change } });
    assert.equal(status, 400);
  }
  const made = await harness.send<{ key: string }>("POST", "/v1/keys", {
    body: { name: "viewer", role: "viewer" },
  });
  const { status } = await harness.send("POST", BURSTS, { key: made.body.key, body: { event: 1 } });
  assert.equal(status, 403);
  assert.deepEqual(harness.page.calls, []);
});
