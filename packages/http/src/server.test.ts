import assert from "node:assert/strict";
import { createServer, request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { defineReasons, silentLog, systemClock, type PlatformError } from "@skerry/base";
import { openRaw } from "@skerry/testkit";

import {
  readBody,
  sendBytes,
  serveHttp,
  type HttpLimits,
  type HttpServer,
  type RequestHandler,
} from "./index.ts";

const clock = systemClock();
const LIMITS = { bytesMax: 1_000, deadlineMs: 10_000, clock };

const fail = defineReasons({
  NOTHING_HERE: {
    code: "NOT_FOUND",
    message: "Nothing is here.",
    hint: "Go elsewhere.",
    retryable: false,
    audience: "user",
  },
});

/** Answers with method, path and body; counts what reached it. */
const echo: RequestHandler = async (req, res, target) => {
  const body = await readBody(req, LIMITS);
  const text = `${req.method} ${target.rawPath} ${body.toString()}`;
  sendBytes(res, { status: 200, headers: ["content-type", "text/plain"] }, text);
};

function start(onRequest: RequestHandler, limits: Partial<HttpLimits> = {}): Promise<HttpServer> {
  const errorHeaders = ({ reason }: PlatformError): string[] => ["x-why", reason];
  const deps = { clock, log: silentLog(), requestId: () => "req-1", errorHeaders, onRequest };
  return serveHttp(deps, { listen: { host: "127.0.0.1", port: 0 }, limits });
}

/** Sends bytes on a fresh connection and returns all that came until the server closed it. */
async function exchange(server: HttpServer, bytes: string): Promise<string> {
  using raw = await openRaw(server.port ?? 0);
  raw.write(bytes);
  return await raw.ended();
}

const GET = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const CLOSING = "GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

describe("a request that two parsers could read differently", () => {
  const forms: readonly (readonly [name: string, bytes: string, status?: number])[] = [
    ["has no Host", "GET / HTTP/1.1\r\n\r\n"],
    ["has two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
    ["has two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhOsT: a\r\n\r\n"],
    ["contradicts its Host", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"],
    [
      "has a length and chunks",
      post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ],
    [
      "has chunks and a length",
      post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
    ],
    ["has two lengths", post("Content-Length: 1\r\nContent-Length: 2", "xx")],
    ["has two equal lengths", post("Content-Length: 1\r\nContent-Length: 1", "x")],
    ["has a list of lengths", post("Content-Length: 1, 1", "x")],
    ["has a signed length", post("Content-Length: +1", "x")],
    ["has a negative length", post("Content-Length: -1", "x")],
    ["has a hexadecimal length", post("Content-Length: 0x1", "x")],
    ["has an empty length", post("Content-Length: ", "x")],
    ["has an endless length", post("Content-Length: 99999999999999999999999", "x")],
    ["has an unknown coding", post("Transfer-Encoding: identity", "0\r\n\r\n")],
    ["has chunked twice", post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n")],
    [
      "has chunked on two lines",
      post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ],
    ["has chunked before gzip", post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n")],
    ["has gzip before chunked", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n")],
    ["has a disguised coding", post("Transfer-Encoding: \x0bchunked", "0\r\n\r\n")],
    [
      "has chunks in HTTP/1.0",
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["has a bad chunk size", post("Transfer-Encoding: chunked", "zz\r\nx\r\n0\r\n\r\n")],
    [
      "has a chunk longer than its size",
      post("Transfer-Encoding: chunked", "1\r\nxx\r\n0\r\n\r\n"),
    ],
    ["ends a chunk with a bare LF", post("Transfer-Encoding: chunked", "1\nx\n0\n\n")],
    [
      "has a huge chunk extension",
      post("Transfer-Encoding: chunked", `1;${"a".repeat(20_000)}\r\nx\r\n0\r\n\r\n`),
      413,
    ],
    ["ends lines with a bare LF", "GET / HTTP/1.1\nHost: h\n\n"],
    ["folds a header", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"],
    ["has a space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n"],
    ["has NUL in a value", "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"],
    ["has CR in a value", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"],
    ["has an empty name", "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n"],
    ["has no version", "GET /\r\n\r\n", 505],
    ["has HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n"],
    ["has HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505],
    ["is the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["is a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["has an odd method", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["has a tab for a space", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["has a raw byte in the path", "GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["has an encoded slash", "GET /a%2fb HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["has a dot segment", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["has asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"],
    ["has headers without end", `GET / HTTP/1.1\r\nHost: h\r\nX: ${"a".repeat(20_000)}`, 431],
    ["has too many headers", `GET / HTTP/1.1\r\nHost: h\r\n${"a:b\r\n".repeat(200)}\r\n`, 431],
    ["has a path that is too long", `GET /${"a".repeat(9_000)} HTTP/1.1\r\nHost: h\r\n\r\n`, 414],
  ];
  for (const [name, bytes, status] of forms) {
    it(`is refused and its connection closed when it ${name}`, async () => {
      const served: string[] = [];
      const handler: RequestHandler = async (req, res, target) => {
        await echo(req, res, target);
        served.push(target.rawPath);
      };
      await using server = await start(handler);
      const text = await exchange(server, bytes);
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status ?? 400} `));
      assert.match(text, /\r\nConnection: close\r\n/i);
      const why = status === 413 ? "REQUEST_CHUNKS_TOO_LARGE" : "[A-Z]+(?:_[A-Z]+)+";
      // Node itself answers this one.
      if (name !== "has no Host") assert.match(text, new RegExp(`\r\nx-why: ${why}\r\n`));
      assert.match(await exchange(server, CLOSING), /^HTTP\/1\.1 200 /, "the server goes on");
      assert.deepEqual(served, ["/end"]);
    });
  }

  it("does reach a handler of bare node:http in some of these forms", async () => {
    const bare = createServer((_req, res) => void res.end("x")).listen(0, "127.0.0.1");
    await new Promise((resolve) => bare.once("listening", resolve));
    const address = bare.address();
    assert.ok(typeof address === "object" && address !== null);
    using raw = await openRaw(address.port);
    raw.write("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert.match(await raw.receive(/\r\n\r\n/), / 200 /);
    bare.close();
    bare.closeAllConnections();
  });
});

describe("a connection", () => {
  it("is kept for the next request, also after errors when the request arrived whole", async () => {
    const handler: RequestHandler = (req, res, target) => {
      if (target.rawPath === "/a") throw fail("NOTHING_HERE");
      return echo(req, res, target);
    };
    await using server = await start(handler);
    const text = await exchange(server, GET + post("Content-Length: 3", "abc", "/a") + CLOSING);
    assert.deepEqual(statuses(text), [404, 404, 200]);
  });

  it("answers pipelined requests in order, however late the first handler is", async () => {
    const held: (() => void)[] = [];
    const handler: RequestHandler = async (req, res, target) => {
      if (target.rawPath === "/a") await new Promise<void>((resolve) => held.push(resolve));
      else held.forEach((release) => release());
      await echo(req, res, target);
    };
    await using server = await start(handler);
    const text = await exchange(server, GET + post("Content-Length: 3", "abc", "/b") + CLOSING);
    assert.deepEqual(statuses(text), [200, 200, 200]);
    assert.match(text, /GET \/a [^]*POST \/b abc[^]*GET \/end/);
  });

  it("gives the answer of a good request before that of the garbage behind it", async () => {
    const begun = Promise.withResolvers<void>();
    const garbageRead = Promise.withResolvers<void>();
    const handler: RequestHandler = async (req, res, target) => {
      begun.resolve();
      await garbageRead.promise;
      await echo(req, res, target);
    };
    await using server = await start(handler);
    using raw = await openRaw(server.port ?? 0);
    raw.write(`${GET}\x00garbage\r\n\r\n`);
    await begun.promise;
    clock.schedule(50, () => garbageRead.resolve());
    assert.deepEqual(statuses(await raw.ended()), [200]);
  });

  it("is closed on CONNECT, and after an upgrade that nobody offers", async () => {
    await using server = await start(echo);
    assert.equal(await exchange(server, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"), "");
    const upgrade =
      "GET /up HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    const text = await exchange(server, upgrade + CLOSING);
    assert.match(text, /^HTTP\/1\.1 200 [^]*Connection: close/);
  });

  it("beyond the most that may be open is closed at once", async () => {
    await using server = await start(echo, { connectionsMax: 2 });
    using first = await openRaw(server.port ?? 0);
    using second = await openRaw(server.port ?? 0);
    first.write(GET);
    second.write(GET);
    await Promise.all([first.receive(/GET \/a/), second.receive(/GET \/a/)]);
    using third = await openRaw(server.port ?? 0);
    assert.equal(await third.ended(), "");
    first.write(CLOSING);
    assert.deepEqual(statuses(await first.ended()), [200, 200]);
  });

  it("survives a hundred clients that vanish in the middle of everything", async () => {
    await using server = await start(echo);
    const cut = [
      "",
      "GE",
      "GET / HT",
      GET.slice(0, -2),
      GET,
      post("Content-Length: 9", "abc"),
      post("Transfer-Encoding: chunked", "5\r\nab"),
    ];
    const vanish = async (i: number): Promise<void> => {
      const raw = await openRaw(server.port ?? 0);
      raw.write(cut[i % cut.length] ?? "");
      if (i % 2 === 0) raw.socket.resetAndDestroy();
      else raw.socket.destroy();
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => vanish(i)));
    assert.match(await exchange(server, CLOSING), / 200 /);
    await until(() => server.connections === 0);
  });
});

describe("a slow client", () => {
  for (const [name, bytes] of [
    ["never sends a byte", ""],
    ["stops inside the request line", "GET /a"],
    ["stops inside the headers", "GET /a HTTP/1.1\r\nHost: h\r\nX"],
  ] as const) {
    it(`gets 408 when it ${name}`, async () => {
      await using server = await start(echo, { headersTimeoutMs: 100 });
      const text = await exchange(server, bytes);
      assert.match(text, /^HTTP\/1\.1 408 [^]*Connection: close\r\nx-why: REQUEST_TOO_SLOW\r\n/);
    });
  }

  it("gets 408 when its body drips longer than a request may take", async () => {
    await using server = await start(echo, { headersTimeoutMs: 100, requestTimeoutMs: 300 });
    using raw = await openRaw(server.port ?? 0);
    raw.write(post("Content-Length: 1000", ""));
    const drip = setInterval(() => raw.write("x"), 20);
    const text = await raw.ended().finally(() => clearInterval(drip));
    assert.match(text, /^HTTP\/1\.1 408 /);
  });

  it("loses an idle connection after the keep-alive time that was announced", async () => {
    await using server = await start(echo, { keepAliveTimeoutMs: 1_000 });
    const text = await exchange(server, GET);
    assert.match(text, /Keep-Alive: timeout=1\r\n/);
  });

  it("is answered on an idle connection when it asked in time and the process was held up", async () => {
    const held = (): void => {
      raw.write(GET);
      // The request lies in the kernel until the time of the idle connection is over.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    };
    let served = 0;
    const handler: RequestHandler = async (req, res, target) => {
      // In the moment in which the connection falls idle, so that it was asked in time for sure.
      if ((served += 1) === 1) res.once("finish", held);
      await echo(req, res, target);
    };
    await using server = await start(handler, { keepAliveTimeoutMs: 100 });
    using raw = await openRaw(server.port ?? 0);
    raw.write(GET);
    const text = await raw.ended();
    assert.deepEqual(statuses(text), [200, 200]);
  });

  it("is cut when it does not read its response, and its handler learns of it", async () => {
    const closed = Promise.withResolvers<void>();
    const handler: RequestHandler = (_req, res) => {
      res.once("close", () => closed.resolve());
      sendBytes(res, { status: 200, headers: [] }, Buffer.alloc(64 << 20));
    };
    await using server = await start(handler, { stallTimeoutMs: 200 });
    using raw = await openRaw(server.port ?? 0);
    raw.socket.pause();
    raw.write(GET);
    await closed.promise;
    raw.socket.resume();
    const text = await raw.ended();
    assert.ok(text.length < 64 << 20);
  });

  it("is not cut while its handler thinks longer than the stall time", async () => {
    const handler: RequestHandler = async (req, res, target) => {
      await new Promise<void>((resolve) => clock.schedule(600, resolve));
      await echo(req, res, target);
    };
    await using server = await start(handler, { stallTimeoutMs: 100, keepAliveTimeoutMs: 100 });
    assert.deepEqual(statuses(await exchange(server, CLOSING)), [200]);
  });
});

describe("serveHttp", () => {
  it("listens on the path of a unix socket", async () => {
    const path = join(tmpdir(), `skerry-http-${process.pid}.sock`);
    const deps = { clock, log: silentLog(), requestId: () => "req-1", onRequest: echo };
    await using server = await serveHttp(deps, { listen: { path } });
    assert.equal(server.port, undefined);
    const answer = await fetchUnix(path);
    assert.match(answer, /GET \/a/);
  });

  it("says typed which address it cannot have", async () => {
    await using server = await start(echo);
    const listen = { host: "127.0.0.1", port: server.port ?? 0 };
    const deps = { clock, log: silentLog(), requestId: () => "req-1", onRequest: echo };
    await assert.rejects(serveHttp(deps, { listen }), { reason: "LISTEN_FAILED" });
  });
});

async function fetchUnix(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const onResponse = (res: IncomingMessage): void => {
      let text = "";
      res.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      res.on("end", () => resolve(text));
    };
    request({ socketPath: path, path: "/a", headers: { connection: "close" } }, onResponse)
      .on("error", reject)
      .end();
  });
}

function post(headers: string, bytes: string, path = "/"): string {
  return `POST ${path} HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n${bytes}`;
}

function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

async function until(isMet: () => boolean): Promise<void> {
  const deadline = clock.monotonicMs() + 60_000;
  while (!isMet()) {
    assert.ok(clock.monotonicMs() < deadline, "the condition was not met in a minute");
    await new Promise<void>((resolve) => clock.schedule(10, resolve));
  }
}
