/** The head of an answer leaves when it is there, however long its body takes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { openRaw } from "@skerry/testkit";
import { World, type Call } from "../test/world.ts";

const HEAD = /^HTTP\/1\.1 200 OK\r\n[^]*\r\nx-mine: 1\r\n[^]*\r\n\r\n$/;

test("a client has the head of a function's or an upstream's answer before its body begins", async (t) => {
  const world = new World();
  t.after(async () => await world.close());
  const begun: (Call | ServerResponse)[] = [];
  const upstream = createServer((_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream", "x-mine": "1" }).flushHeaders();
    begun.push(res);
  });
  t.after(() => {
    upstream.close();
    upstream.closeAllConnections();
  });
  await once(upstream.listen(0, "127.0.0.1"), "listening");
  world.fn({ kind: "fetch" });
  const agent = await world.agent();
  agent.handle = (call) => {
    call.begin("", { h: ["content-type", "text/event-stream", "x-mine", "1"] });
    begun.push(call);
  };
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const ways = { plain: {}, kept: { cache: { ttl: 60 } }, gated: { retries: {} } };
  const targets = { function: { function: "hello" }, upstream: { upstream: origin } };
  const routes = Object.entries(targets).flatMap(([target, to]) =>
    Object.entries(ways).map(([way, more]) => ({ path: `/${target}/${way}`, to, ...more })),
  );
  world.stage({ routes });
  await world.start();
  const host = "release.public.shop.apis.localhost";
  const paths = [...routes.map(({ path }) => path), "/-/shop/hello/"];
  for (const path of paths) {
    using client = await openRaw(world.port);
    client.write(`GET ${path} HTTP/1.1\r\nHost: ${path.startsWith("/-/") ? "x" : host}\r\n\r\n`);
    await client.receive(HEAD);
    const of = begun.pop();
    if (of instanceof Object && "stream" in of) of.stream.write(Buffer.from("data"));
    else of?.write("data");
    await client.receive(/data/);
  }
  assert.deepEqual(begun, []);
});
