/** What is Node's own in `context.call`; calls.test.ts has what all languages keep. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failFunction, type CallHead, type CallReplyHead } from "@skerry/contracts";
import { IGNORING_STREAM, type OpenedStream } from "@skerry/link";
import { runSource, type Instance } from "../test/harness.ts";

const CALLER = `exports.handler = async (event, context) => {
  try {
    return { result: await context.call("shop/other", event.payload) };
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

test("a handler learns which attempt of which invocation it is", async (t) => {
  const source = `exports.handler = (event, c) => [c.invocationId, c.attempt, c.requestId];`;
  const instance = await runSource(t, source);
  const attempt = await instance.invoke({}, { id: "r-1", attempt: { id: "i-1", n: 3 } });
  assert.deepEqual(attempt.json(), ["i-1", 3, "r-1"]);
  const call = await instance.invoke({}, { id: "r-2" });
  assert.deepEqual(call.json(), ["r-2", 1, "r-2"]);
});

test("a handler learns which request called it", async (t) => {
  const instance = await runSource(t, `exports.handler = (event, c) => c.parentRequestId ?? null;`);
  assert.equal((await instance.invoke({})).json(), null);
  assert.equal((await instance.invoke({}, { parent: "p-1" })).json(), "p-1");
});
