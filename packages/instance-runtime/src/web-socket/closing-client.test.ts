/** What a client may take its time for once the handler has closed, on a clock of the test. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "@skerry/base";
import { bufferText, IGNORING_STREAM, Link, LINK_LIMITS, socketPipe } from "@skerry/link";
import type { LinkStream, OpenedStream, StreamHandler } from "@skerry/link";
import { HandClock, until } from "@skerry/testkit";
import { ping } from "../../test/web-socket-frames.ts";
import { ServerSocket } from "./server-socket.ts";

/** The bytes of a Close with 1000 and no reason. */
const CLOSE_FRAME = Buffer.from([0x88, 2, 0x03, 0xe8]);
/** Values of `readyState`. */
const CLOSING = 2;
const CLOSED = 3;

async function socketPair(): Promise<[Socket, Socket]> {
  const path = join(mkdtempSync(join(tmpdir(), "closing-")), "s");
  const server = createServer();
  await once(server.listen(path), "listening");
  const near = connect(path);
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  rmSync(join(path, ".."), { recursive: true });
  return [near, far];
}

interface Talk {
  readonly clock: HandClock;
  readonly socket: ServerSocket;
  /** The client's end, as the gateway holds it; nothing is granted by itself. */
  readonly stream: LinkStream;
  /** What came, and `end` and `cancelled` as they come. */
  readonly seen: { bytes: Buffer; readonly told: string[] };
  /** How often the handler's side was given something. */
  readonly read: { times: number };
}

/** A socket that is open, and both ends of the link below it. */
async function talk(t: TestContext): Promise<Talk> {
  const ends = await socketPair();
  const clock = new HandClock();
  const seen = { bytes: Buffer.alloc(0), told: [] as string[] };
  const read = { times: 0 };
  const opened = Promise.withResolvers<ServerSocket>();
  const accept = ({ stream }: OpenedStream): StreamHandler => {
    const warn = (): void => undefined;
    const run = (work: () => void): void => work();
    const socket = new ServerSocket({ clock, stream, url: "ws://x/", protocol: "", run, warn });
    stream.reply("switched");
    socket.opened();
    opened.resolve(socket);
    return {
      onReply: () => undefined,
      onBody: (chunk, end) => {
        socket.onBody(chunk, end);
        read.times += 1;
      },
      onWritable: () => socket.onWritable(),
      onFailed: () => socket.onFailed(),
    };
  };
  const [client] = ends.map((socket, at) => {
    const shared = { clock: systemClock(), text: bufferText(Buffer), scheduleFlush: setImmediate };
    const side = at === 0 ? ("initiator" as const) : ("acceptor" as const);
    const role = at === 0 ? "gateway" : "instance";
    const options = { side, peer: "the other end", hello: { role }, accept };
    return new Link({ ...shared, pipe: socketPipe(socket) }, options);
  }) as [Link, Link];
  t.after(() => ends.forEach((socket) => socket.destroy()));
  const stream = client.open(
    "request",
    { end: false },
    {
      ...IGNORING_STREAM,
      onBody: (chunk, end) => {
        seen.bytes = Buffer.concat([seen.bytes, chunk]);
        if (end) seen.told.push("end");
      },
      onFailed: () => void seen.told.push("cancelled"),
    },
  );
  return { clock, socket: await opened.promise, stream, seen, read };
}

test("a client that never answers its Close is given up after five seconds, behind an ordinary end", async (t) => {
  const { clock, socket, seen } = await talk(t);
  socket.close(1000);
  await until("the Close", () => seen.bytes.equals(CLOSE_FRAME));
  clock.advance(4_999);
  assert.deepEqual([clock.timers, socket.readyState], [1, CLOSING]);
  clock.advance(1);
  await until("the end", () => seen.told.includes("cancelled"));
  // A cancel that nothing went before is a fault of the function in its record.
  assert.deepEqual(seen.told, ["end", "cancelled"]);
  assert.equal(socket.readyState, CLOSED);
});

test("what a client sends instead of its Close gives it no more time", async (t) => {
  const { clock, socket, stream, seen, read } = await talk(t);
  socket.close(1000);
  await until("the Close", () => seen.bytes.equals(CLOSE_FRAME));
  for (let second = 1; second <= 4; second += 1) {
    clock.advance(1_000);
    stream.write(ping());
    await until("the ping", () => read.times === second);
  }
  assert.equal(clock.nextInMs, 1_000);
});

test("the five seconds begin when the client has been sent all that stands before the Close", async (t) => {
  const { clock, socket, stream, seen } = await talk(t);
  socket.send(new Uint8Array(LINK_LIMITS.creditBytes));
  socket.close(1000);
  await until("what may be sent", () => seen.bytes.length === LINK_LIMITS.creditBytes);
  clock.advance(60_000);
  assert.deepEqual([clock.timers, socket.readyState], [0, CLOSING]);
  stream.grant(LINK_LIMITS.creditBytes);
  await until("the Close", () => seen.bytes.subarray(-4).equals(CLOSE_FRAME));
  assert.equal(clock.nextInMs, 5_000);
});
