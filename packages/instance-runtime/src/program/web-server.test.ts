import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from "node:net";
import { test, type TestContext } from "node:test";
import { systemClock } from "@skerry/base";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { HandClock, until } from "@skerry/testkit";
import type { LinkStream } from "@skerry/link";
import type { Answer } from "@skerry/event-shapes";
import type { Call, RawSide } from "../call.ts";
import { IncomingBody } from "../incoming-body.ts";
import { WebServer } from "./web-server.ts";

/** Where it listens, until the test ends; connections that are left then end with it. */
async function listen(t: TestContext, server: Server | TcpServer): Promise<number> {
  t.after(() => {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Passes a request to it that it breaks off; `whenBroken` is what it does then. */
async function breakOff(t: TestContext, whenBroken: (server: Server) => void) {
  const server = createServer((request) => {
    request.socket.destroy();
    whenBroken(server);
  });
  const port = await listen(t, server);
  const clock = new HandClock();
  const log = (): void => undefined;
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
  const port = await listen(t, server);
  const log = (): void => undefined;
  const web = new WebServer({ clock: new HandClock(), log }, port);
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
  const port = await listen(t, server);
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
  const port = await listen(t, server);
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
  const port = await listen(t, server);
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
  const port = await listen(t, server);
  const told: unknown[] = [];
  const call = {
    ...{ id: "r", gone: false, whenGone: () => undefined, body: { whole: undefined } },
    head: { m: "GET", u: "/", a: "web", h: [], up: { p: "chat", ms: 1 } },
    begin: ({ status }: Answer) => void told.push(status),
    write: (chunk: Uint8Array) => Promise.resolve(told.push(String(chunk)) > 0),
    ...{ end: () => void told.push("end"), abandon: () => void told.push("broken off") },
  };
  const web = new WebServer({ clock: systemClock(), log: () => undefined }, port);
  await web.pass(call as unknown as Call);
  assert.deepEqual(told, [400, "half", "broken off"]);
});

/** Passes an event to a server; resolves to what that saw, and what its caller is told. */
async function passEvent(t: TestContext, asked: readonly string[], answer: Partial<FcAnswer> = {}) {
  const { status = 200, headers = {}, body = "", method = "EVENT" } = answer;
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    response.writeHead(status, headers).end(body);
  });
  const port = await listen(t, server);
  const told: unknown[] = [];
  const call = {
    ...{ id: "r", gone: false, whenGone: () => undefined, body: { whole: Buffer.from("{}") } },
    head: { m: method, u: "/", a: "web", h: asked },
    ...{ begin: () => undefined, write: () => Promise.resolve(true), end: () => undefined },
    answer: (one: Answer) => void told.push(one.status),
    failed: (error: unknown) => void told.push(error),
  };
  const log = (level: string, text: string): void => void told.push([level, text]);
  await new WebServer({ clock: systemClock(), log }, port).pass(call as unknown as Call);
  const [request] = seen;
  return { method: request?.method, url: request?.url, given: request?.headers ?? {}, told };
}

interface FcAnswer {
  /** What was asked; an event when absent. */
  readonly method: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const CLOUD_EVENT = "application/cloudevents+json; charset=utf-8";
const EVENT_TYPES: Readonly<Record<string, readonly [asked: readonly string[], type: string]>> = {
  "no type": [[], "application/octet-stream"],
  JSON: [["content-type", "application/json"], "application/octet-stream"],
  "JSON in a charset": [
    ["content-type", "Application/JSON ; charset=utf-8"],
    "application/octet-stream",
  ],
  "JSON as bytes": [["content-type", BYTES_EVENT_TYPE], "application/octet-stream"],
  "a CloudEvent": [["content-type", CLOUD_EVENT], CLOUD_EVENT],
  "a type that only begins so": [["content-type", "application/jsonl"], "application/jsonl"],
};

for (const [what, [asked, type]] of Object.entries(EVENT_TYPES)) {
  test(`an event of ${what} is posted to /invoke as ${type}, under its request's id`, async (t) => {
    const sent = [...asked, "x-fc-request-id", "a caller's", "x-fc-control-path", "/initialize"];
    sent.push("x-own", "content-length");
    const { method, url, given } = await passEvent(t, sent, { headers: { "content-length": "0" } });
    assert.deepEqual([method, url, given["content-type"]], ["POST", "/invoke", type]);
    assert.deepEqual([given["x-fc-request-id"], given["x-skerry-request-id"]], ["r", "r"]);
    assert.equal(given["x-fc-control-path"], "/invoke");
    assert.deepEqual([given["content-length"], given["transfer-encoding"]], ["2", undefined]);
  });
}

test("a request of the URL is told from an event, and what fails there is an answer", async (t) => {
  const sent = ["x-fc-control-path", "/initialize", "content-type", "application/json"];
  const headers = { "x-fc-status": "404", "content-length": "0" };
  const { method, url, given, told } = await passEvent(t, sent, { method: "PUT", headers });
  assert.deepEqual([method, url, given["x-fc-control-path"]], ["PUT", "/", "/http-invoke"]);
  assert.deepEqual([given["content-type"], told], ["application/json", [200]]);
});

test("a server says by x-fc-status that it failed, whatever its status, and how in its body", async (t) => {
  const body = "no price";
  const headers = { "x-fc-status": "404" };
  for (const status of [200, 404, 500]) {
    const { told } = await passEvent(t, [], { status, headers, body });
    assert.deepEqual(told, [
      ["error", "The web server says that it failed: no price"],
      { kind: "failed", name: "WebServerError", message: "no price" },
    ]);
  }
  const { told: silent } = await passEvent(t, [], {
    headers: { ...headers, "content-length": "0" },
  });
  const message = "it answered x-fc-status: 404, without a body that says why";
  assert.deepEqual(silent[1], { kind: "failed", name: "WebServerError", message });
  const fine = { headers: { "x-fc-status": "200", "content-length": "0" } };
  assert.deepEqual((await passEvent(t, [], fine)).told, [200]);
  const odd = { status: 404, headers: { "content-length": "0" } };
  assert.deepEqual((await passEvent(t, [], odd)).told, [404], "a status alone is an answer");
});

test("of an error that goes on for ever as much is told as an error may say", async (t) => {
  const endless = { headers: { "x-fc-status": "404" }, body: "x".repeat(4 << 20) };
  const [, failed] = (await passEvent(t, [], endless)).told as [unknown, { message: string }];
  assert.ok(failed.message.length < 256 << 10);
});
