import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";

import { defineReasons, PlatformError, silentLog, systemClock } from "@skerry/base";
import { openRaw, until } from "@skerry/testkit";

import {
  openBody,
  sendBytes,
  sendError,
  sendJson,
  serveHttp,
  streamTo,
  type HttpServer,
} from "./index.ts";

const clock = systemClock();
const fail = defineReasons({
  QUEUE_FULL: {
    code: "RESOURCE_EXHAUSTED",
    message: "Full.",
    hint: "Wait.",
    retryable: true,
    audience: "user",
  },
  DISK_BROKEN: {
    code: "UNAVAILABLE",
    message: "Disk sdb1 is broken.",
    hint: "Replace sdb1.",
    retryable: true,
    audience: "operator",
  },
});

function start(answer: (res: ServerResponse) => void | Promise<void>): Promise<HttpServer> {
  const onRequest = (_req: unknown, res: ServerResponse): void | Promise<void> => answer(res);
  const deps = { clock, log: silentLog(), requestId: () => "req-1", onRequest };
  return serveHttp(deps, { listen: { host: "127.0.0.1", port: 0 } });
}

/** The answer to one request on a connection that the client wants closed. */
async function ask(
  answer: (res: ServerResponse) => void | Promise<void>,
  request = "GET / HTTP/1.1",
): Promise<{ text: string; wasReset: boolean }> {
  await using server = await start(answer);
  using raw = await openRaw(server.port ?? 0);
  raw.write(`${request}\r\nHost: h\r\nConnection: close\r\n\r\n`);
  const text = await raw.ended();
  await new Promise<void>((resolve) => {
    if (raw.socket.closed) resolve();
    else raw.socket.once("close", () => resolve());
  });
  return { text, wasReset: raw.wasReset };
}

function errorIn(text: string): Record<string, unknown> {
  const parsed = JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)) as {
    error: Record<string, unknown>;
  };
  return parsed.error;
}

function everyValue(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => i % 256));
}

describe("sendBytes", () => {
  for (const [name, body] of [
    ["text", "grüße 😀"],
    ["a few bytes of every value", everyValue(256)],
    ["as many bytes as are joined with their head", everyValue(1_024)],
    ["one byte more", everyValue(1_025)],
    ["many bytes", Buffer.alloc(100_000, 0xfe)],
    ["a view into a larger buffer", new Uint8Array(new ArrayBuffer(64), 8, 16).fill(200)],
    ["nothing", ""],
  ] as const) {
    it(`sends ${name} whole and with its length`, async () => {
      const { text } = await ask((res) =>
        sendBytes(res, { status: 200, headers: ["x-a", "b"] }, body),
      );
      const bytes = Buffer.from(body);
      assert.match(text, new RegExp(`x-a: b\r\nContent-Length: ${bytes.length}\r\n`));
      assert.equal(text.slice(text.indexOf("\r\n\r\n") + 4), bytes.toString("latin1"));
    });
  }

  for (const status of [204, 304]) {
    it(`sends ${status} without body or length, and the connection stays in step`, async () => {
      await using server = await start((res) => sendBytes(res, { status, headers: [] }, "body"));
      using raw = await openRaw(server.port ?? 0);
      raw.write(
        "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      );
      const text = await raw.ended();
      assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 2);
      assert.doesNotMatch(text, /content-length|transfer-encoding|body/i);
    });
  }

  it("answers HEAD with the length of the body that GET would have, and no body", async () => {
    const { text } = await ask(
      (res) => sendBytes(res, { status: 200, headers: [] }, "four"),
      "HEAD / HTTP/1.1",
    );
    assert.match(text, /Content-Length: 4\r\n[^]*\r\n\r\n$/);
  });

  for (const [name, headers] of [
    ["CR LF in a value", ["x-a", "b\r\nSet-Cookie: c"]],
    ["LF in a value", ["x-a", "b\nc"]],
    ["NUL in a value", ["x-a", "\0"]],
    ["a character beyond a byte", ["x-a", "😀"]],
    ["a space in a name", ["x a", "b"]],
    ["a colon in a name", ["x:a", "b"]],
    ["CR LF in a name", ["x\r\na", "b"]],
    ["an empty name", ["", "b"]],
  ] as const) {
    for (const status of [200, 204]) {
      it(`refuses ${name} typed with status ${status}, and the error is still sent`, async () => {
        const { text } = await ask((res) =>
          sendBytes(res, { status, headers: [...headers] }, "body"),
        );
        assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
        assert.equal(errorIn(text)["reason"], "RESPONSE_HEADER_INVALID");
        assert.doesNotMatch(text, /Set-Cookie: c\r\n/);
      });
    }
  }

  for (const status of [0, 99, 100, 101, 199, 600, 1000, Number.NaN, 200.5, -1]) {
    it(`refuses the status ${status} typed`, async () => {
      const { text } = await ask((res) => sendBytes(res, { status, headers: [] }, "body"));
      assert.match(text, /^HTTP\/1\.1 502 /);
      assert.equal(errorIn(text)["reason"], "RESPONSE_STATUS_INVALID");
    });
  }

  it("takes __proto__ for a header like any other", async () => {
    const head = { status: 200, headers: ["__proto__", "x"] };
    const { text } = await ask((res) => sendBytes(res, head, ""));
    assert.match(text, /\r\n__proto__: x\r\n/);
  });
});

describe("sendError", () => {
  it("has the platform's one shape", async () => {
    const thrown = fail("QUEUE_FULL", { retryAfterMs: 1_200 });
    const context = { requestId: "r1", headers: ["x-a", "b"] };
    const { text } = await ask((res) => sendError(res, thrown, context));
    assert.match(text, /^HTTP\/1\.1 429 [^]*x-a: b\r\n[^]*Retry-After: 2\r\n/);
    assert.deepEqual(errorIn(text), {
      code: "RESOURCE_EXHAUSTED",
      reason: "QUEUE_FULL",
      message: "Full.",
      hint: "Wait.",
      requestId: "r1",
      retryable: true,
      details: { retryAfterMs: 1_200 },
    });
  });

  it("hides what only an operator can act on, and what nobody expected", async () => {
    for (const thrown of [
      fail("DISK_BROKEN"),
      new TypeError("secret of sdb1"),
      undefined,
      "sdb1",
    ]) {
      const { text } = await ask((res) => sendError(res, thrown, { requestId: "r2" }));
      assert.match(text, /^HTTP\/1\.1 500 /);
      assert.doesNotMatch(text, /sdb1|DISK/);
      assert.equal(errorIn(text)["code"], "INTERNAL");
      assert.equal(errorIn(text)["requestId"], "r2");
    }
  });

  it("answers for a handler that throws or rejects", async () => {
    const thrown = fail("QUEUE_FULL");
    const sync = await ask(() => {
      throw thrown;
    });
    const later = await ask(() => Promise.reject(thrown));
    for (const { text } of [sync, later]) assert.equal(errorIn(text)["reason"], "QUEUE_FULL");
  });

  it("resets the connection once a response has begun", async () => {
    const { text, wasReset } = await ask((res) => {
      openBody(res, { status: 200, headers: [] }).write(Buffer.from("half"));
      clock.schedule(20, () => sendError(res, fail("QUEUE_FULL"), { requestId: "r" }));
    });
    assert.doesNotMatch(text, /QUEUE_FULL|\r\n0\r\n\r\n$/);
    assert.ok(wasReset);
  });

  it("does nothing for a client that is gone", async () => {
    const left = Promise.withResolvers<void>();
    await using server = await start(async (res) => {
      await new Promise((resolve) => res.once("close", resolve));
      sendError(res, fail("QUEUE_FULL"), { requestId: "r" });
      left.resolve();
    });
    using raw = await openRaw(server.port ?? 0);
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    clock.schedule(20, () => raw.socket.destroy());
    await left.promise;
  });
});

describe("sendJson", () => {
  it("sets the type and the length in bytes", async () => {
    const { text } = await ask((res) => sendJson(res, { status: 201, headers: [] }, { a: "ü" }));
    assert.match(
      text,
      /^HTTP\/1\.1 201 [^]*Content-Type: application\/json\r\nContent-Length: 10\r\n/,
    );
  });
});

describe("streamTo", () => {
  const head = (): { status: number; headers: string[] } => ({ status: 200, headers: [] });
  async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text);
  }

  it("sends chunks as they come and ends well", async () => {
    const { text, wasReset } = await ask((res) => streamTo(res, head(), pieces("ab", "", "c")));
    assert.match(text, /Transfer-Encoding: chunked[^]*\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/);
    assert.equal(wasReset, false);
  });

  it("announces a length that the body keeps", async () => {
    const { text } = await ask((res) =>
      streamTo(res, { ...head(), contentLength: 3 }, pieces("ab", "c")),
    );
    assert.match(text, /Content-Length: 3\r\n[^]*\r\n\r\nabc$/);
  });

  for (const [name, contentLength] of [
    ["shorter", 4],
    ["longer", 2],
  ] as const) {
    it(`resets when the body is ${name} than announced`, async () => {
      let thrown: unknown;
      const { wasReset } = await ask(async (res) => {
        await streamTo(res, { ...head(), contentLength }, pieces("a", "bc")).catch(
          (error: unknown) => (thrown = error),
        );
      });
      assert.ok(wasReset);
      assert.equal(PlatformError.from(thrown).reason, "RESPONSE_LENGTH_WRONG");
    });
  }

  for (const request of ["GET / HTTP/1.1", "GET / HTTP/1.0"]) {
    it(`resets when the body fails in the middle of an answer to ${request}`, async () => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("half");
        await new Promise<void>((resolve) => clock.schedule(20, resolve));
        throw fail("DISK_BROKEN");
      }
      const { text, wasReset } = await ask((res) => streamTo(res, head(), failing()), request);
      assert.match(text, /half/);
      assert.doesNotMatch(text, /\r\n0\r\n\r\n$/);
      assert.ok(wasReset, "the client could take half for the whole");
    });
  }

  it("would end cleanly for HTTP/1.0 if the socket were only destroyed", async () => {
    const { text, wasReset } = await ask((res) => {
      res.writeHead(200).write("half");
      clock.schedule(20, () => res.destroy());
    }, "GET / HTTP/1.0");
    assert.match(text, /half$/);
    assert.equal(wasReset, false);
  });

  it("sends the head before the first chunk exists", async () => {
    await using server = await start((res) => void openBody(res, head()));
    using raw = await openRaw(server.port ?? 0);
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await raw.receive(/\r\n\r\n$/);
  });

  it("stops a producer, even one that waits, when the client leaves", async () => {
    const stopped = Promise.withResolvers<unknown>();
    const never: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: async () => ({ done: true, value: undefined }),
      }),
    };
    await using server = await start((res) => streamTo(res, head(), never).catch(stopped.resolve));
    using raw = await openRaw(server.port ?? 0);
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await raw.receive(/\r\n\r\n$/);
    raw.socket.destroy();
    assert.equal(PlatformError.from(await stopped.promise).reason, "RESPONSE_CANCELLED");
  });

  it("makes the producer wait for a client that does not read", async () => {
    let produced = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        produced += 64 << 10;
        yield Buffer.alloc(64 << 10);
      }
    }
    await using server = await start((res) =>
      streamTo(res, head(), endless()).catch(() => undefined),
    );
    using raw = await openRaw(server.port ?? 0);
    raw.socket.pause();
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await until("it produces", () => produced > 0);
    await new Promise<void>((resolve) => clock.schedule(300, resolve));
    assert.ok(produced < 32 << 20, `produced ${produced}`);
  });

  it("waits for a client with one listener, however many pieces do", async () => {
    const all = Promise.withResolvers<void>();
    let listeners = 0;
    await using server = await start((res) => {
      const writer = openBody(res, head());
      while (writer.write(Buffer.alloc(64 << 10)));
      const waits = Array.from({ length: 20 }, () => writer.drained());
      listeners = res.listenerCount("drain");
      Promise.all(waits).then(() => all.resolve(writer.end()), all.reject);
    });
    using raw = await openRaw(server.port ?? 0);
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await all.promise;
    assert.equal(listeners, 1);
  });
});
