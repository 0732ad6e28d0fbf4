import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { systemClock } from "@skerry/base";
import { HandClock, until } from "@skerry/testkit";
import type { LinkStream } from "@skerry/link";
import type { Answer, Call, RawSide } from "../call.ts";
import { IncomingBody } from "../incoming-body.ts";
import { WebServer } from "./web-server.ts";

/** Passes a request to it that it breaks off; `whenBroken` is what it does then. */
async function breakOff(t: TestContext, whenBroken: (server: Server) => void) {
  const server = createServer((request) => {
    request.socket.destroy();
    whenBroken(server);
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const clock = new HandClock();
  const log = (): void => undefined;
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const call = {
    ...{ id: "r", gone: false, whenGone: () => undefined, body: { whole: new Uint8Array() } },
    head: { m: "GET", u: "/", a: "web", h: [] },
    failed: ({ name }: { readonly name: string }) => void told.push(name),
  };
  const passed = new WebServer({ clock, log }, port).pass(call as unknown as Call);
  await until("it is broken off", () => clock.timers > 0);
  return { clock, told, passed };
}

test("a server that breaks off and goes on is told so without waiting for its death", async (t) => {
  const { clock, told, passed } = await breakOff(t, () => undefined);
  assert.deepEqual(told, [], "not before it was looked whether it lives");
  clock.advance(100);
  await passed;
  assert.deepEqual(told, ["WebServerFailed"]);
});

test("one that listens no more has a second to be seen to have ended", async (t) => {
  const { clock, told, passed } = await breakOff(t, (server) => server.close());
  clock.advance(50);
  await until("it is waited for", () => clock.timers > 0);
  clock.advance(949);
  await new Promise((resolve) => void setImmediate(resolve));
  assert.deepEqual(told, []);
  clock.advance(1);
  await passed;
  assert.deepEqual(told, ["WebServerFailed"]);
});

test("a body that servers need not read ends its connection, which nobody else uses", async (t) => {
  const seen: string[] = [];
  const server = createServer((request, answer) => {
    seen.push(`${request.method} ${request.headers.connection}`);
    answer.end();
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const log = (): void => undefined;
  const web = new WebServer(
    { clock: new HandClock(), log },
    (server.address() as AddressInfo).port,
  );
  const pass = async (m: string, body: string): Promise<void> => {
    const call = {
      ...{ id: "r", gone: false, whenGone: () => undefined, body: { whole: Buffer.from(body) } },
      head: { m, u: "/", a: "web", h: ["content-length", String(body.length)] },
      ...{ answer: () => undefined, begin: () => undefined, end: () => undefined },
    };
    await web.pass(call as unknown as Call);
  };
  for (const [m, body] of [
    ["GET", "x"],
    ["DELETE", "x"],
    ["GET", ""],
    ["POST", "x"],
  ] as const)
    await pass(m, body);
  const kept = ["GET keep-alive", "POST keep-alive"];
  assert.deepEqual(seen, ["GET close", "DELETE close", ...kept]);
});

/** Passes an upload to a server of bare bytes; resolves to what its client is told. */
async function upload(t: TestContext, serve: (socket: Socket, body: IncomingBody) => void) {
  const stream = { grant: () => undefined } as unknown as LinkStream;
  const body = new IncomingBody(stream, Buffer.from("12345"), false);
  const server = createTcpServer((socket) => void socket.once("data", () => serve(socket, body)));
  t.after(() => server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const told: unknown[] = [];
  const call = {
    ...{ id: "r", gone: false, whenGone: () => undefined, body },
    head: { m: "POST", u: "/", a: "web", h: ["content-length", "99999999"] },
    answer: (answer: Answer) => void told.push(answer.status, String(answer.body)),
    begin: ({ status }: Answer) => void told.push(status),
    write: (chunk: Uint8Array) => Promise.resolve(told.push(String(chunk)) > 0),
    ...{ end: () => void told.push("end"), abandon: () => void told.push("broken off") },
    failed: ({ message }: { readonly message: string }) => void told.push(message),
  };
  const log = (): void => undefined;
  const { port } = server.address() as AddressInfo;
  await new WebServer({ clock: systemClock(), log }, port).pass(call as unknown as Call);
  return told;
}

const EARLY_ANSWER = "HTTP/1.1 401 No\r\ncontent-length: 4\r\n\r\ngone";

test("an answer ahead of its request's body comes whole from a server that closes", async (t) => {
  const told = await upload(t, (socket, body) => {
    socket.write(EARLY_ANSWER);
    socket.resetAndDestroy();
    // It is sent before the answer is read: the connection is broken by then.
    body.push(Buffer.from("67890"), false);
  });
  assert.deepEqual(told, [401, "gone"]);
});

test("an answer that ends with a reset connection never looks whole", async (t) => {
  const told = await upload(t, (socket, body) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\nhalf");
    socket.resetAndDestroy();
    body.push(Buffer.from("67890"), false);
  });
  assert.deepEqual(told, [200, "half", "broken off"]);
});

test("what a server did not read before it had answered is not sent any more", async (t) => {
  const pieces = 64;
  let bytes = 0;
  const closed = Promise.withResolvers<void>();
  let connection: Socket | undefined;
  const told = await upload(t, (socket, body) => {
    connection = socket.pause().on("close", () => closed.resolve());
    for (let i = 0; i < pieces; i += 1) body.push(Buffer.alloc(1 << 20), false);
    socket.write(EARLY_ANSWER);
  });
  assert.deepEqual(told, [401, "gone"]);
  connection?.on("error", () => undefined).on("data", (chunk: Buffer) => (bytes += chunk.length));
  connection?.resume();
  await closed.promise;
  assert.ok(bytes < pieces << 20, `${bytes} bytes`);
});

test("a server may keep the connection of a body that comes in parts, and need not reset it", async (t) => {
  const seen: string[] = [];
  const server = createServer((request, answer) => {
    seen.push(`${request.method} ${request.headers.connection}`);
    answer.end();
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const web = new WebServer({ clock: new HandClock(), log: () => undefined }, port);
  for (const m of ["POST", "DELETE"]) {
    const stream = { grant: () => undefined } as unknown as LinkStream;
    const call = {
      ...{ id: "r", gone: false, whenGone: () => undefined },
      body: new IncomingBody(stream, Buffer.from("x"), false),
      head: { m, u: "/", a: "web", h: ["content-length", "2"] },
      ...{ answer: () => undefined, begin: () => undefined, end: () => undefined },
    };
    await web.pass(call as unknown as Call);
  }
  assert.deepEqual(seen, ["POST keep-alive", "DELETE close"]);
  const connections = (): Promise<number> =>
    new Promise((resolve) => void server.getConnections((_error, count) => resolve(count)));
  await until("none is left open", async () => (await connections()) === 0);
});

test("what a server says before it breaks a switched connection off reaches a slow caller", async (t) => {
  const told: string[] = [];
  let raw: RawSide | undefined;
  const server = createTcpServer((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\none");
      socket.once("data", () => {
        socket.write("two");
        socket.resetAndDestroy();
        // It is sent before the rest is read: the connection is broken by then.
        raw?.onBody(Buffer.from("more"), false);
        raw?.onWritable();
      });
    });
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const over = Promise.withResolvers<void>();
  const stream = {
    write: (chunk: Uint8Array) => {
      told.push(String(chunk));
      // The caller takes nothing more for now.
      if (told.length === 1) raw?.onBody(Buffer.from("hello"), false);
      return told.length > 1;
    },
    ...{ grant: () => undefined, end: () => undefined, cancel: () => over.resolve() },
  };
  const call = {
    ...{ id: "r", gone: false, whenGone: () => undefined, stream },
    body: { whole: undefined },
    head: { m: "GET", u: "/", a: "web", h: [], up: { p: "chat", ms: 1 } },
    switchTo: (_headers: readonly string[], side: RawSide) => (raw = side) !== undefined,
  };
  const { port } = server.address() as AddressInfo;
  const web = new WebServer({ clock: systemClock(), log: () => undefined }, port);
  await web.pass(call as unknown as Call);
  await over.promise;
  assert.deepEqual(told, ["one", "two"]);
});

test("what a server answers instead of an upgrade never looks whole when it ends with a reset", async (t) => {
  const server = createTcpServer((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 400 No\r\n\r\nhalf");
      socket.resetAndDestroy();
    });
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const told: unknown[] = [];
  const call = {
    ...{ id: "r", gone: false, whenGone: () => undefined, body: { whole: undefined } },
    head: { m: "GET", u: "/", a: "web", h: [], up: { p: "chat", ms: 1 } },
    begin: ({ status }: Answer) => void told.push(status),
    write: (chunk: Uint8Array) => Promise.resolve(told.push(String(chunk)) > 0),
    ...{ end: () => void told.push("end"), abandon: () => void told.push("broken off") },
  };
  const { port } = server.address() as AddressInfo;
  const web = new WebServer({ clock: systemClock(), log: () => undefined }, port);
  await web.pass(call as unknown as Call);
  assert.deepEqual(told, [400, "half", "broken off"]);
});
