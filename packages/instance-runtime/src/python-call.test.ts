/** What `context.call` of Python asks of the gateway and makes of its answers. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test as nodeTest, type TestContext } from "node:test";
import { failFunction, type CallHead, type CallReplyHead } from "@skerry/contracts";
import { IGNORING_STREAM, type OpenedStream } from "@skerry/link";
import { scratch, type Instance } from "../test/harness.ts";
import { pythonMissing, runPython } from "../test/python.ts";

const test = (title: string, run: (t: TestContext) => Promise<void>): void =>
  void nodeTest(title, { skip: pythonMissing }, run);

const CALLER = `
import skerry
%DEF handler(event, context):
    payload = bytes(event["bytes"]) if "bytes" in event else event.get("payload")
    try:
        result = %AWAIT context.call("shop/other", payload, **event.get("options", {}))
        if not event.get("options", {}).get("stream"):
            return {"result": list(result) if isinstance(result, bytes) else result}
        text = b""
        %FOR part in result:
            text += part
        return {"status": result.status, "headers": result.headers, "text": text.decode()}
    except skerry.CallFailed as error:
        return {"reason": error.reason, "code": error.code, "message": str(error), "details": error.details}
`;
const KINDS = {
  function: CALLER.replace("%DEF", "def").replace("%AWAIT ", "").replace("%FOR", "for"),
  coroutine: CALLER.replace("%DEF", "async def")
    .replace("%AWAIT", "await")
    .replace("%FOR", "async for"),
};

interface Asked {
  readonly head: CallHead;
  readonly opened: OpenedStream;
  readonly body: string;
}

function onCall(instance: Instance, answer: (asked: Asked) => void): void {
  instance.accept = (opened) => {
    const head = JSON.parse(opened.head) as CallHead;
    answer({ head, opened, body: Buffer.from(opened.body).toString() });
    return IGNORING_STREAM;
  };
}

function reply({ opened }: Asked, head: Partial<CallReplyHead>, body = "", end = true): void {
  const whole = { s: 200, h: ["content-type", "application/json"], id: "called", ...head };
  opened.stream.reply(JSON.stringify(whole), Buffer.from(body), end);
}

for (const [kind, source] of Object.entries(KINDS)) {
  test(`a call carries its request's id, the payload and what time is left (${kind})`, async (t) => {
    const instance = await runPython(t, source);
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
    await instance.invoke({ options: { timeout_ms: 70 } });
    assert.ok((seen[1]?.opened.remainingMs ?? 0) <= 70);
    assert.equal(seen[1]?.body, "");
    await instance.invoke({ bytes: [123, 125] });
    assert.equal(seen[2]?.body, "{}");
  });

  test(`an answer becomes JSON, text, bytes, nothing or a typed error (${kind})`, async (t) => {
    const instance = await runPython(t, source);
    const answers: readonly [readonly string[], string, unknown][] = [
      [["Content-Type", "application/problem+json; charset=utf-8"], "[1]", [1]],
      [["content-type", "text/plain"], "plain", "plain"],
      [["content-type", "application/octet-stream"], "ab", [97, 98]],
      [[], "", null],
    ];
    for (const [h, body, expected] of answers) {
      onCall(instance, (asked) => reply(asked, { h }, body));
      assert.deepEqual((await instance.invoke({})).json(), { result: expected });
    }
    const details = { function: "shop/other", errorName: "RangeError", errorMessage: "too far" };
    const e = failFunction("FUNCTION_FAILED", { ...details, requestId: "x" }).toWire();
    onCall(instance, (asked) => reply(asked, { s: 502, h: [], e }));
    const failed = (await instance.invoke({})).json() as Record<string, unknown>;
    assert.equal(failed["reason"], "FUNCTION_FAILED");
    assert.deepEqual(failed["details"], { ...details, requestId: "called" });
    onCall(instance, (asked) => reply(asked, { s: 503, h: ["content-type", "a/b"] }, "busy"));
    assert.match((await instance.invoke({})).text(), /"CALL_STATUS".*"body":"busy"/);
  });

  test(`a streamed answer is given as it comes; one that breaks off raises (${kind})`, async (t) => {
    const instance = await runPython(t, source);
    const part = "y".repeat(200_000);
    onCall(instance, (asked) => {
      reply(asked, { s: 418, h: ["X-One", "1", "x-one", "2"] }, part, false);
      asked.opened.stream.write(Buffer.from(part));
      asked.opened.stream.end();
    });
    const answered = (await instance.invoke({ options: { stream: true } })).json();
    assert.deepEqual(answered, { status: 418, headers: { "x-one": "1, 2" }, text: part + part });
    onCall(instance, (asked) => {
      reply(asked, {}, '{"a":', false);
      asked.opened.stream.cancel("it broke");
    });
    for (const stream of [false, true]) {
      const text = (await instance.invoke({ options: { stream } })).text();
      assert.match(text, /CALL_ABANDONED.*it broke/);
    }
  });

  test(`many calls at once, with payloads above the credit (${kind})`, async (t) => {
    const instance = await runPython(t, source);
    instance.accept = (opened) => {
      let bytes = opened.body.length;
      const answer = (): void =>
        reply({ opened, body: "", head: JSON.parse(opened.head) as CallHead }, {}, String(bytes));
      if (opened.end) answer();
      return {
        ...IGNORING_STREAM,
        onBody: (chunk, end) => {
          bytes += chunk.length;
          opened.stream.grant(chunk.length);
          if (end) answer();
        },
      };
    };
    const sizes = Array.from({ length: 24 }, (_, n) => (n % 3) * 300_000);
    const answers = await Promise.all(
      sizes.map((size) => instance.invoke({ payload: "p".repeat(size) })),
    );
    assert.deepEqual(
      answers.map((answer) => answer.json()),
      sizes.map((size) => ({ result: size + 2 })),
    );
    assert.equal(instance.link.streams, 0);
  });
}

test("a call after the answer, while nobody holds the link, is given up", async (t) => {
  const source = `
import asyncio, os, skerry
kept = []
async def late(event, context):
    while not os.path.exists(event["parked"]):
        await asyncio.sleep(0.001)
    try:
        await context.call("shop/other")
    except skerry.CallFailed as error:
        print(error.reason)
async def handler(event, context):
    kept.append(asyncio.ensure_future(late(event, context)))
    return 1
`;
  const instance = await runPython(t, source);
  const parked = join(
    scratch((run) => t.after(run)),
    "parked",
  );
  assert.equal((await instance.invoke({ parked })).text(), "1");
  await instance.link.park();
  instance.pipe.detach();
  writeFileSync(parked, "");
  await instance.until(() => instance.messages().includes("CALL_ABANDONED"));
  instance.connect();
  assert.equal((await instance.invoke({ parked })).text(), "1");
});

test("a handler learns which request called it", async (t) => {
  const instance = await runPython(t, "def handler(e, c): return c.parent_request_id");
  assert.equal((await instance.invoke({})).json(), null);
  assert.equal((await instance.invoke({}, { parent: "p-1" })).json(), "p-1");
});
