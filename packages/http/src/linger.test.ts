import assert from "node:assert/strict";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { createConnection, type Socket } from "node:net";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { defineReasons, silentLog, systemClock, type PlatformError } from "@skerry/base";
import { openRaw, until } from "@skerry/testkit";

import { readBody, sendBytes, serveHttp, type HttpLimits } from "./index.ts";
import { LINGER_BYTES_MAX } from "./linger.ts";

const clock = systemClock();
const BYTES_MAX = 6 << 20;
const PIECE = Buffer.alloc(64 << 10, "x");

const fail = defineReasons({
  NO_ROOM: {
    code: "RESOURCE_EXHAUSTED",
    message: "No room.",
    hint: "Come later.",
    retryable: true,
    audience: "user",
  },
});

/** Refuses what is larger than `BYTES_MAX`; on `/full` and `/slow` every body that has begun. */
function start(limits: Partial<HttpLimits> = {}, served: string[] = []) {
  const admitNone = (): PlatformError => fail("NO_ROOM");
  return serveHttp(
    {
      clock,
      log: silentLog(),
      requestId: () => "req-1",
      onRequest: async (req, res, { rawPath }) => {
        served.push(rawPath);
        const body = await readBody(req, {
          bytesMax: BYTES_MAX,
          deadlineMs: rawPath === "/slow" ? 20 : 20_000,
          clock,
          ...(rawPath === "/full" ? { admit: admitNone } : {}),
        });
        sendBytes(res, { status: 200, headers: [] }, `got ${body.length}`);
      },
    },
    { listen: { host: "127.0.0.1", port: 0 }, limits },
  );
}

/** A client that writes everything before it reads anything. */
async function writeThenRead(
  port: number,
  pieces: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
): Promise<string> {
  const socket = createConnection({ port, host: "127.0.0.1", allowHalfOpen: true });
  try {
    await once(socket, "connect");
    socket.pause();
    for await (const piece of pieces) {
      await new Promise<void>((resolve, reject) => {
        socket.write(piece, (error) => (error ? reject(error) : resolve()));
      });
    }
    const parts: Buffer[] = [];
    for await (const part of socket) parts.push(part as Buffer);
    return Buffer.concat(parts).toString("latin1");
  } finally {
    socket.destroy();
  }
}

function* withLength(bytes: number, path = "/"): Generator<Uint8Array | string> {
  yield `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${bytes}\r\n\r\n`;
  for (let left = bytes; left > 0; left -= PIECE.length) yield PIECE.subarray(0, left);
}

function* inChunks(bytes: number, chunkBytes: number, path = "/"): Generator<Uint8Array | string> {
  const headers = "Host: h\r\nConnection: close\r\nTransfer-Encoding: chunked";
  yield `POST ${path} HTTP/1.1\r\n${headers}\r\n\r\n`;
  const chunk = Buffer.from(`${chunkBytes.toString(16)}\r\n${"x".repeat(chunkBytes)}\r\n`);
  for (let sent = 0; sent < bytes; sent += chunkBytes) yield chunk;
  yield "0\r\n\r\n";
}

/** The error that a whole answer tells. */
function errorOf(text: string): { readonly status: number; readonly reason: string } {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  assert.match(head, /\r\nConnection: close(\r\n|$)/i);
  const { error } = JSON.parse(body) as { error: { reason: string } };
  return { status: Number(head.split(" ")[1]), reason: error.reason };
}

const TOO_LARGE = { status: 413, reason: "BODY_TOO_LARGE" };
const SIZES = [
  ["a byte too much", BYTES_MAX + 1],
  ["8 MB", 8_000_000],
  ["48 MB", 48_000_000],
] as const;

describe("the answer to a refused body", () => {
  for (const [name, bytes] of SIZES) {
    it(`can be read by a client that first writes all of ${name}`, async () => {
      await using server = await start();
      const { port = 0 } = server;
      assert.deepEqual(errorOf(await writeThenRead(port, withLength(bytes))), TOO_LARGE);
      for (const chunkBytes of [1_000, 300_000]) {
        const chunked = inChunks(bytes, chunkBytes);
        assert.deepEqual(errorOf(await writeThenRead(port, chunked)), TOO_LARGE);
      }
      await until("no connection is left", () => server.connections === 0);
    });

    it(`can be read by node:http and fetch that send ${name}`, async () => {
      await using server = await start();
      const body = Buffer.alloc(bytes);
      for (const headers of [{}, { "content-length": String(bytes) }]) {
        const answered = await postNode(server.port ?? 0, { body, headers });
        assert.deepEqual(answered, TOO_LARGE);
      }
      const fetched = await fetch(`http://127.0.0.1:${server.port}/`, { method: "POST", body });
      const { error } = (await fetched.json()) as { error: { reason: string } };
      assert.deepEqual({ status: fetched.status, reason: error.reason }, TOO_LARGE);
    });
  }

  for (const [path, expected] of [
    ["/full", { status: 429, reason: "NO_ROOM" }],
    ["/slow", { status: 408, reason: "BODY_TOO_SLOW" }],
  ] as const) {
    it(`can be read with ${expected.reason} as well`, async () => {
      const served: string[] = [];
      await using server = await start({}, served);
      const isServed = (): boolean => served.length > 0;
      const pieces = afterPause(inChunks(5_000_000, 64 << 10, path), isServed);
      assert.deepEqual(errorOf(await writeThenRead(server.port ?? 0, pieces)), expected);
    });
  }

  it("is sent to HEAD without a body", async () => {
    await using server = await start();
    using raw = await openRaw(server.port ?? 0);
    raw.write(`HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: ${BYTES_MAX + 1}\r\n\r\n`);
    assert.match(await raw.ended(), /^HTTP\/1\.1 413 [^]*\r\n\r\n$/);
  });

  it("waits for the answers to earlier requests of its connection", async () => {
    await using server = await start();
    const earlier = "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    const text = await writeThenRead(server.port ?? 0, [earlier, ...withLength(8_000_000)]);
    assert.match(text, /^HTTP\/1\.1 200 [^]*got 3HTTP\/1\.1 413 /);
  });

  it("is the last on its connection: a request behind it is not handled", async () => {
    const served: string[] = [];
    await using server = await start({}, served);
    const later = Buffer.from("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    const { socket, error } = await openWriter(server.port ?? 0);
    socket.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${BYTES_MAX + 1}\r\n\r\n`);
    await once(socket, "end");
    socket.write(Buffer.concat([Buffer.alloc(BYTES_MAX + 1), later]));
    await until("the connection is closed", () => server.connections === 0);
    socket.destroy();
    await error;
    assert.deepEqual(served, ["/"]);
  });
});

describe("a client that goes on after the refusal of its body", () => {
  it("is cut after a bounded number of bytes, and none of them are kept", async () => {
    await using server = await start();
    const { socket, error } = await openWriter(server.port ?? 0);
    socket.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = Buffer.from(`10000\r\n${"x".repeat(64 << 10)}\r\n`);
    const before = keptBytes();
    let [sent, looked, grown] = [0, 0, 0];
    while (!socket.destroyed && sent < 4 * LINGER_BYTES_MAX) {
      if (!socket.write(chunk)) await Promise.race([once(socket, "drain"), error]);
      sent += chunk.length;
      if (sent < looked + LINGER_BYTES_MAX / 8) continue;
      looked = sent;
      grown = Math.max(grown, keptBytes() - before);
    }
    assert.ok(socket.destroyed, `${sent} bytes were taken`);
    assert.ok(sent > LINGER_BYTES_MAX / 2, `only ${sent} bytes were taken`);
    assert.ok(looked > 0 && grown < 4 << 20, `grew by ${grown} bytes`);
    assert.match((await error) ?? "", /EPIPE|ECONNRESET/);
  });

  it("is cut when it drips for too long", async () => {
    await using server = await start({ stallTimeoutMs: 200 });
    const { socket, error } = await openWriter(server.port ?? 0);
    socket.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${1 << 30}\r\n\r\n`);
    const drip = setInterval(() => socket.write("x"), 10);
    try {
      await until("it is cut", () => server.connections === 0);
    } finally {
      clearInterval(drip);
      socket.destroy();
      await error;
    }
  });

  it("is not cut for a silence that was the server's own", async () => {
    await using server = await start();
    const { socket, error } = await openWriter(server.port ?? 0);
    socket.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${1 << 30}\r\n\r\n`);
    await once(socket, "end");
    // It lies in the kernel until the time of a client that is silent is over.
    socket.write(PIECE);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((next) => setImmediate(next));
    assert.equal(server.connections, 1);
    socket.destroy();
    await error;
  });

  it("is left alone when it falls silent", async () => {
    await using server = await start();
    const { socket } = await openWriter(server.port ?? 0);
    socket.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${1 << 30}\r\n\r\n`);
    await until("the connection is closed", () => server.connections === 0);
    socket.destroy();
  });
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as NodeJS.GCFunction;

/** What buffers hold when nothing of it is litter: V8 collects when it likes. */
function keptBytes(): number {
  collect();
  // The second one waits for what the first one sweeps beside us.
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** A socket that keeps its side open; resolves with the code of its error, if it ends with one. */
async function openWriter(
  port: number,
): Promise<{ readonly socket: Socket; readonly error: Promise<string | undefined> }> {
  const socket = createConnection({ port, host: "127.0.0.1", allowHalfOpen: true });
  const error = new Promise<string | undefined>((resolve) => {
    socket.on("error", (thrown: NodeJS.ErrnoException) => resolve(thrown.code));
    socket.on("close", () => resolve(undefined));
  });
  await once(socket, "connect");
  socket.resume();
  return { socket, error };
}

/** The head at once, the body when the deadline of `/slow` has passed. */
async function* afterPause(
  pieces: Generator<Uint8Array | string>,
  isServed: () => boolean,
): AsyncGenerator<Uint8Array | string> {
  for (const piece of pieces) {
    yield piece;
    if (typeof piece === "string") {
      await until("its head is read", isServed);
      await new Promise<void>((resolve) => clock.schedule(300, resolve));
    }
  }
}

function postNode(
  port: number,
  sent: { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> },
): Promise<{ readonly status: number; readonly reason: string }> {
  return new Promise((resolve, reject) => {
    const { headers } = sent;
    const options = { host: "127.0.0.1", port, method: "POST", agent: false, headers };
    const req = request(options, (res: IncomingMessage) => {
      let text = "";
      res.setEncoding("utf8").on("data", (part: string) => (text += part));
      res.on("error", reject).on("end", () => {
        const { error } = JSON.parse(text) as { error: { reason: string } };
        resolve({ status: res.statusCode ?? 0, reason: error.reason });
      });
    });
    req.on("error", reject);
    for (let at = 0; at < sent.body.length; at += PIECE.length) {
      req.write(sent.body.subarray(at, at + PIECE.length));
    }
    req.end();
  });
}
