import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { PlatformError } from "@skerry/base";
import { createClient } from "@skerry/sdk";
import { createFetch } from "./node-fetch.ts";

async function serving(t: TestContext, listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const asked = createFetch();
const fetch = (
  url: string,
  init: Partial<Parameters<typeof asked>[1]> = {},
): ReturnType<typeof asked> =>
  asked(url, { method: "GET", headers: {}, redirect: "manual", ...init });

test("method, headers, body and answer pass as they are; redirections are the caller's", async (t) => {
  const url = await serving(t, (req, res) => {
    void text(req).then((body) => {
      res.writeHead(302, { location: "/elsewhere", "x-two": ["a", "b"] });
      res.end(`${req.method} ${req.url} ${req.headers["x-mine"]} ${body}`);
    });
  });
  const init = { method: "POST", headers: { "x-mine": "1" }, body: "é" };
  const answer = await fetch(`${url}/a%20b?c=d`, init);
  assert.deepEqual([answer.status, answer.headers.get("location")], [302, "/elsewhere"]);
  assert.equal(answer.headers.get("x-two"), "a, b");
  assert.equal(await answer.text(), "POST /a%20b?c=d 1 é");
});

test("an answer without a body is one, also to HEAD", async (t) => {
  const url = await serving(t, (req, res) =>
    res.writeHead(req.method === "HEAD" ? 404 : 204).end(),
  );
  assert.equal((await fetch(url, { method: "DELETE" })).body, null);
  assert.equal(await (await fetch(url, { method: "HEAD" })).text(), "");
});

test("a stream is sent as it comes, and its failure is the request's", async (t) => {
  const url = await serving(t, (req, res) => {
    text(req).then(
      (body) => res.end(body),
      () => undefined,
    );
  });
  const body = ReadableStream.from([Buffer.from("one "), Buffer.from("two")]);
  const sent = { method: "PUT", body, duplex: "half" } as const;
  assert.equal(await (await fetch(url, sent)).text(), "one two");
  const why = new TypeError("the file changed");
  const broken = new ReadableStream({ start: (controller) => controller.error(why) });
  await assert.rejects(fetch(url, { method: "PUT", body: broken }), why);
});

test("an abort before, while waiting and in the middle of the body rejects with its reason", async (t) => {
  const url = await serving(t, (req, res) => {
    if (req.url === "/begin") res.writeHead(200).write("begin");
  });
  const reason = new TypeError("enough");
  const early = AbortSignal.abort(reason);
  await assert.rejects(fetch(url, { signal: early }), reason);
  const stop = new AbortController();
  const waiting = fetch(url, { signal: stop.signal });
  const begun = await fetch(`${url}/begin`, { signal: stop.signal });
  const reading = begun.text();
  stop.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(reading, reason);
});

test("a refused connection and a broken answer are told as the sdk tells them", async (t) => {
  const url = await serving(t, (req, res) => {
    if (req.url === "/v1/principal") return void req.socket.destroy();
    res.writeHead(200, { "content-length": "100" });
    return void res.write('{"ver', () => req.socket.destroy());
  });
  const reasonOf = async (promise: Promise<unknown>): Promise<string> => {
    const error: unknown = await promise.catch((thrown: unknown) => thrown);
    assert.ok(PlatformError.is(error), String(error));
    return `${error.reason} ${error.message}`;
  };
  const client = createClient({ apiUrl: url, gatewayUrl: url, fetch });
  assert.match(await reasonOf(client.getPlatform()), /ANSWER_INTERRUPTED .*v1\/platform broke off/);
  assert.match(await reasonOf(client.getPrincipal()), /PLATFORM_UNREACHABLE .*socket hang up/);
  const nobody = createClient({ apiUrl: "http://127.0.0.1:9", gatewayUrl: url, fetch });
  assert.match(await reasonOf(nobody.getPlatform()), /PLATFORM_UNREACHABLE .*ECONNREFUSED/);
});
