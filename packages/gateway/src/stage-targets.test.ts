import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test, type TestContext } from "node:test";
import { openRaw } from "@skerry/testkit";
import { until, World } from "../test/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => await world.close());

const HOST = "release.public.shop.apis.localhost";
const LARGE = Buffer.alloc(300_000, "large ");

/** The package of the world's functions, with a site in it. */
function layFiles(): void {
  const root = join(world.directory, "src_0");
  mkdirSync(join(root, "site", "sub"), { recursive: true });
  mkdirSync(join(root, "site", ".git"));
  const files = {
    "index.html": "home",
    "app.js": "js()",
    "sub/index.html": "sub",
    ".env": "SECRET",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, "site", name), text);
  writeFileSync(join(root, "site", ".git", "config"), "SECRET");
  writeFileSync(join(root, "site", "large.bin"), LARGE);
  writeFileSync(join(root, "handler.js"), "SECRET");
  writeFileSync(join(world.directory, "outside"), "SECRET");
  symlinkSync(join(world.directory, "outside"), join(root, "site", "link"));
}

test("files of a package are served as they are, and nothing beside them", async () => {
  layFiles();
  world.fn({ kind: "fetch" });
  const files = { files: "hello", directory: "site" };
  world.stage({
    routes: [
      { path: "/{rest...}", to: files },
      { path: "/spa/{rest...}", to: { ...files, fallback: "index.html" } },
      { path: "/main.js", to: { ...files, index: "app.js" } },
      { path: "/whole/{rest...}", to: { ...files, directory: "." } },
      { path: "/re/{name}", to: files, rewrite: { path: "/{name}.js" } },
    ],
  });
  await world.start();
  const cases: readonly [string, number, string][] = [
    ["/", 200, "home"],
    ["/app.js?x", 200, "js()"],
    ["/app%2Ejs", 200, "js()"],
    ["/sub/", 200, "sub"],
    ["/sub", 308, ""],
    ["/spa/some/page", 200, "home"],
    ["/spa/app.js", 200, "js()"],
    ["/main.js", 200, "js()"],
    ["/whole/site/app.js", 200, "js()"],
    ["/whole/site/.env", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/re/app", 200, "js()"],
    ["/missing", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/app.js/", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/APP.js", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/.env", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/%2eenv", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/.git/config", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/link", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/sub//index.html", 404, "ROUTE_FILE_NOT_FOUND"],
    ["/../handler.js", 400, "TARGET_DOT_SEGMENT"],
    ["/sub/%2e%2e/%2e%2e/handler.js", 400, "TARGET_DOT_SEGMENT"],
    ["/..%2fhandler.js", 400, "TARGET_ENCODED_SEPARATOR"],
    ["/re/..%2f..%2fhandler", 400, "TARGET_ENCODED_SEPARATOR"],
    ["/..;/handler.js", 400, "TARGET_DOT_SEGMENT"],
    ["/app.js%00.html", 400, "TARGET_ENCODED_CONTROL"],
  ];
  for (const [path, status, text] of cases) {
    const answered = await world.ask({ host: HOST, path });
    const said = status < 400 ? answered.body : answered.error.reason;
    assert.deepEqual([answered.status, said], [status, text], path);
    assert.doesNotMatch(answered.body, /SECRET/, path);
  }
  const moved = await world.ask({ path: "/~/shop/public/release/sub?q" });
  assert.equal(moved.headers.location, "/~/shop/public/release/sub/?q");
});

test("a file has a type, a strong validator and parts, and HEAD says its length", async () => {
  layFiles();
  world.fn({ kind: "fetch" });
  world.stage({ routes: [{ path: "/{rest...}", to: { files: "hello", directory: "site" } }] });
  await world.start();
  const ask = async (path: string, headers: Record<string, string> = {}, method = "GET") =>
    await world.ask({ host: HOST, path, method, headers });
  const js = await ask("/app.js");
  assert.equal(js.headers["content-type"], "text/javascript; charset=utf-8");
  const { etag = "" } = js.headers;
  assert.match(etag, /^"[\w-]{22}"$/);
  const known = await ask("/app.js", { "if-none-match": `"x", W/${etag}` });
  assert.deepEqual([known.status, known.body, known.headers.etag], [304, "", etag]);
  const head = await ask("/large.bin", {}, "HEAD");
  assert.deepEqual([head.headers["content-length"], head.body], ["300000", ""]);
  assert.ok((await ask("/large.bin")).bytes.equals(LARGE));
  const ranges: readonly [string, number, string | undefined, number][] = [
    ["bytes=0-9", 206, "bytes 0-9/300000", 10],
    ["bytes=-5", 206, "bytes 299995-299999/300000", 5],
    ["bytes=100000-", 206, "bytes 100000-299999/300000", 200_000],
    ["bytes=300000-", 416, "bytes */300000", 0],
    ["bytes=0-1,5-6", 200, undefined, 300_000],
    ["lines=1-2", 200, undefined, 300_000],
  ];
  for (const [range, status, place, length] of ranges) {
    const { status: said, headers, bytes } = await ask("/large.bin", { range });
    const got = [said, headers["content-range"], bytes.length];
    assert.deepEqual(got, [status, place, length], range);
  }
  const other = await ask("/large.bin", { range: "bytes=0-9", "if-range": '"other"' });
  assert.equal(other.status, 200);
  assert.equal((await ask("/app.js", {}, "POST")).error.reason, "ROUTE_FILES_METHOD");
});

/** A server behind the gateway, and the connections that came to it. */
async function upstream(
  t: TestContext,
  answer: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<{ readonly server: Server; readonly origin: string; readonly sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer(answer).on("connection", (socket) => sockets.add(socket));
  // Who waits for the next request is not ended under a machine that is held up.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, sockets, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("an upstream is asked over a kept connection, with its body and without what is the hop's", async (t) => {
  const { origin, sockets } = await upstream(t, (req, res) => {
    const parts: Buffer[] = [];
    req.on("data", (part: Buffer) => parts.push(part));
    req.on("end", () => {
      res.writeHead(201, { "x-skerry-error": "FORGED", "keep-alive": "timeout=9", "x-own": "1" });
      const { method, url, headers } = req;
      res.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString() }));
    });
  });
  world.stage({ routes: [{ path: "/{rest...}", to: { upstream: `${origin}/base?k=1` } }] });
  await world.start();
  for (let time = 0; time < 3; time += 1) {
    const answered = await world.ask({
      ...{ host: HOST, path: "/a%20b?q=2", method: "PUT", body: "body" },
      headers: { te: "trailers", "x-mine": "1", "x-skerry-principal": "forged" },
    });
    const seen = JSON.parse(answered.body) as {
      readonly url: string;
      readonly headers: Record<string, string>;
      readonly body: string;
    };
    assert.deepEqual([answered.status, seen.url, seen.body], [201, "/base/a%20b?k=1&q=2", "body"]);
    assert.equal(seen.headers["host"], origin.slice("http://".length));
    assert.equal(seen.headers["x-forwarded-host"], HOST);
    assert.equal(seen.headers["x-mine"], "1");
    for (const gone of ["te", "x-skerry-principal"]) assert.equal(seen.headers[gone], undefined);
    assert.equal(answered.headers["x-own"], "1");
    assert.equal(answered.headers["x-skerry-error"], undefined);
  }
  assert.equal(sockets.size, 1);
  using client = await openRaw(world.port);
  const chunks = "4\r\nbody\r\n4;x=y\r\n+ it\r\n0\r\nx-trailer: 1\r\n\r\n";
  client.write(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
  await client.receive(/201 Created[\s\S]*"body":"body\+ it"/);
  assert.doesNotMatch(client.received, /x-trailer/);
});

test("an upstream that answers without end is left once nobody reads, though answers are kept", async (t) => {
  const left = new Set<string>();
  const { origin } = await upstream(t, (req, res) => {
    const { url = "" } = req;
    const beat = setInterval(() => res.write("beat"), 5);
    res.once("close", () => {
      clearInterval(beat);
      left.add(url);
    });
    res.writeHead(200, url === "/alone" ? { "cache-control": "no-store" } : {});
  });
  world.stage({
    routes: [{ path: "/{rest...}", to: { upstream: origin }, cache: { ttl: 60, bytesMax: 1 } }],
  });
  await world.start();
  for (const path of ["/alone", "/long"]) {
    using client = await openRaw(world.port);
    client.write(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await client.receive(/beat[\s\S]*beat/);
  }
  await until(() => left.size === 2);
});

test("an upstream that is away, silent or broken is told as such", async (t) => {
  const { origin, server } = await upstream(t, (req, res) => {
    if (req.url === "/silent") return;
    res.writeHead(200, { "content-length": "100" });
    res.write("part");
    if (req.url === "/broken") req.socket.end();
  });
  world.stage({
    routes: [
      { path: "/silent", to: { upstream: origin, timeoutMs: 50 } },
      { path: "/broken", to: { upstream: origin } },
      { path: "/guarded", to: { upstream: "http://169.254.169.254" } },
    ],
  });
  await world.start();
  const silent = await world.ask({ host: HOST, path: "/silent" });
  assert.deepEqual([silent.status, silent.error.reason], [504, "ROUTE_UPSTREAM_SILENT"]);
  await assert.rejects(world.ask({ host: HOST, path: "/broken" }));
  const guarded = await world.ask({ host: HOST, path: "/guarded" });
  assert.equal(guarded.error.reason, "ROUTE_UPSTREAM_FAILED");
  assert.doesNotMatch(guarded.body, /169/);
  server.close();
  server.closeAllConnections();
  await once(server, "close");
  const away = await world.ask({ host: HOST, path: "/broken" });
  assert.deepEqual([away.status, away.error.reason], [502, "ROUTE_UPSTREAM_FAILED"]);
});

test("a request that was answered before it had left whole keeps its connection from others", async (t) => {
  const seen: string[] = [];
  const { origin } = await upstream(t, (req, res) => {
    seen.push(`${req.method} ${req.url}`);
    // The body is not waited for, and read all the same.
    res.end("early");
  });
  world.stage({ routes: [{ path: "/{rest...}", to: { upstream: origin } }] });
  await world.start();
  using client = await openRaw(world.port);
  client.write(`POST /first HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4096\r\n\r\nx`);
  await client.receive(/200 OK[\s\S]*early/);
  client.write(`${"x".repeat(4095)}GET /same HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await client.receive(/early[\s\S]*early/);
  // As many as there are connections: one of them would be read as the rest of the first body.
  const ask = async () =>
    await world.ask({ host: HOST, path: "/other", method: "PUT", body: "x".repeat(8192) });
  for (const { status, body } of await Promise.all([ask(), ask(), ask()]))
    assert.deepEqual([status, body], [200, "early"]);
  const others = ["PUT /other", "PUT /other", "PUT /other"];
  assert.deepEqual(seen, ["POST /first", "GET /same", ...others]);
});
