import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { silentLog, systemClock, type Clock } from "@skerry/base";
import { LeapClock, openRaw, until } from "@skerry/testkit";

import { sendBytes, serveHttp, type HttpServer, type UpgradeHandler } from "./index.ts";

const clock = systemClock();

function start(onUpgrade?: UpgradeHandler, timed: Clock = clock): Promise<HttpServer> {
  return serveHttp(
    {
      ...{ clock: timed, log: silentLog(), requestId: () => "req-1" },
      onRequest: (_req, res) => sendBytes(res, { status: 200, headers: [] }, "ordinary"),
      ...(onUpgrade === undefined ? {} : { onUpgrade }),
    },
    { listen: { host: "127.0.0.1", port: 0 } },
  );
}

const asking = (path = "/"): string =>
  `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: Own\r\n\r\n`;

/** Gives back what comes, until the client ends. */
const echo: UpgradeHandler = (_req, _res, upgrade) => {
  const { socket, early } = upgrade.switchTo(["x-protocol", upgrade.protocol]);
  for (const part of early) socket.write(part);
  socket.pipe(socket);
};

describe("an upgrade", () => {
  it("is not there for a server that takes none", async () => {
    await using server = await start();
    using client = await openRaw(server.port ?? 0);
    client.write(asking());
    assert.match(await client.ended(), /^HTTP\/1\.1 200 [\s\S]*Connection: close[\s\S]*ordinary$/);
  });

  it("gives the connection away, with what the client sent ahead", async () => {
    await using server = await start(echo);
    using client = await openRaw(server.port ?? 0);
    client.write(`${asking()}ahead`);
    await client.receive(/^HTTP\/1\.1 101 [\s\S]*x-protocol: own\r\n\r\nahead$/);
    client.write("GET / HTTP/1.1\r\n\r\n");
    await client.receive(/aheadGET \/ HTTP\/1\.1\r\n\r\n$/);
    assert.equal(server.connections, 1);
    client.socket.end();
    await until("it is forgotten", () => server.connections === 0);
  });

  it("is refused like any request that two could read differently", async () => {
    await using server = await start(echo);
    for (const path of ["/a/../b", "//host/", "/a%2fb"]) {
      using client = await openRaw(server.port ?? 0);
      client.write(asking(path));
      assert.match(await client.ended(), /^HTTP\/1\.1 400 [\s\S]*TARGET_/);
    }
    using twice = await openRaw(server.port ?? 0);
    twice.write(asking().replace("Host: h", "Host: h\r\nHost: i"));
    assert.match(await twice.ended(), /^HTTP\/1\.1 400 /);
  });

  it("sends no header that HTTP does not allow, and answers instead", async () => {
    await using server = await start((_req, _res, upgrade) => {
      upgrade.switchTo(["x-split", "a\r\nSet-Cookie: b=c"]);
    });
    using client = await openRaw(server.port ?? 0);
    client.write(asking());
    const text = await client.ended();
    assert.match(text, /^HTTP\/1\.1 502 [\s\S]*RESPONSE_HEADER_INVALID/);
    assert.doesNotMatch(text, /Set-Cookie/);
  });

  it("reads little ahead of its answer", async () => {
    await using server = await start(() => undefined);
    using client = await openRaw(server.port ?? 0);
    client.write(asking());
    const piece = Buffer.alloc(1 << 20);
    for (let i = 0; i < 32; i += 1) client.write(piece);
    let waiting = -1;
    await until("nothing moves any more", async () => {
      const before = waiting;
      await new Promise<void>((resolve) => void clock.schedule(100, resolve));
      waiting = client.socket.writableLength;
      return waiting === before;
    });
    assert.ok(waiting > 16 << 20, `${waiting} bytes wait at the client`);
  });

  it("in a drain is cut at its end, and not before", async () => {
    const leaping = new LeapClock();
    const server = await start(echo, leaping);
    using client = await openRaw(server.port ?? 0);
    client.write(asking());
    await client.receive(/\r\n\r\n$/);
    const deadlineMs = 20_000;
    const drained = server.drain({ deadlineMs });
    client.write("still");
    await client.receive(/still$/);
    leaping.leap(deadlineMs);
    assert.deepEqual(await drained, { requestsCut: 1 });
    await client.ended();
    assert.ok(client.wasReset);
  });
});
