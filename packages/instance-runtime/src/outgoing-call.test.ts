/** What `context.call` asks of the gateway and makes of its answers, in the real bootstrap. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failFunction, type CallHead, type CallReplyHead } from "@skerry/contracts";
import { IGNORING_STREAM, type OpenedStream } from "@skerry/link";
import { runSource, type Instance } from "../test/harness.ts";

const CALLER = `exports.handler = async (event, context) => {
  const payload = event.bytes ? Buffer.from(event.bytes) : event.payload;
  try {
    const result = await context.call("shop/other", payload, event.options);
    if (!event.options?.stream) return { result };
    let text = "";
    for await (const part of result.body) text += Buffer.from(part);
    return { status: result.status, headers: result.headers, text };
  } catch ({ name, reason, code, message, details }) {
    return { error: { name, reason, code, message, details } };
  }
};`;

interface Asked {
  readonly head: CallHead;
  readonly opened: OpenedStream;
  readonly body: string;
  readonly cancelled: Promise<string>;
}

function onCall(instance: Instance, answer: (asked: Asked) => void): void {
  instance.accept = (opened) => {
    const cancelled = Promise.withResolvers<string>();
    const head = JSON.parse(opened.head) as CallHead;
    const body = Buffer.from(opened.body).toString();
    answer({ head, opened, body, cancelled: cancelled.promise });
    return { ...IGNORING_STREAM, onFailed: ({ message }) => cancelled.resolve(message) };
  };
}

function reply({ opened }: Asked, head: Partial<CallReplyHead>, body = "", end = true): void {
  const whole = { s: 200, h: ["content-type", "application/json"], id: "called", ...head };
  opened.stream.reply(JSON.stringify(whole), Buffer.from(body), end);
}

test("a call carries its request's id, the payload as JSON and what time is left", async (t) => {
  const instance = await runSource(t, CALLER);
  const seen: Asked[] = [];
  onCall(instance, (asked) => {
    seen.push(asked);
    reply(asked, {}, `{"n":${seen.length}}`);
  });
  const id = instance.nextId();
  const first = await instance.invoke({ payload: { a: "ä" } }, { id, remainingMs: 5_000 });
  assert.deepEqual(first.json(), { result: { n: 1 } });
  assert.deepEqual(seen[0]?.head, { op: "call", r: id, f: "shop/other" });
  assert.equal(seen[0]?.body, '{"a":"ä"}');
  const leftMs = seen[0]?.opened.remainingMs ?? 0;
  assert.ok(leftMs > 0 && leftMs <= 5_000, String(leftMs));
  await instance.invoke({ options: { timeoutMs: 70 } });
  assert.ok((seen[1]?.opened.remainingMs ?? 0) <= 70);
  assert.equal(seen[1]?.body, "");
  await instance.invoke({ bytes: [123, 125] });
  assert.equal(seen[2]?.body, "{}");
});

test("an answer becomes JSON, text, bytes or nothing by its type", async (t) => {
  const instance = await runSource(t, CALLER);
  const answers: readonly [readonly string[], string, unknown][] = [
    [["Content-Type", "application/problem+json; charset=utf-8"], "[1]", [1]],
    [["content-type", "text/plain"], "plain", "plain"],
    [["content-type", "application/octet-stream"], "ab", { 0: 97, 1: 98 }],
    [[], "", undefined],
  ];
  for (const [h, body, expected] of answers) {
    onCall(instance, (asked) => reply(asked, { h }, body));
    const answered = (await instance.invoke({})).json() as { readonly result?: unknown };
    assert.deepEqual(answered.result, expected);
  }
});

test("a call that failed rejects with the platform's typed error", async (t) => {
  const instance = await runSource(t, CALLER);
  const thrown = { errorName: "RangeError", errorMessage: "too far", requestId: "x" };
  const e = failFunction("FUNCTION_FAILED", { function: "shop/other", ...thrown }).toWire();
  onCall(instance, (asked) => reply(asked, { s: 502, h: [], e }));
  const { error } = (await instance.invoke({})).json() as { error: Record<string, unknown> };
  assert.equal(error["name"], "PlatformError");
  assert.equal(error["reason"], "FUNCTION_FAILED");
  assert.deepEqual(error["details"], {
    ...{ function: "shop/other", ...thrown },
    requestId: "called",
  });
  onCall(instance, (asked) => reply(asked, { s: 503, h: ["content-type", "text/plain"] }, "busy"));
  const answered = (await instance.invoke({})).json() as typeof Object;
  assert.match(JSON.stringify(answered), /"CALL_STATUS".*"body":"busy"/);
});

test("a streamed answer is given as it comes, whatever its status", async (t) => {
  const instance = await runSource(t, CALLER);
  const part = "y".repeat(200_000);
  onCall(instance, (asked) => {
    reply(asked, { s: 418, h: ["X-One", "1", "x-one", "2"] }, part, false);
    asked.opened.stream.write(Buffer.from(part));
    asked.opened.stream.end();
  });
  const answered = (await instance.invoke({ options: { stream: true } })).json();
  assert.deepEqual(answered, { status: 418, headers: { "x-one": "1, 2" }, text: part + part });
});

test("an answer that breaks off rejects, whole or streamed", async (t) => {
  const instance = await runSource(t, CALLER);
  onCall(instance, (asked) => {
    reply(asked, {}, '{"a":', false);
    asked.opened.stream.cancel("it broke");
  });
  for (const stream of [false, true]) {
    const text = (await instance.invoke({ options: { stream } })).text();
    assert.match(text, /CALL_ABANDONED.*it broke/);
  }
});

test("a signal gives a call up, and its gateway is told", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = async (event, context) => {
      const stop = new AbortController();
      const held = context.call("shop/other", {}, { signal: stop.signal });
      setTimeout(() => stop.abort(new RangeError("enough")), 5);
      try { await held; } catch (error) { return error.message; }
    };`,
  );
  const cancelled = Promise.withResolvers<string>();
  onCall(instance, (asked) => cancelled.resolve(asked.cancelled));
  assert.equal((await instance.invoke({})).json(), "enough");
  assert.match(await cancelled.promise, /gave the call up/);
});

test("a call that nobody awaits does not end the instance when it is given up", async (t) => {
  const instance = await runSource(
    t,
    `exports.handler = (event, context) => { context.call("shop/other"); return "early"; };`,
  );
  const calls: Asked[] = [];
  onCall(instance, (asked) => void calls.push(asked));
  assert.equal((await instance.invoke({})).json(), "early");
  await instance.until(() => calls.length === 1 || instance.link.streams > 0);
  calls[0]?.opened.stream.cancel("its request ended");
  assert.equal((await instance.invoke({})).json(), "early");
});

test("a handler learns which request called it", async (t) => {
  const instance = await runSource(t, `exports.handler = (event, c) => c.parentRequestId ?? null;`);
  assert.equal((await instance.invoke({})).json(), null);
  assert.equal((await instance.invoke({}, { parent: "p-1" })).json(), "p-1");
});
