import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it } from "node:test";

import { PlatformError, silentLog, systemClock } from "@skerry/base";
import { openRaw } from "@skerry/testkit";

import { admitBody, readBody, sendBytes, sendError, serveHttp, type HttpServer } from "./index.ts";

const clock = systemClock();
const BYTES_MAX = 100_000;

interface Reading extends AsyncDisposable {
  readonly server: HttpServer;
  /** What `readBody` gave: the body or its reason, by request. */
  readonly outcomes: (Buffer | string)[];
}

/** Reads every body and answers with its length. */
async function startReading(deadlineMs = 10_000, bytesMax = BYTES_MAX): Promise<Reading> {
  const outcomes: (Buffer | string)[] = [];
  const server = await serveHttp(
    {
      clock,
      log: silentLog(),
      requestId: () => "req-1",
      onRequest: async (req, res) => {
        try {
          const body = await readBody(req, { bytesMax, deadlineMs, clock });
          if (req.method === "POST") outcomes.push(body);
          sendBytes(res, { status: 200, headers: [] }, `got ${body.length}`);
        } catch (error) {
          outcomes.push(PlatformError.from(error).reason);
          sendError(res, error, { requestId: "req-2" });
        }
      },
    },
    { listen: { host: "127.0.0.1", port: 0 } },
  );
  return { server, outcomes, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const CLOSE = "GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const head = (headers: string): string => `POST / HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1] ?? "");

describe("readBody", () => {
  for (const [name, bytes, length] of [
    ["no body", "POST / HTTP/1.1\r\nHost: h\r\n\r\n", 0],
    ["a length of zero", head("Content-Length: 0"), 0],
    ["a body in the same packet", `${head("Content-Length: 5")}hello`, 5],
    [
      "a chunked body",
      `${head("Transfer-Encoding: chunked")}${chunk("hello")}${chunk("you")}0\r\n\r\n`,
      8,
    ],
    ["an empty chunked body", `${head("Transfer-Encoding: chunked")}0\r\n\r\n`, 0],
    [
      "a chunked body with trailers",
      `${head("Transfer-Encoding: chunked")}${chunk("hi")}0\r\nX: y\r\n\r\n`,
      2,
    ],
    [
      "a body of exactly the limit",
      head(`Content-Length: ${BYTES_MAX}`) + "x".repeat(BYTES_MAX),
      BYTES_MAX,
    ],
    [
      "a chunked body of exactly the limit",
      `${head("Transfer-Encoding: chunked")}${chunk("x".repeat(BYTES_MAX))}0\r\n\r\n`,
      BYTES_MAX,
    ],
  ] as const) {
    it(`gives ${name} and keeps the connection`, async () => {
      await using reading = await startReading();
      using raw = await openRaw(reading.server.port ?? 0);
      raw.write(bytes + CLOSE);
      const text = await raw.ended();
      assert.deepEqual(statuses(text), ["200", "200"]);
      assert.equal(reading.outcomes[0]?.length, length);
    });
  }

  it("gives the same bytes however they are cut into packets", async () => {
    const sent = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await using reading = await startReading();
    using raw = await openRaw(reading.server.port ?? 0);
    raw.socket.setNoDelay(true);
    raw.write(head(`Content-Length: ${sent.length}`));
    for (const byte of sent) {
      raw.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await raw.receive(/got 256/);
    assert.deepEqual(reading.outcomes[0], sent);
  });

  it("gives all of a body that came in several pieces before it was asked for", async () => {
    const lengths: number[] = [];
    const onRequest = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      await until(() => req.complete);
      lengths.push(
        (await readBody(req, { bytesMax: BYTES_MAX, deadlineMs: 10_000, clock })).length,
      );
      sendBytes(res, { status: 200, headers: [] }, "got it");
    };
    const deps = { clock, log: silentLog(), requestId: () => "req-1", onRequest };
    await using server = await serveHttp(deps, { listen: { host: "127.0.0.1", port: 0 } });
    using raw = await openRaw(server.port ?? 0);
    raw.write(head("Content-Length: 90000") + "x".repeat(90_000));
    await raw.receive(/got it/);
    assert.deepEqual(lengths, [90_000]);
  });

  it("refuses an announced length before any byte of it, and the client can read why", async () => {
    await using reading = await startReading();
    using raw = await openRaw(reading.server.port ?? 0);
    raw.write(head(`Content-Length: ${1 << 30}`));
    await raw.receive(/413 [^]*BODY_TOO_LARGE/);
    // Half a megabyte that was under way does not turn the answer into a reset.
    raw.write("x".repeat(512 << 10));
    const text = await raw.ended();
    assert.match(text, /Connection: close\r\n/);
    assert.equal(raw.wasReset, false);
    assert.deepEqual(reading.outcomes, ["BODY_TOO_LARGE"]);
  });

  it("refuses a chunked body at the limit, and stops reading a client that goes on", async () => {
    await using reading = await startReading();
    using raw = await openRaw(reading.server.port ?? 0);
    raw.write(head("Transfer-Encoding: chunked"));
    const flood = chunk("x".repeat(64 << 10));
    let sent = 0;
    while (!raw.socket.destroyed && sent < 64 << 20) {
      raw.write(flood);
      sent += flood.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await raw.ended().catch(() => undefined);
    assert.deepEqual(reading.outcomes, ["BODY_TOO_LARGE"]);
    assert.ok(sent < 64 << 20, "the client could send without end");
  });

  it("keeps memory near the limit when a body comes in a million one-byte chunks", async () => {
    await using reading = await startReading(150_000, 4 << 20);
    using raw = await openRaw(reading.server.port ?? 0);
    const ones = Buffer.from("1\r\nx\r\n".repeat(10_000));
    raw.write(head("Transfer-Encoding: chunked"));
    const rssBefore = process.memoryUsage().rss;
    let rssMax = 0;
    for (let i = 0; i < 100; i += 1) {
      if (!raw.socket.write(ones))
        await new Promise((resolve) => raw.socket.once("drain", resolve));
      rssMax = Math.max(rssMax, process.memoryUsage().rss);
    }
    raw.write("0\r\n\r\n");
    await raw.receive(/got 1000000/);
    assert.ok(rssMax - rssBefore < 150 << 20, `grew by ${rssMax - rssBefore} bytes`);
  });

  it("reserves nothing for a length that is only announced", async () => {
    await using reading = await startReading(10_000, 1 << 30);
    using first = await openRaw(reading.server.port ?? 0);
    const before = process.memoryUsage();
    const liars = await Promise.all(
      Array.from({ length: 50 }, () => openRaw(first.socket.remotePort ?? 0)),
    );
    for (const liar of liars) liar.write(`${head(`Content-Length: ${1 << 29}`)}x`);
    first.write(`${head("Content-Length: 1")}x`);
    await first.receive(/got 1/);
    const after = process.memoryUsage();
    assert.ok(after.arrayBuffers - before.arrayBuffers < 32 << 20);
    for (const liar of liars) liar[Symbol.dispose]();
  });

  it("gives up after its deadline with 408", async () => {
    await using reading = await startReading(100);
    using raw = await openRaw(reading.server.port ?? 0);
    raw.write(`${head("Content-Length: 10")}abc`);
    const text = await raw.ended();
    assert.match(text, /408 [^]*Connection: close[^]*BODY_TOO_SLOW/);
    assert.deepEqual(reading.outcomes, ["BODY_TOO_SLOW"]);
  });

  for (const part of ["", "abc"]) {
    it(`is cancelled when the client leaves after ${part.length} of 10 bytes`, async () => {
      await using reading = await startReading();
      using raw = await openRaw(reading.server.port ?? 0);
      raw.write(head("Content-Length: 10") + part);
      await until(() => reading.server.connections === 1);
      raw.socket.destroy();
      await until(() => reading.outcomes.length === 1);
      assert.deepEqual(reading.outcomes, ["BODY_CANCELLED"]);
    });
  }

  it("lets a client go on that waits with Expect, once", async () => {
    await using reading = await startReading();
    using raw = await openRaw(reading.server.port ?? 0);
    raw.write(head("Content-Length: 5\r\nExpect: 100-continue"));
    await raw.receive(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    raw.write(`hello${CLOSE}`);
    assert.deepEqual(statuses(await raw.ended()), ["100", "200", "200"]);
  });

  it("does not let a waiting client send what is too large, and closes", async () => {
    await using reading = await startReading();
    using raw = await openRaw(reading.server.port ?? 0);
    raw.write(head(`Content-Length: ${1 << 30}\r\nExpect: 100-continue`));
    assert.deepEqual(statuses(await raw.receive(/BODY_TOO_LARGE/)), ["413"]);
    assert.match(await raw.ended(), /Connection: close/);
  });

  it("refuses any other expectation", async () => {
    await using reading = await startReading();
    using raw = await openRaw(reading.server.port ?? 0);
    raw.write(`${head("Content-Length: 0\r\nExpect: magic")}${CLOSE}`);
    assert.deepEqual(statuses(await raw.ended()), ["417", "200"]);
  });
});

describe("a streamed request body", () => {
  it("makes the client wait when the handler does not read", async () => {
    const start = Promise.withResolvers<void>();
    let length = 0;
    const onRequest = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      admitBody(req);
      await start.promise;
      for await (const piece of req) length += (piece as Buffer).length;
      sendBytes(res, { status: 200, headers: [] }, `got ${length}`);
    };
    const deps = { clock, log: silentLog(), requestId: () => "req-1", onRequest };
    await using server = await serveHttp(deps, { listen: { host: "127.0.0.1", port: 0 } });
    using raw = await openRaw(server.port ?? 0);
    const total = 64 << 20;
    raw.write(head(`Content-Length: ${total}`));
    raw.socket.write(Buffer.alloc(total));
    await new Promise<void>((resolve) => clock.schedule(200, resolve));
    assert.ok(raw.socket.writableLength > total / 2, "the client could send while nobody read");
    start.resolve();
    await raw.receive(new RegExp(`got ${total}`));
  });
});

async function until(isMet: () => boolean): Promise<void> {
  const deadline = clock.monotonicMs() + 60_000;
  while (!isMet()) {
    assert.ok(clock.monotonicMs() < deadline, "the condition was not met in a minute");
    await new Promise<void>((resolve) => clock.schedule(10, resolve));
  }
}
