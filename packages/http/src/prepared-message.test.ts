/** Prepared messages: as Node would have sent them, whole, and never one into the other. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { silentLog, systemClock } from "@skerry/base";
import { openRaw, until } from "@skerry/testkit";
import { authority, serveSecure } from "../test/secure-server.ts";
import {
  DEFAULT_LIMITS,
  prepareMessage,
  sendBytes,
  sendPrepared,
  serveHttp,
  takesPrepared,
  type HttpServer,
  type KnownHandler,
  type PreparedMessage,
} from "./index.ts";

const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const HEADERS = ["content-type", "text/plain", "Date", DATE, "X-Odd", "caf\u00e9"];
const { keepAliveTimeoutMs } = DEFAULT_LIMITS;
const LARGE = Buffer.alloc(16 << 20, "large ");

function prepared(body: Uint8Array): PreparedMessage {
  const id = { idName: "x-id", idChars: 4 };
  return prepareMessage({ status: 200, headers: HEADERS, ...id, body, keepAliveTimeoutMs });
}

/** A server that answers by `onKnown` what it can, and as Node does else. */
async function serve(body: Uint8Array, onKnown: KnownHandler): Promise<HttpServer> {
  return await serveHttp(
    {
      ...{ clock: systemClock(), log: silentLog(), requestId: () => "req-1", onKnown },
      onRequest: (req, res) => {
        const id = req.url?.slice(1) ?? "";
        sendBytes(res, { status: 200, headers: [...HEADERS, "x-id", id] }, body);
      },
    },
    { listen: { host: "127.0.0.1", port: 0 } },
  );
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;

test("a prepared message is what Node makes of the same answer, byte for byte", async () => {
  const body = Buffer.from("a body\u00ff");
  const message = prepared(body);
  const answerOf = async (onKnown: KnownHandler): Promise<string> => {
    await using server = await serve(body, onKnown);
    using raw = await openRaw(server.port ?? 0);
    raw.write(get("/id-1"));
    return await raw.receive(/a body\u00c3\u00bf$/);
  };
  const ofNode = await answerOf(() => false);
  const known: KnownHandler = (_, res) => {
    assert.ok(takesPrepared(res));
    sendPrepared(res, message, "id-1");
    return true;
  };
  assert.equal(await answerOf(known), ofNode);
  assert.match(ofNode, /x-id: id-1\r\nContent-Length: 8\r\n/);
});

test("a message keeps no memory but its own", () => {
  const { bytes } = prepared(Buffer.from("body"));
  assert.equal(bytes.buffer.byteLength, bytes.length);
});

test("each gets its own id, also while the message is on its way to another", () => {
  const message = prepared(Buffer.from("body"));
  const out: { readonly bytes: Buffer; readonly left: (error?: Error) => void }[] = [];
  const finished: string[] = [];
  const send = (id: string): void => {
    const socket = { write: (bytes: Buffer, left: () => void) => out.push({ bytes, left }) };
    const emit = (event: string): number => finished.push(`${event} ${id}`);
    sendPrepared({ socket, emit } as unknown as ServerResponse, message, id);
  };
  const idsOut = (): unknown => out.map(({ bytes }) => /x-id: (.*)/.exec(bytes.toString())?.[1]);
  for (const id of ["id-1", "id-2", "id-3"]) send(id);
  assert.deepEqual(idsOut(), ["id-1", "id-2", "id-3"]);
  out[1]?.left();
  send("id-4");
  assert.deepEqual(idsOut(), ["id-1", "id-2", "id-3", "id-4"]);
  out[0]?.left();
  send("id-5");
  assert.equal(out[4]?.bytes, message.bytes, "free again, it is not copied");
  out[2]?.left(new Error("reset"));
  assert.deepEqual(finished, ["finish id-2", "finish id-1"], "what was cut has not left");
});

test("who does not read gets no second message prepared, and what is behind another waits", async () => {
  const message = prepared(LARGE);
  const taken: boolean[] = [];
  let latest: ServerResponse | undefined;
  await using server = await serve(Buffer.from("small"), (_, res) => {
    latest = res;
    taken.push(takesPrepared(res));
    if (taken.length === 1) sendPrepared(res, message, "id-0");
    return taken.length === 1;
  });
  using raw = await openRaw(server.port ?? 0);
  raw.socket.pause();
  raw.write(get("/id-0"));
  await until("the first", () => taken.length === 1);
  assert.ok((latest?.socket?.writableLength ?? 0) > 0);
  raw.write(get("/id-1") + get("/id-2"));
  await until("the others", () => taken.length === 3);
  assert.deepEqual(taken, [true, false, false]);
  raw.socket.resume();
  await until("all of it", () => raw.received.endsWith("small"), { deadlineMs: 60_000 });
  const ids = [...raw.received.matchAll(/x-id: (id-\d)/g)].map(([, id]) => id);
  assert.deepEqual(ids, ["id-0", "id-1", "id-2"]);
});

test("a failure to answer what is known is told as any other", async () => {
  await using server = await serve(Buffer.from("body"), (req) => {
    if (req.url === "/id-0") throw new TypeError("on purpose");
    return false;
  });
  using raw = await openRaw(server.port ?? 0);
  raw.write(get("/id-0"));
  await raw.receive(/^HTTP\/1\.1 500 [^]*INTERNAL/);
  raw.write(get("/id-1"));
  await raw.receive(/x-id: id-1[^]*body$/);
});

test("a host is covered on the connection on which it was taken, and on no other", async () => {
  const said: (boolean | undefined)[] = [];
  await using secure = await serveSecure({
    onKnown: (_, __, covered) => {
      said.push(covered?.hasCovered("a.test"));
      return false;
    },
    onRequest: (_, res) => sendBytes(res, { status: 200, headers: [] }, "ok"),
  });
  secure.identities.put("w.wild.test", authority.issue(["*.wild.test"]));
  const ask = async (name: string, hosts: readonly string[]): Promise<void> => {
    const socket = await secure.socket(name);
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    for (const [i, host] of hosts.entries()) {
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await until("its answer", () => text.split("HTTP/1.1 ").length > i + 1);
    }
    socket.destroy();
  };
  await ask("a.test", ["a.test", "a.test"]);
  await ask("w.wild.test", ["w.wild.test", "w.wild.test"]);
  assert.deepEqual(said, [false, true, false, false]);
});
