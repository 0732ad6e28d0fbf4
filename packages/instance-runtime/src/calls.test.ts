/**
 * What `context.call` asks of the gateway and makes of its answers, in every language. A handler
 * calls `shop/other` with `event.payload`, or the bytes of `event.bytes`, waits `event.timeoutMs`,
 * and gives `{result}` (bytes as a list), or `{reason, message, details}` of what was raised; with
 * `event.stream` `{status, headers, text}` of the answer as it came, of which each part is told to
 * `shop/heard` with `event.tells`, and of which no more is taken after the first with
 * `event.leaves`.
 */
import assert from "node:assert/strict";
import { test as nodeTest, type TestContext } from "node:test";
import {
  failFunction,
  type CallHead,
  type CallReplyHead,
  type SpecialiseHead,
} from "@skerry/contracts";
import { IGNORING_STREAM, type OpenedStream } from "@skerry/link";
import { runSource, type Instance } from "../test/harness.ts";
import { php, python } from "../test/languages.ts";

const NODE = `exports.handler = async (event, context) => {
  const { bytes, payload, timeoutMs, stream } = event;
  try {
    const sent = bytes ? Buffer.from(bytes) : payload;
    const result = await context.call("shop/other", sent, { timeoutMs, stream });
    if (result instanceof Uint8Array) return { result: [...result] };
    if (!stream) return { result: result ?? null };
    let text = "";
    for await (const part of result.body) {
      text += Buffer.from(part);
      if (event.tells) await context.call("shop/heard");
      if (event.leaves) break;
    }
    return { status: result.status, headers: result.headers, text };
  } catch ({ reason, message, details }) { return { reason, message, details }; }
};`;
const PYTHON = `import skerry
%DEF handler(event, context):
    payload = bytes(event["bytes"]) if "bytes" in event else event.get("payload")
    stream = event.get("stream", False)
    try:
        result = %AWAIT context.call("shop/other", payload, timeout_ms=event.get("timeoutMs"), stream=stream)
        if not stream:
            return {"result": list(result) if isinstance(result, bytes) else result}
        text = b""
        %FOR part in result:
            text += part
            if event.get("tells"):
                %AWAIT context.call("shop/heard")
            if event.get("leaves"):
                break
        return {"status": result.status, "headers": result.headers, "text": text.decode()}
    except skerry.CallFailed as error:
        return {"reason": error.reason, "message": str(error), "details": error.details}
`;
const pythonSource = (def: string, wait: string, loop: string): string =>
  PYTHON.replace("%DEF", def).replaceAll("%AWAIT ", wait).replace("%FOR", loop);
const PHP = `try {
    $stream = $e['stream'] ?? false;
    $result = $c->call('shop/other', $e['payload'] ?? null, $e['timeoutMs'] ?? null, $stream);
    if (!$stream) return ['result' => $result];
    $text = '';
    foreach ($result as $part) {
      $text .= $part;
      if ($e['tells'] ?? false) $c->call('shop/heard');
      if ($e['leaves'] ?? false) break;
    }
    return ['status' => $result->status, 'headers' => $result->headers, 'text' => $text];
  } catch (Skerry\\CallFailed $f) {
    return ['reason' => $f->reason, 'message' => $f->getMessage(), 'details' => $f->details];
  }`;
const PHP_PAGE = `function run($e, $c) { ${PHP} }
  $event = json_decode(file_get_contents('php://input'), true);
  echo json_encode(run($event, Skerry\\Context::current()));`;

interface Caller {
  readonly missing: string | false;
  /** It has bytes apart from text: sends them as they are, and gives them back. */
  readonly bytes: boolean;
  run(t: TestContext, specialise?: Partial<SpecialiseHead>): Promise<Instance>;
}

function pythonCaller(source: string): Caller {
  const run: Caller["run"] = (t, specialise = {}) => python.run(t, source, { specialise });
  return { missing: python.missing, bytes: true, run };
}

function phpCaller(source: string): Caller {
  const run: Caller["run"] = (t, specialise = {}) => php.run(t, source, { specialise });
  return { missing: php.missing, bytes: false, run };
}

const CALLERS: Readonly<Record<string, Caller>> = {
  Node: {
    ...{ missing: false, bytes: true },
    run: (t, specialise = {}) => runSource(t, NODE, { specialise }),
  },
  "a function of Python": pythonCaller(pythonSource("def", "", "for")),
  "a coroutine of Python": pythonCaller(pythonSource("async def", "await ", "async for")),
  "a handler of PHP": phpCaller(`function handler($e, $c) { ${PHP} }`),
  "a page of PHP": phpCaller(PHP_PAGE),
};

interface Asked {
  readonly head: CallHead;
  readonly opened: OpenedStream;
  readonly body: string;
}

/** Gathers each call's body, however many frames it takes, then answers. */
function onCall(instance: Instance, answer: (asked: Asked) => void): void {
  instance.accept = (opened) => {
    const head = JSON.parse(opened.head) as CallHead;
    const chunks = [Buffer.from(opened.body)];
    const finish = (): void => answer({ head, opened, body: Buffer.concat(chunks).toString() });
    if (opened.end) finish();
    return {
      onReply: () => undefined,
      onWritable: () => undefined,
      onFailed: () => undefined,
      onBody(chunk, end) {
        chunks.push(Buffer.from(chunk));
        opened.stream.grant(chunk.length);
        if (end) finish();
      },
    };
  };
}

function reply({ opened }: Asked, head: Partial<CallReplyHead>, body = "", end = true): void {
  const whole = { s: 200, h: ["content-type", "application/json"], id: "called", ...head };
  opened.stream.reply(JSON.stringify(whole), Buffer.from(body), end);
}

interface Told {
  readonly result?: unknown;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: unknown;
}

async function told(instance: Instance, event: object = {}): Promise<Told> {
  return (await instance.invoke(event)).json() as Told;
}

type Case = (t: TestContext, caller: Caller) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  "carries its request's id, the payload and what time is left": async (t, { run, bytes }) => {
    const instance = await run(t);
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
    await told(instance, { timeoutMs: 4_000 });
    assert.ok((seen[1]?.opened.remainingMs ?? 0) <= 4_000);
    assert.equal(seen[1]?.body, "");
    if (bytes) await told(instance, { bytes: [123, 125] });
    if (bytes) assert.equal(seen[2]?.body, "{}");
    assert.equal(instance.link.streams, 0);
  },

  "takes a large payload and a large answer, as fast as each side takes them": async (
    t,
    caller,
  ) => {
    const instance = await caller.run(t);
    onCall(instance, (asked) => reply(asked, {}, asked.body));
    const payload = "é".repeat(500_000);
    assert.ok((await told(instance, { payload })).result === payload);
  },

  "gives JSON, text or nothing by the answer's type, and bytes of any other": async (t, caller) => {
    const instance = await caller.run(t);
    const answers: readonly [readonly string[], string, unknown][] = [
      [["Content-Type", "application/problem+json; charset=utf-8"], "[1]", [1]],
      [["content-type", "text/plain"], "plain", "plain"],
      [["content-type", "application/octet-stream"], "ab", caller.bytes ? [97, 98] : "ab"],
      [[], "", null],
    ];
    for (const [h, body, result] of answers) {
      onCall(instance, (asked) => reply(asked, { h }, body));
      assert.deepEqual(await told(instance), { result });
    }
  },

  "fails with the reason and the details of what went wrong": async (t, { run }) => {
    const instance = await run(t, { payloadBytesMax: 1_000 });
    const details = { function: "shop/other", errorName: "RangeError", errorMessage: "far" };
    const e = failFunction("FUNCTION_FAILED", { ...details, requestId: "x" }).toWire();
    onCall(instance, (asked) => reply(asked, { s: 502, h: [], e }));
    const failed = await told(instance);
    assert.equal(failed.reason, "FUNCTION_FAILED");
    assert.deepEqual(failed.details, { ...details, requestId: "called" });
    onCall(instance, (asked) => reply(asked, { s: 503, h: ["content-type", "a/b"] }, "busy"));
    const status = { function: "shop/other", status: 503, body: "busy" };
    assert.deepEqual((await told(instance)).details, status);
    onCall(instance, ({ opened }) => opened.stream.cancel("the gateway is leaving"));
    const abandoned = await told(instance, { payload: 1 });
    assert.equal(abandoned.reason, "CALL_ABANDONED");
    assert.match(abandoned.message ?? "", /the gateway is leaving/);
    onCall(instance, (asked) => reply(asked, {}, `"${"x".repeat(1_000)}"`));
    assert.equal((await told(instance)).reason, "FUNCTION_PAYLOAD_TOO_LARGE");
    assert.equal(instance.link.streams, 0);
  },

  "that breaks off in the middle of its answer fails": async (t, { run }) => {
    const instance = await run(t);
    onCall(instance, (asked) => {
      reply(asked, {}, '{"a":', false);
      asked.opened.stream.cancel("it broke");
    });
    for (const stream of [false, true]) {
      const { reason, result } = await told(instance, { stream });
      assert.equal(reason ?? result, "CALL_ABANDONED");
    }
  },

  "gives a streamed answer as it comes, whatever its status": async (t, { run }) => {
    const instance = await run(t);
    const part = "y".repeat(200_000);
    onCall(instance, (asked) => {
      reply(asked, { s: 418, h: ["X-One", "1", "x-one", "2"] }, part, false);
      asked.opened.stream.write(Buffer.from(part));
      asked.opened.stream.end();
    });
    const streamed: unknown = await told(instance, { stream: true });
    assert.deepEqual(streamed, { status: 418, headers: { "x-one": "1, 2" }, text: part + part });
  },

  "has each part before the next is made, and calls others meanwhile": async (t, { run }) => {
    const instance = await run(t);
    let streamed: Asked | undefined;
    let parts = 1;
    onCall(instance, (asked) => {
      if (asked.head.f === "shop/other") {
        streamed = asked;
        return reply(asked, {}, "1", false);
      }
      reply(asked, {}, "null");
      parts += 1;
      if (parts < 5) streamed?.opened.stream.write(Buffer.from(String(parts)));
      else streamed?.opened.stream.end();
    });
    const { text } = (await told(instance, { stream: true, tells: true })) as { text?: string };
    assert.equal(text, "1234");
    assert.equal(instance.link.streams, 0);
  },

  "leaves nothing of a call whose answer was whole before its payload was taken": async (
    t,
    { run },
  ) => {
    const instance = await run(t);
    instance.accept = ({ stream }) => {
      stream.reply('{"s":200,"h":[],"id":"called"}', Buffer.from("1"), true);
      return { ...IGNORING_STREAM, onBody: (chunk) => stream.grant(chunk.length) };
    };
    const event = { stream: true, payload: "x".repeat(500_000) };
    const { text } = (await told(instance, event)) as { text?: string };
    assert.equal(text, "1");
    await instance.until(() => instance.link.streams === 0);
  },

  "takes no more of an answer that it leaves, and is called again": async (t, { run }) => {
    const instance = await run(t);
    const left = Promise.withResolvers<string>();
    instance.accept = ({ stream }) => {
      stream.reply('{"s":200,"h":[],"id":"called"}', Buffer.from("1"), false);
      return { ...IGNORING_STREAM, onFailed: ({ message }) => left.resolve(message) };
    };
    const event = { stream: true, leaves: true };
    const { text } = (await told(instance, event)) as { text?: string };
    assert.equal(text, "1");
    assert.match(await left.promise, /./);
    onCall(instance, (asked) => reply(asked, {}, "2"));
    assert.deepEqual(await told(instance), { result: 2 });
  },
};

for (const [name, caller] of Object.entries(CALLERS)) {
  for (const [title, run] of Object.entries(CASES)) {
    void nodeTest(`a call from ${name} ${title}`, { skip: caller.missing }, (t) => run(t, caller));
  }
}
