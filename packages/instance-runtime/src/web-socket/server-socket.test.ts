import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { LIMITS } from "@skerry/contracts";
import { LINK_LIMITS } from "@skerry/link";
import { runSource, type Instance } from "../../test/harness.ts";
import { Client, HEADERS, UPGRADE } from "../../test/web-socket-client.ts";
import { binary, clientFrame, close, ping, text } from "../../test/web-socket-frames.ts";

/** A handler that makes a socket and runs `body` with it. */
const socketSource = (body: string, options = "{}"): string =>
  `exports.default = { async fetch(request, env, context) {
    const { socket, response } = context.upgradeWebSocket(request, ${options});
    const on = (type, run) => socket.addEventListener(type, run);
    on("close", ({ code, reason, wasClean }) => console.log("closed", code, reason, wasClean));
    ${body}
    return response; } };`;

const ECHO = `socket.binaryType = "arraybuffer"; on("message", ({ data }) => socket.send(data));`;

async function start(t: TestContext, source: string): Promise<Instance> {
  return await runSource(t, source);
}

describe("the handshake", () => {
  it("answers with the accept of RFC 6455's own example, and what the handler adds", async (t) => {
    const source = socketSource(`response.headers.set("set-cookie", "a=b");`, `{ protocol: "b" }`);
    const instance = await start(t, source);
    const headers = [
      "sec-websocket-protocol",
      "a, b",
      "sec-websocket-extensions",
      "permessage-deflate",
    ];
    const { request } = await Client.open(instance, { headers });
    assert.deepEqual((await request.replied).h, [
      ...["sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "sec-websocket-protocol", "b"],
      ...["set-cookie", "a=b", "upgrade", "websocket"],
    ]);
  });

  it("is refused where it was not asked for, for a protocol not offered, and twice", async (t) => {
    const instance = await start(
      t,
      `exports.default = { fetch(request, env, context) {
        const asked = request.url.endsWith("/twice") ? [{}, {}] : [{ protocol: "c" }];
        try { for (const one of asked) context.upgradeWebSocket(request, one); }
        catch (error) { return new Response(error.reason); }
        return new Response("no error"); } };`,
    );
    const ask = async (path: string, headers: string[]): Promise<string> =>
      (await instance.request({ path, headers, upgrade: UPGRADE })).text();
    assert.equal((await instance.request()).text(), "UPGRADE_NOT_ASKED");
    assert.equal(await ask("/", HEADERS.slice(0, 4)), "UPGRADE_NOT_ASKED");
    assert.equal(await ask("/", HEADERS), "UPGRADE_PROTOCOL_NOT_OFFERED");
    assert.equal(await ask("/twice", HEADERS), "UPGRADE_TWICE");
  });

  it("another answer than the socket's own leaves the socket closed", async (t) => {
    const source = socketSource(`return new Response("changed my mind", { status: 403 });`);
    const instance = await start(t, source);
    const answer = await instance.request({ headers: HEADERS, upgrade: UPGRADE });
    assert.deepEqual([answer.head.s, answer.text()], [403, "changed my mind"]);
    await instance.until(() => instance.messages().includes("closed 1006  false"));
  });

  it("a handler that throws has failed, and its socket is closed", async (t) => {
    const instance = await start(t, socketSource(`throw new TypeError("no");`));
    const answer = await instance.request({ headers: HEADERS, upgrade: UPGRADE });
    assert.equal(answer.head.e?.name, "TypeError");
    await instance.until(() => instance.messages().includes("closed 1006  false"));
  });

  it("gives an ordinary answer to who asked for a socket and gets none", async (t) => {
    const instance = await start(
      t,
      `exports.default = { fetch: (request) => new Response(request.headers.get("upgrade")) };`,
    );
    const answer = await instance.request({ headers: HEADERS, upgrade: UPGRADE });
    assert.deepEqual([answer.head.s, answer.text()], [200, "websocket"]);
  });
});

describe("an open socket", () => {
  it("is the web's WebSocket", async (t) => {
    const instance = await start(
      t,
      socketSource(
        `const seen = [socket instanceof EventTarget, String(socket), socket.readyState,
           socket.url, socket.protocol, socket.extensions, socket.bufferedAmount, socket.binaryType,
           socket.OPEN, socket.constructor.CLOSED];
         try { socket.send("early"); } catch (error) { seen.push(error.name); }
         let opened = 0;
         socket.onopen = () => opened += 100;
         socket.onopen = function (event) {
           opened += 1;
           seen.push(event.type, this === socket, socket.readyState, opened);
           try { socket.close(1005); } catch (error) { seen.push(error.name); }
           try { socket.close(1000, "x".repeat(124)); } catch (error) { seen.push(error.name); }
           socket.send(JSON.stringify(seen));
           socket.close(4000, "done");
           seen.push(socket.readyState);
           socket.send("dropped");
           socket.close();
         };`,
      ),
    );
    const client = await Client.open(instance);
    client.send(close(4000));
    assert.deepEqual(await client.end(), [
      JSON.stringify([
        ...[true, "[object WebSocket]", 0, "ws://hello.shop.localhost:4480/", "", "", 0, "blob"],
        ...[1, 3, "InvalidStateError", "open", true, 1, 1, "InvalidAccessError", "SyntaxError"],
      ]),
      [4000, "done"],
    ]);
    await instance.until(() => instance.messages().includes("closed 4000  true"));
  });

  it("takes and sends text, buffers, views and blobs, in order", async (t) => {
    const instance = await start(
      t,
      socketSource(
        `on("message", async ({ data }) => {
           if (data instanceof Blob) { socket.binaryType = "arraybuffer"; socket.send(data); }
           else if (data instanceof ArrayBuffer) {
             const view = new Uint8Array(data);
             socket.send(view.subarray(1)); view.fill(0); socket.send(data);
           } else socket.send(data);
         });`,
      ),
    );
    const client = await Client.open(instance);
    client.send(binary(Buffer.from("ab")), text("zwei"), binary(Buffer.from("cd")), close(1000));
    assert.deepEqual(await client.end(), [
      { opcode: 2, payload: "ab" },
      "zwei",
      { opcode: 2, payload: "d" },
      { opcode: 2, payload: "\0\0" },
      [1000, ""],
    ]);
  });

  it("brings back the largest message, and closes with 1009 for a larger one", async (t) => {
    const instance = await start(t, socketSource(ECHO));
    const payload = Buffer.alloc(LIMITS.webSocketMessageBytesMax, "é");
    const client = await Client.open(instance);
    client.send(text(payload), close(1000));
    const [echoed] = await client.end();
    assert.equal(echoed, payload.toString());
    const other = await Client.open(instance);
    other.send(text(Buffer.alloc(payload.length + 1, "x")));
    const why = `a message is larger than ${payload.length} bytes`;
    assert.deepEqual(await other.end(), [[1009, why]]);
    await instance.until(() => instance.messages().includes("closed 1006  false"));
  });

  it("answers pings, and a Close with the same code", async (t) => {
    const instance = await start(t, socketSource(""));
    const client = await Client.open(instance);
    client.send(ping("p"), clientFrame({ opcode: 10 }), close(3_000, "bye"), ping("late"));
    assert.deepEqual(await client.end(), [{ opcode: 10, payload: "p" }, [3_000, ""]]);
    await instance.until(() => instance.messages().includes("closed 3000 bye true"));
  });

  it("is failed with 1002 by a frame against the rules, and tells error and close", async (t) => {
    const instance = await start(t, socketSource(`on("error", () => console.log("error"));`));
    const client = await Client.open(instance);
    client.send(clientFrame({ opcode: 1, payload: "x", isMasked: false }), text("more"));
    assert.deepEqual(await client.end(), [[1002, "a frame of a client is not masked"]]);
    await instance.until(() => instance.messages().includes("closed 1006  false"));
    const { length } = instance.messages().filter((message) => message === "error");
    assert.equal(length, 1);
  });

  it("tells a client that ends or breaks off without a Close as 1006", async (t) => {
    const instance = await start(t, socketSource(""));
    const ended = await Client.open(instance);
    ended.request.stream.end();
    assert.deepEqual(await ended.end(), []);
    const broken = await Client.open(instance);
    broken.request.stream.cancel("the client left");
    const abnormal = (): number =>
      instance.messages().filter((message) => message === "closed 1006  false").length;
    await instance.until(() => abnormal() === 2);
  });

  it("logs under its request and calls with its own, longer deadline", async (t) => {
    const source = socketSource(
      `on("message", () => console.log("left", context.remainingMs() > 20000, context.requestId));`,
    );
    const instance = await start(t, source);
    const client = await Client.open(instance);
    client.send(text("x"), close());
    assert.deepEqual(await client.end(), [[]]);
    await instance.until(() => instance.messages().some((message) => message.startsWith("left")));
    const line = instance.entries.find(({ m }) => m.startsWith("left"));
    assert.equal(line?.m, `left true ${line?.r ?? "none"}`);
  });
});

describe("a client that does not take", () => {
  it("is not read while much waits for it, and gets all of it in order later", async (t) => {
    const source = `let most = 0; ${ECHO}
      on("message", () => {
        if (most <= 1 << 20 && socket.bufferedAmount > 1 << 20) console.log("full");
        most = Math.max(most, socket.bufferedAmount); });
      on("close", () => console.log("most", most));`;
    const instance = await start(t, socketSource(source));
    const client = await Client.open(instance, { autoGrant: false });
    const pieces = Array.from({ length: 96 }, (_, at) => String(at % 10).repeat(64 << 10));
    client.send(...pieces.map((piece) => text(piece)), close(1000));
    await instance.until(() => instance.messages().includes("full"));
    // Time enough for all of it to be read, were it read.
    for (let round = 0; round < 100; round += 1) {
      await new Promise<void>((resolve) => instance.link.ping(resolve));
    }
    client.take(instance);
    assert.deepEqual(await client.end(), [...pieces, [1000, ""]]);
    await instance.until(() => instance.messages().some((message) => message.startsWith("most")));
    const most = Number(
      instance
        .messages()
        .find((message) => message.startsWith("most"))
        ?.slice(5),
    );
    assert.ok(most > 1 << 20 && most < 2 << 20, `${most} bytes waited`);
  });

  it("ends the socket once more waits than may", async (t) => {
    const instance = await start(
      t,
      socketSource(`socket.onopen = () => {
        for (let i = 0; i < 40; i += 1) socket.send(new Uint8Array(1 << 20));
        console.log("state", socket.readyState, socket.bufferedAmount); };`),
    );
    const client = await Client.open(instance, { autoGrant: false });
    await instance.until(() => instance.messages().includes("state 3 0"));
    assert.deepEqual(await client.ended, Buffer.alloc(0));
    assert.ok(instance.messages().some((message) => message.includes("wait to be sent")));
  });

  it("gets the newest pong only of a flood of pings", async (t) => {
    const flood = `socket.onopen = () => socket.send(new Uint8Array(1 << 20));`;
    const instance = await start(t, socketSource(flood));
    const client = await Client.open(instance, { autoGrant: false });
    await instance.until(() => client.request.received() === LINK_LIMITS.creditBytes);
    client.send(...Array.from({ length: 10_000 }, (_, at) => ping(`${at}`)), close(1000));
    client.take(instance);
    const frames = await client.end();
    assert.ok(frames.length < 5_000, `${frames.length} frames`);
    assert.deepEqual(frames.at(-1), [1000, ""]);
  });
});
