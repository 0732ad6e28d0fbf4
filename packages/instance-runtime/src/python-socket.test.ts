/** WebSockets of ASGI applications: the messages of the specification, and RFC 6455's rules. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { LIMITS } from "@skerry/contracts";
import { LINK_LIMITS } from "@skerry/link";
import type { Instance } from "../test/harness.ts";
import { python } from "../test/languages.ts";
import { Client, HEADERS, UPGRADE } from "../test/web-socket-client.ts";
import { binary, clientFrame, close, ping, text } from "../test/web-socket-frames.ts";

/** An application whose body begins when the client wants to connect. */
const application = (body: string): string => `
import asyncio, json
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("none")
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen = json.dumps([scope["method"], (await receive())["more_body"], dict(scope["headers"]).get(b"upgrade")])
        return await send({"type": "http.response.body", "body": seen.encode()})
    async def accept(**more):
        await send({"type": "websocket.accept", **more})
    async def say(message):
        await send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})
    async def close(code, reason=None):
        await send({"type": "websocket.close", "code": code, "reason": reason})
    assert (await receive()) == {"type": "websocket.connect"}
${body.replace(/^/gm, "    ")}`;

const ECHO = `
await accept()
while (message := await receive())["type"] == "websocket.receive":
    assert len(message) == 2
    await say(message.get("text", message.get("bytes")))
print("over", message["code"], message["reason"])`;

const run = (t: TestContext, body: string): Promise<Instance> => python.run(t, application(body));

async function answered(instance: Instance, headers: readonly string[] = []) {
  const asked = instance.open({ headers: [...HEADERS, ...headers], upgrade: UPGRADE }, true);
  const head = await asked.replied;
  return { head, body: (await asked.finished).toString() };
}

/** Time for the instance to do what it was sent. */
async function turns(instance: Instance, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await new Promise<void>((resolve) => instance.link.ping(resolve));
  }
}

const PRESENT = { skip: python.missing };

describe("the handshake of an ASGI application", PRESENT, () => {
  it("tells the scope of the specification, and accepts with subprotocol and headers", async (t) => {
    const instance = await run(
      t,
      `seen = {k: v for k, v in scope.items() if isinstance(v, (str, bytes, tuple, list))}
seen.update(asgi=scope["asgi"], denial=scope["extensions"]["websocket.http.response"])
context = scope["extensions"]["skerry"]["context"]
waits = context.remaining_ms()
await accept(subprotocol="b", headers=[(b"Set-Cookie", b"a=b"), (b"connection", b"close")])
await say(json.dumps(seen, default=lambda value: value.decode()))
await say(str(waits < 20000 < context.remaining_ms()))
await close(1000)`,
    );
    const more = ["sec-websocket-protocol", "a, b", "sec-websocket-extensions", "x", "x-two", "y"];
    const client = await Client.open(instance, { headers: more });
    assert.deepEqual((await client.request.replied).h, [
      ...["sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "sec-websocket-protocol", "b"],
      ...["set-cookie", "a=b", "upgrade", "websocket"],
    ]);
    await instance.until(() => client.heard().length === 3);
    client.send(close(1000));
    const [seen, deadline] = await client.end();
    assert.equal(deadline, "True");
    const { headers, ...scope } = JSON.parse(String(seen)) as { headers: string[][] };
    assert.deepEqual(scope, {
      ...{ type: "websocket", http_version: "1.1", scheme: "ws", root_path: "" },
      ...{ path: "/", raw_path: "/", query_string: "", subprotocols: ["a", "b"], denial: {} },
      asgi: { version: "3.0", spec_version: "2.5" },
      server: ["hello.shop.localhost", 4480],
    });
    assert.deepEqual(headers[2], ["sec-websocket-key", HEADERS[5]]);
  });

  it("is refused with 403 by a close before it, and by what the application answers", async (t) => {
    const instance = await run(
      t,
      `if scope["subprotocols"]:
    await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"key")]})
    await send({"type": "websocket.http.response.body", "body": b"no ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"entry"})
else:
    await close(3000, "no")
print(await receive())
try:
    await accept()
except OSError as error:
    print(error)
    raise`,
    );
    const refused = await answered(instance);
    assert.deepEqual([refused.head.s, refused.head.h, refused.body], [403, [], ""]);
    const denied = await answered(instance, ["sec-websocket-protocol", "a"]);
    assert.deepEqual(
      [denied.head.s, denied.head.h, denied.body],
      [401, ["x-why", "key"], "no entry"],
    );
    const said = "{'type': 'websocket.disconnect', 'code': 1006, 'reason': ''}";
    await instance.until(() => instance.messages().length === 4);
    assert.ok(instance.entries.every(({ l }) => l === "info"));
    assert.equal(instance.messages().filter((message) => message === said).length, 2);
  });

  it("that is no answer, or against the rules, is a failure of the application", async (t) => {
    const cases: Readonly<Record<string, readonly [string, RegExp]>> = {
      return: ["bad_response", /neither accepted nor refused/],
      raise: ["failed", /on purpose/],
      foreign: ["bad_response", /did not offer the subprotocol 'z'/],
      own: ["bad_response", /header of the handshake/],
      early: ["bad_response", /'websocket.send' at its start/],
      injected: ["bad_response", /header a/],
    };
    const instance = await run(
      t,
      `case = scope["path"][1:]
if case == "raise":
    raise ValueError("on purpose")
elif case == "foreign":
    await accept(subprotocol="z")
elif case == "own":
    await accept(headers=[(b"sec-websocket-extensions", b"permessage-deflate")])
elif case == "early":
    await say("too early")
elif case == "injected":
    await accept(headers=[(b"a", b"1\\r\\nb: 2")])`,
    );
    for (const [path, [kind, message]] of Object.entries(cases)) {
      const asked = { path: `/${path}`, headers: HEADERS, upgrade: UPGRADE };
      const { e } = await instance.open(asked, true).replied;
      assert.equal(e?.kind, kind, path);
      assert.match(e.message, message);
    }
  });

  it("of another protocol, and of a WSGI application, is an ordinary request", async (t) => {
    const headers = ["connection", "Upgrade", "upgrade", "own", "x-one", "1"];
    const upgrade = { p: "own", ms: 1_000 };
    const asgi = await run(t, ECHO);
    const asked = await asgi.open({ headers, upgrade }, true).finished;
    assert.deepEqual(JSON.parse(asked.toString()), ["GET", false, null]);
    const wsgi = await python.run(
      t,
      `def app(environ, start_response):
    start_response("200 OK", [])
    return [environ["wsgi.input"].read(), environ.get("HTTP_UPGRADE", "none").encode()]`,
    );
    for (const [more, up] of [
      [headers, upgrade],
      [HEADERS, UPGRADE],
    ] as const) {
      const { finished } = wsgi.open({ headers: more, upgrade: up }, true);
      assert.equal((await finished).toString(), "none");
    }
  });

  it("tells a client that leaves before it is answered", async (t) => {
    const instance = await run(t, `print("waits")\nprint((await receive())["code"])`);
    const asked = instance.open({ headers: HEADERS, upgrade: UPGRADE }, true);
    await instance.until(() => instance.messages().includes("waits"));
    asked.stream.cancel("the client left");
    await instance.until(() => instance.messages().includes("1006"));
  });
});

describe("an open WebSocket of an ASGI application", PRESENT, () => {
  it("takes and sends text and bytes, in order, whole however they were cut", async (t) => {
    const instance = await run(t, ECHO);
    const client = await Client.open(instance);
    const parts = Buffer.concat([
      clientFrame({ opcode: 1, payload: Buffer.from([0x67, 0xc3]), isLast: false }),
      ping("between"),
      clientFrame({ opcode: 0, payload: Buffer.from([0xbc]), isLast: false }),
      clientFrame({ opcode: 0, payload: "" }),
    ]);
    for (const byte of parts) client.send(Buffer.from([byte]));
    client.send(binary(Buffer.from("cd")), text(""), binary(Buffer.alloc(0)));
    await instance.until(() => client.heard().length === 5);
    client.send(close(4_001, "bye"));
    assert.deepEqual(await client.end(), [
      { opcode: 10, payload: "between" },
      ...["gü", { opcode: 2, payload: "cd" }, "", { opcode: 2, payload: "" }],
      [4_001, ""],
    ]);
    await instance.until(() => instance.messages().includes("over 4001 bye"));
    await instance.until(() => instance.link.streams === 0);
  });

  it("brings back the largest message, and closes with 1009 for a larger one", async (t) => {
    const instance = await run(t, ECHO);
    const { webSocketMessageBytesMax: bytesMax } = LIMITS;
    for (const length of [125, 126, 65_535, 65_536, bytesMax]) {
      const payload = Buffer.alloc(length, "x");
      const client = await Client.open(instance);
      const echoed = client.ended;
      client.send(text(payload));
      await instance.until(() => client.request.received() > length);
      client.send(close());
      client.request.stream.end();
      assert.equal((await echoed).indexOf(payload), length < 126 ? 2 : length < 1 << 16 ? 4 : 10);
    }
    const large = await Client.open(instance);
    large.send(clientFrame({ opcode: 2, payload: Buffer.alloc(bytesMax), isLast: false }));
    large.send(clientFrame({ opcode: 0, payload: "x" }));
    const why = `a message is larger than ${bytesMax} bytes`;
    assert.deepEqual(await large.end(), [[1009, why]]);
    await instance.until(() => instance.messages().includes(`over 1006 ${why}`));
  });

  const faults: Readonly<Record<string, readonly [number, Buffer]>> = {
    "a frame of a client is not masked": [
      1002,
      clientFrame({ opcode: 1, payload: "x", isMasked: false }),
    ],
    "a reserved bit is set": [1002, clientFrame({ opcode: 1, payload: "x", reserved: 4 })],
    "an opcode is reserved": [1002, clientFrame({ opcode: 3 })],
    "a control frame is in parts": [1002, clientFrame({ opcode: 9, isLast: false })],
    "a control frame is too long": [1002, clientFrame({ opcode: 9, payload: "x".repeat(126) })],
    "nothing is to be continued": [1002, clientFrame({ opcode: 0, payload: "x" })],
    "a message is not at its end": [
      1002,
      Buffer.concat([clientFrame({ opcode: 1, payload: "x", isLast: false }), text("y")]),
    ],
    "a length is not in its shortest form": [
      1002,
      clientFrame({ opcode: 1, payload: "x", lengthBytes: 2 }),
    ],
    "a text is not UTF-8": [1007, text(Buffer.from([0xed, 0xa0, 0x80]))],
    "a close reason is not UTF-8": [1007, close(1000, Buffer.from([0xff]))],
    "1005 is no close code": [1002, close(1005)],
    "2999 is no close code": [1002, close(2999)],
    "a close code has one byte": [1002, clientFrame({ opcode: 8, payload: "x" })],
  };
  it("is failed by each frame against the rules, with the code of the rule", async (t) => {
    const instance = await run(t, ECHO);
    for (const [why, [code, frame]] of Object.entries(faults)) {
      const client = await Client.open(instance);
      client.send(text("fine"));
      await instance.until(() => client.request.received() > 0);
      client.send(frame, text("more"));
      assert.deepEqual(await client.end(), ["fine", [code, why]]);
      await instance.until(() => instance.messages().includes(`over 1006 ${why}`));
    }
    assert.equal((await instance.request()).head.s, 200);
  });

  it("closes with the application's code and reason, and sends nothing after it", async (t) => {
    const instance = await run(
      t,
      `await accept()
for code, reason in [(1005, ""), (999, ""), ("x", ""), (1000, "x" * 124)]:
    try:
        await close(code, reason)
    except ValueError as error:
        await say(str(error))
await close(4000, "bye")
for again in (say("late"), close(1000)):
    try:
        await again
    except OSError as error:
        print(type(error).__name__)
message = await receive()
print(message)
assert await receive() == message`,
    );
    const client = await Client.open(instance);
    await instance.until(() => instance.messages().filter((one) => one === "Gone").length === 2);
    client.send(ping("late"), text("dropped"), close(4000, "bye"));
    const frames = await client.end();
    assert.deepEqual(frames, [
      ...["1005 is no close code.", "999 is no close code.", "'x' is no close code."],
      ...["The reason is longer than 123 bytes.", [4000, "bye"]],
    ]);
    const told = "{'type': 'websocket.disconnect', 'code': 4000, 'reason': 'bye'}";
    await instance.until(() => instance.messages().includes(told));
  });

  it("is asked for messages with a time limit, and neither loses one nor keeps who asked", async (t) => {
    const instance = await run(
      t,
      `await accept()
async def asked():
    try:
        return await asyncio.wait_for(receive(), 0.001)
    except asyncio.TimeoutError:
        return None
for _ in range(100):
    assert await asked() is None
await say(str(len(receive.__self__._call.gate._waiting)))
heard = []
while len(heard) < 50:
    message = await asked()
    heard += [] if message is None else [message["text"]]
await say(" ".join(heard))`,
    );
    const client = await Client.open(instance);
    await instance.until(() => client.heard().length === 1);
    const sent = Array.from({ length: 50 }, (_, at) => `${at}`);
    for (const one of sent) {
      client.send(text(one));
      await turns(instance, 1);
    }
    await instance.until(() => client.heard().length === 3);
    client.send(close(1000));
    assert.deepEqual(await client.end(), ["0", sent.join(" "), [1000, ""]]);
  });

  it("is closed with 1000 when the application returns", async (t) => {
    const instance = await run(t, `await accept()\nawait say("all")`);
    const client = await Client.open(instance);
    client.send(close(1000));
    assert.deepEqual(await client.end(), ["all", [1000, ""]]);
    assert.deepEqual(instance.messages(), []);
  });

  it("whose application raises is closed with 1011, and told to the platform as failed", async (t) => {
    const instance = await run(
      t,
      `await accept()\nawait receive()\nraise ValueError("on purpose")`,
    );
    const asked = { headers: HEADERS, upgrade: UPGRADE };
    const { stream, finished, received, replied } = instance.open(asked, true);
    assert.equal((await replied).s, 101);
    stream.write(text("go"));
    // A Close of 1011 without a reason: what went wrong is the log's.
    await instance.until(() => received() === 4);
    stream.write(close(1011));
    await assert.rejects(finished, { reason: "LINK_STREAM_CANCELLED", message: /on purpose/ });
    const [line] = instance.messages();
    assert.match(line ?? "", /^The WebSocket is closed with 1011: [\s\S]*ValueError: on purpose$/);
    assert.equal((await instance.request()).head.s, 200);
  });

  it("tells a client that ends or breaks off without a Close as 1006, once all is taken", async (t) => {
    const instance = await run(
      t,
      `await accept()
while (message := await receive())["type"] == "websocket.receive":
    print("got", message["text"])
print("over", message["code"], message["reason"])`,
    );
    const ended = await Client.open(instance);
    ended.send(text("last"));
    ended.request.stream.end();
    assert.deepEqual(await ended.end(), []);
    await instance.until(() => instance.messages().includes("over 1006 "));
    assert.deepEqual(instance.messages(), ["got last", "over 1006 "]);
    const broken = await Client.open(instance);
    broken.request.stream.cancel("the client left");
    const said = /^over 1006 The caller gave the request up/;
    await instance.until(() => instance.messages().some((message) => said.test(message)));
  });
});

describe("an ASGI application and a slow client", PRESENT, () => {
  it("waits in send for a client that does not take, and goes on when it does", async (t) => {
    const instance = await run(
      t,
      `await accept()
for number in range(64):
    await say(bytes([number]) * 65536)
    print("sent", number)
await close(1000)`,
    );
    const client = await Client.open(instance, { autoGrant: false });
    await instance.until(() => client.request.received() === LINK_LIMITS.creditBytes);
    // Other requests are served meanwhile.
    for (let n = 0; n < 20; n += 1) assert.equal((await instance.request()).head.s, 200);
    assert.deepEqual(instance.messages(), ["sent 0", "sent 1", "sent 2"]);
    client.take(instance);
    await instance.until(() => client.heard().length === 65);
    client.send(close(1000));
    assert.equal((await client.end()).length, 65);
    assert.ok(instance.messages().includes("sent 63"));
  });

  it("closes behind all that was sent, however long the client takes for it", async (t) => {
    const instance = await run(
      t,
      `from skerry_runtime import web_socket
web_socket._CLOSE_WAIT_SECONDS = 0.05
async def tell():
    await asyncio.sleep(0.3)
    print("long over")
await accept()
sending, telling = asyncio.create_task(say(bytes(1 << 20))), asyncio.create_task(tell())
await asyncio.sleep(0)
await close(1000)`,
    );
    const client = await Client.open(instance, { autoGrant: false });
    await instance.until(() => instance.messages().includes("long over"));
    client.take(instance);
    await instance.until(() => client.heard().length === 2);
    assert.deepEqual(client.heard().at(-1), [1000, ""]);
    // One that has it all and does not answer is given up, after an ordinary end.
    await client.request.finished;
    await instance.until(() => client.request.stream.closed);
  });

  it("that does not take what its client sends lets it send no more", async (t) => {
    const instance = await run(
      t,
      `await accept()
await scope["extensions"]["skerry"]["context"].cancelled`,
    );
    for (const length of [0, 32 << 10]) {
      const client = await Client.open(instance);
      const { stream, writable } = client.request;
      const some = Buffer.concat(
        Array(1 + Math.floor(6_000 / (length + 6))).fill(text("x".repeat(length))),
      );
      const sent = { bytes: 0, mayGoOn: true };
      while (sent.mayGoOn && sent.bytes < 16 << 20) {
        sent.bytes += some.length;
        if (stream.write(some)) continue;
        sent.mayGoOn = false;
        void writable().then(() => (sent.mayGoOn = true));
        await turns(instance, 20);
      }
      assert.ok(sent.bytes < 2 << 20, `${sent.bytes} bytes`);
      client.request.stream.cancel("enough");
    }
    assert.equal((await instance.request()).head.s, 200);
  });

  it("gives the newest pong only of a flood of pings", async (t) => {
    const instance = await run(t, `await accept()\nawait say(bytes(1 << 20))\nawait receive()`);
    const client = await Client.open(instance, { autoGrant: false });
    await instance.until(() => client.request.received() === LINK_LIMITS.creditBytes);
    client.send(...Array.from({ length: 10_000 }, (_, at) => ping(`${at}`)));
    await turns(instance, 1);
    client.take(instance);
    client.send(ping("last"), close(1000));
    const frames = await client.end();
    assert.ok(frames.length < 5_000, `${frames.length} frames`);
    assert.deepEqual(frames.at(-1), [1000, ""]);
  });
});
