import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { silentLog, systemClock } from "@skerry/base";
import { openRaw, type RawConnection } from "@skerry/testkit";

import { openBody, sendBytes, serveHttp, type HttpLimits, type HttpServer } from "./index.ts";

const clock = systemClock();
const DEADLINE_MS = 15_000;

interface Held {
  readonly server: HttpServer;
  /** Answers the oldest request that waits; by path. */
  release(path: string): void;
  waiting(): number;
}

/** A server whose requests wait until the test releases them; "/now" is answered at once. */
async function startHeld(limits: Partial<HttpLimits> = {}): Promise<Held> {
  const held = new Map<string, () => void>();
  const server = await serveHttp(
    {
      clock,
      log: silentLog(),
      requestId: () => "req-1",
      onRequest: async (_req, res, { rawPath }) => {
        if (rawPath !== "/now") await new Promise<void>((resolve) => held.set(rawPath, resolve));
        sendBytes(res, { status: 200, headers: [] }, rawPath);
      },
    },
    { listen: { host: "127.0.0.1", port: 0 }, limits },
  );
  const release = (path: string): void => {
    held.get(path)?.();
    held.delete(path);
  };
  return { server, release, waiting: () => held.size };
}

function get(raw: RawConnection, path: string): void {
  raw.write(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
}

describe("drain", () => {
  it("lets a request in flight finish, tells its client to close, and resolves then", async () => {
    const { server, release, waiting } = await startHeld();
    using raw = await openRaw(server.port ?? 0);
    get(raw, "/a");
    await until(() => waiting() === 1);
    const drained = server.drain({ deadlineMs: DEADLINE_MS });
    release("/a");
    assert.match(await raw.ended(), /200 OK[^]*Connection: close\r\n\r\n\/a$/);
    assert.deepEqual(await drained, { requestsCut: 0 });
    assert.equal(server.connections, 0);
  });

  it("answers a request that comes on an open connection afterwards, and closes with it", async () => {
    const { server } = await startHeld();
    using raw = await openRaw(server.port ?? 0);
    get(raw, "/now");
    await raw.receive(/Connection: keep-alive[^]*\/now$/);
    const drained = server.drain({ deadlineMs: DEADLINE_MS });
    get(raw, "/now");
    assert.match(await raw.ended(), /keep-alive[^]*\/now[^]*Connection: close[^]*\/now$/);
    await drained;
  });

  it("answers pipelined requests all, and only the last says close", async () => {
    const { server, release, waiting } = await startHeld();
    using raw = await openRaw(server.port ?? 0);
    get(raw, "/a");
    get(raw, "/b");
    await until(() => waiting() === 2);
    const drained = server.drain({ deadlineMs: DEADLINE_MS });
    get(raw, "/c");
    await until(() => waiting() === 3);
    for (const path of ["/c", "/b", "/a"]) release(path);
    const text = await raw.ended();
    assert.match(text, /\/a[^]*\/b[^]*Connection: close[^]*\/c$/);
    assert.equal(text.match(/Connection: close/g)?.length, 1);
    assert.deepEqual(await drained, { requestsCut: 0 });
  });

  it("ends idle connections by their keep-alive time", async () => {
    const { server } = await startHeld({ keepAliveTimeoutMs: 200 });
    using used = await openRaw(server.port ?? 0);
    get(used, "/now");
    await used.receive(/\/now$/);
    assert.deepEqual(await server.drain({ deadlineMs: DEADLINE_MS }), { requestsCut: 0 });
    await used.ended();
  });

  it("cuts at the deadline what is left, counting requests and not idle connections", async () => {
    const { server, waiting } = await startHeld();
    using idle = await openRaw(server.port ?? 0);
    get(idle, "/now");
    await idle.receive(/\/now$/);
    using busy = await openRaw(server.port ?? 0);
    get(busy, "/a");
    await until(() => waiting() === 1);
    assert.deepEqual(await server.drain({ deadlineMs: 50 }), { requestsCut: 1 });
    await Promise.all([idle.ended(), busy.ended()]);
    assert.equal(busy.received, "");
  });

  it("never ends a stream cleanly that it cuts", async () => {
    const server = await serveHttp(
      {
        clock,
        log: silentLog(),
        requestId: () => "req-1",
        onRequest: (_req, res) =>
          void openBody(res, { status: 200, headers: [] }).write(Buffer.from("half")),
      },
      { listen: { host: "127.0.0.1", port: 0 } },
    );
    using raw = await openRaw(server.port ?? 0);
    get(raw, "/");
    await raw.receive(/half/);
    assert.deepEqual(await server.drain({ deadlineMs: 50 }), { requestsCut: 1 });
    assert.doesNotMatch(await raw.ended(), /\r\n0\r\n\r\n$/);
  });

  it("tells which connections wait for their client", async () => {
    const { server, release, waiting } = await startHeld();
    const port = server.port ?? 0;
    using kept = await openRaw(port);
    get(kept, "/now");
    await kept.receive(/\/now$/);
    using silent = await openRaw(port);
    using busy = await openRaw(port);
    get(busy, "/busy");
    using arriving = await openRaw(port);
    arriving.write("POST /arriving HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx");
    using leaving = await openRaw(port);
    leaving.write("GET /now HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    await leaving.ended();
    await until(() => waiting() === 2 && server.connections === 4);
    const awaited = (): readonly string[] =>
      [...server.awaiting()].map((res) => res?.req.url ?? "none yet").toSorted();
    assert.deepEqual(awaited(), ["/arriving", "/now", "none yet"]);
    get(silent, "/silent");
    await until(() => waiting() === 3);
    const drained = server.drain({ deadlineMs: DEADLINE_MS });
    assert.deepEqual(awaited(), ["/arriving", "/now"], "a drain changes nothing");
    for (const path of ["/busy", "/arriving", "/silent"]) release(path);
    await Promise.all([busy.ended(), silent.ended()]);
    for (const { socket } of [kept, arriving]) socket.destroy();
    await drained;
  });

  it("may be asked for twice, and disposing joins it", async () => {
    const { server } = await startHeld();
    const first = server.drain({ deadlineMs: 100 });
    assert.equal(server.drain({ deadlineMs: 100 }), first);
    await first;
    await server[Symbol.asyncDispose]();
    await assert.rejects(openRaw(server.port ?? 1));
  });
});

async function until(isMet: () => boolean): Promise<void> {
  const deadline = clock.monotonicMs() + 60_000;
  while (!isMet()) {
    assert.ok(clock.monotonicMs() < deadline, "the condition was not met in a minute");
    await new Promise<void>((resolve) => clock.schedule(5, resolve));
  }
}
