/** HTTP/2: one set of rules with HTTP/1.1, and clients that mean harm. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";

import { systemClock } from "@skerry/base";
import { frame, headerBlock, openFrames, until } from "@skerry/testkit";

import { ask, serveSecure } from "../test/secure-server.ts";
import { openBody, readBody, sendBytes, sendJson, type RequestHandler } from "./index.ts";

const clock = systemClock();
const BODY = { bytesMax: 1_000_000, deadlineMs: 60_000, clock };

const echo: RequestHandler = async (req, res, target) => {
  const body = await readBody(req, BODY);
  const { method, headers, rawHeaders } = req;
  const said = { method, path: target.rawPath, segments: target.segments, host: headers.host };
  sendJson(res, { status: 200, headers: [] }, { ...said, rawHeaders, body: body.toString() });
};

describe("a request of HTTP/2", () => {
  it("reaches handlers as one of HTTP/1.1 would", async () => {
    await using secure = await serveSecure({ onRequest: echo });
    const session = await secure.http2();
    const headers = {
      ":method": "POST",
      ":path": "/a%20b/c?d",
      cookie: ["x=1", "y=2"],
      "X-One": "1",
    };
    const { text } = await ask(session, headers, "hello");
    const said = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual(said["segments"], ["a b", "c"]);
    assert.equal(said["host"], `a.test:${secure.port}`);
    assert.equal(said["body"], "hello");
    const raw = said["rawHeaders"] as readonly string[];
    assert.equal(raw[raw.indexOf("cookie") + 1], "x=1; y=2");
    assert.equal(raw[raw.indexOf("transfer-encoding") + 1], "chunked");
    assert.ok(!raw.some((name) => name.startsWith(":")));
  });

  it("is refused for what HTTP/1.1 refuses, and for the same reasons", async () => {
    await using secure = await serveSecure({ onRequest: echo });
    const session = await secure.http2();
    const of = async (headers: Record<string, string>, body?: string): Promise<string> => {
      const { status, text, code } = await ask(session, headers, body);
      if (status === 0) return `reset ${code}`;
      const { error } = JSON.parse(text) as { error?: { reason: string } };
      return `${status} ${error?.reason ?? ""}`;
    };
    assert.equal(await of({ ":path": "/a/../b" }), "400 TARGET_DOT_SEGMENT");
    assert.equal(await of({ ":path": "/a%2fb" }), "400 TARGET_ENCODED_SEPARATOR");
    assert.equal(await of({ ":path": "//a" }), "400 TARGET_EMPTY_FIRST_SEGMENT");
    assert.equal(await of({ ":path": "*", ":method": "OPTIONS" }), "400 TARGET_FORM_REFUSED");
    assert.equal(await of({ ":path": "https://a.test/x" }), "reset 1");
    assert.equal(await of({ ":scheme": "http" }), "400 TARGET_FORM_REFUSED");
    assert.equal(await of({ ":authority": "a.test", host: "b.test" }), "400 HOST_AMBIGUOUS");
    assert.equal(await of({ ":authority": "a.test", host: "a.test:1" }), "400 HOST_AMBIGUOUS");
    assert.equal(await of({ ":authority": "a_b..test" }), "400 HOST_INVALID");
    for (const method of ["get", "connect", "SMUGGLE"])
      assert.equal(await of({ ":method": method }), "501 REQUEST_METHOD_UNKNOWN");
    const large = "x".repeat(1_000_001);
    assert.equal(await of({ ":method": "POST" }, large), "413 BODY_TOO_LARGE");
    const many = Object.fromEntries(Array.from({ length: 140 }, (_, i) => [`x-${i}`, "1"]));
    assert.equal(await of(many), "431 REQUEST_HEADERS_TOO_MANY");
    assert.equal(await of({}), "200 ");
  });

  it("has its head, statuses without a body, and headers of its own", async () => {
    await using secure = await serveSecure({
      onRequest: (req, res, target) => {
        res.setHeader("X-Set", "before");
        const status = Number(target.segments[0]);
        const headers = ["Connection", "close", "Set-Cookie", "a=1", "Set-Cookie", "b=2"];
        sendBytes(res, { status, headers }, req.method === "HEAD" ? "" : "text");
      },
    });
    const session = await secure.http2();
    const { headers, text } = await ask(session, { ":path": "/200" });
    assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
    assert.deepEqual(
      [headers["x-set"], headers["connection"], text],
      ["before", undefined, "text"],
    );
    for (const path of ["/204", "/304"]) {
      const answer = await ask(session, { ":path": path });
      assert.deepEqual([answer.status, answer.text, answer.code], [Number(path.slice(1)), "", 0]);
    }
    assert.equal((await ask(session, { ":path": "/200", ":method": "HEAD" })).status, 200);
    const invalid = await ask(session, { ":path": "/999" });
    assert.equal(invalid.status, 502);
  });

  it("streams with backpressure, and is cancelled by a reset", async () => {
    const gone = Promise.withResolvers<string>();
    let written = 0;
    await using secure = await serveSecure({
      onRequest: async (_req, res) => {
        res.once("close", () => gone.resolve(res.writableFinished ? "whole" : "cut"));
        const body = openBody(res, { status: 200, headers: [] });
        for (;;) {
          written += 1 << 16;
          if (!body.write(Buffer.alloc(1 << 16))) await body.drained();
        }
      },
    });
    const session = await secure.http2();
    const stream = session.request({ ":path": "/endless" }).on("error", () => undefined);
    stream.pause();
    await once(stream, "response");
    await until("the writer waits", async () => {
      const seen = written;
      await new Promise<void>((resolve) => void session.ping(() => resolve()));
      return seen === written;
    });
    assert.ok(written < 4 << 20, `${written} bytes were taken for a client that reads none`);
    stream.close(8);
    assert.equal(await gone.promise, "cut");
  });

  it("breaks off an answer by resetting its stream, and no other", async () => {
    await using secure = await serveSecure({
      onRequest: (_req, res, target) => {
        if (target.rawPath === "/fine") return sendBytes(res, { status: 200, headers: [] }, "fine");
        const body = openBody(res, { status: 200, headers: [] });
        body.write(Buffer.from("half"));
        setImmediate(() => body.fail());
      },
    });
    const session = await secure.http2();
    const [cut, fine] = await Promise.all([
      ask(session, { ":path": "/half" }),
      ask(session, { ":path": "/fine" }),
    ]);
    assert.deepEqual([cut.status, cut.code], [200, 2]);
    assert.deepEqual([fine.text, fine.code], ["fine", 0]);
  });
});

describe("a client of HTTP/2 that means harm", () => {
  it("is sent away when it opens and resets streams as fast as it can (CVE-2023-44487)", async () => {
    let begun = 0;
    await using secure = await serveSecure({ onRequest: () => void (begun += 1) });
    const session = await secure.http2();
    const sentAway = once(session, "goaway") as Promise<[number]>;
    const flood = (): void => {
      for (let i = 0; i < 50 && !session.closed; i += 1) resetAtOnce(session);
      if (!session.closed && !session.destroyed) setImmediate(flood);
    };
    flood();
    await sentAway;
    assert.ok(begun <= 1_000, `${begun} requests were begun`);
    // The control: who resets now and then is served on.
    const calm = await secure.http2();
    for (let i = 0; i < 50; i += 1) resetAtOnce(calm);
    await new Promise<void>((resolve) => void calm.ping(() => resolve()));
    assert.equal(calm.closed, false);
  });

  it("cannot have headers without end", async () => {
    await using secure = await serveSecure({ onRequest: echo });
    const session = await secure.http2();
    const large = await ask(session, { "x-large": "x".repeat(40_000) });
    assert.equal(large.status, 0);
    assert.equal((await ask(session, { "x-large": "x".repeat(8_000) })).status, 200);
  });

  const HEAD = [":method", "POST", ":path", "/", ":scheme", "https", ":authority", "a.test"];
  const forms: readonly (readonly [name: string, lines: readonly string[], body?: string])[] = [
    ["a transfer coding", [...HEAD, "transfer-encoding", "chunked"], "0\r\n\r\n"],
    ["a header of connections", [...HEAD, "connection", "x-one"]],
    ["an upgrade", [...HEAD, "upgrade", "websocket"]],
    ["te of a coding", [...HEAD, "te", "chunked"]],
    ["a name in upper case", [...HEAD, "X-One", "1"]],
    ["a path twice", [...HEAD, ":path", "/admin"]],
    ["an authority twice", [...HEAD, ":authority", "b.test"]],
    ["a pseudo header behind others", [...HEAD.slice(0, 6), "x-one", "1", ":authority", "a.test"]],
    ["an unknown pseudo header", [...HEAD, ":protocol", "websocket"]],
    ["no path", HEAD.filter((_, i) => i !== 2 && i !== 3)],
    ["an empty path", HEAD.map((word) => (word === "/" ? "" : word))],
    ["a line break in its path", HEAD.map((word) => (word === "/" ? "/ HTTP/1.1\r\nx: y" : word))],
    ["a space in its method", HEAD.map((word) => (word === "POST" ? "GET / HTTP/1.1\r\n" : word))],
    ["less body than its length", [...HEAD, "content-length", "10"], "short"],
    ["more body than its length", [...HEAD, "content-length", "2"], "longer"],
    ["two lengths", [...HEAD, "content-length", "5", "content-length", "6"], "short"],
    ["a length that is none", [...HEAD, "content-length", "+5"], "short"],
  ];

  it("reaches no handler whole with what HTTP/1.1 could read as another request", async () => {
    const reached: string[] = [];
    await using secure = await serveSecure({
      onRequest: async (req, res) => {
        const { host, "x-form": form } = req.headers;
        const body = await readBody(req, BODY);
        reached.push(`${String(form)} ${host} ${body.toString()}`);
        sendBytes(res, { status: 200, headers: [] }, "");
      },
    });
    for (const [name, lines, body = ""] of forms) {
      const client = openFrames(await secure.socket("a.test", ["h2"]));
      client.send(frame.headers(1, headerBlock(lines), body === ""));
      if (body !== "") client.send(frame.data(1, body));
      const ended = await client.untilEnded(1);
      assert.match(ended, /^(?:reset|goaway|status 400)/, `with ${name}: ${ended}`);
      client.close();
    }
    assert.deepEqual(reached, []);
    // The control: the same client without a fault.
    const client = openFrames(await secure.socket("a.test", ["h2"]));
    client.send(frame.headers(1, headerBlock([...HEAD, "content-length", "5"]), false));
    client.send(frame.data(1, "whole"));
    assert.equal(await client.untilEnded(1), "status 200");
    client.close();
    assert.deepEqual(reached, ["undefined a.test whole"]);
  });

  it("cannot break out of a header line: what is none of a name or value is dropped", async () => {
    const reached: string[] = [];
    await using secure = await serveSecure({
      onRequest: (req, res) => {
        reached.push(req.rawHeaders.join(" "));
        sendBytes(res, { status: 200, headers: [] }, "");
      },
    });
    const broken = [
      ["x-one", "1\r\nx-two: 2"],
      ["x-one", "1\nx-two: 2"],
      ["x-one", "1\u00002"],
      ["x-one: 1", "2"],
      ["x-one\r\nx-two", "2"],
    ];
    for (const lines of broken) {
      const client = openFrames(await secure.socket("a.test", ["h2"]));
      client.send(frame.headers(1, headerBlock([...HEAD, ...lines]), true));
      assert.equal(await client.untilEnded(1), "status 200");
      client.close();
    }
    assert.deepEqual(new Set(reached), new Set(["host a.test"]));
  });

  it("is sent away for frames that are none, and others are served on", async () => {
    await using secure = await serveSecure({ onRequest: echo });
    const client = openFrames(await secure.socket("a.test", ["h2"]));
    client.send(Buffer.from("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(100)));
    assert.match(await client.untilEnded(1), /^goaway/);
    client.close();
    const session = await secure.http2();
    assert.equal((await ask(session, {})).status, 200);
  });
});

function resetAtOnce(session: ClientHttp2Session): void {
  const stream: ClientHttp2Stream = session.request({ ":path": "/" });
  stream.on("error", () => undefined);
  stream.close(8);
}
