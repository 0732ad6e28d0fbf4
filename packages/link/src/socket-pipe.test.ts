/** Letting go of a socket that another process is to have. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { FrameType } from "./frames.ts";
import { bufferText, socketPipe, type SocketPipe } from "./socket-pipe.ts";
import { FrameWriter } from "./writer.ts";

const server = createServer();
const path = join(tmpdir(), `skerry-pipe-${process.pid}.sock`);
before(async () => {
  server.listen(path);
  await once(server, "listening");
});
after(() => void server.close());

async function openPair(): Promise<{ readonly ours: Socket; readonly theirs: Socket }> {
  const ours = connect(path);
  const both = [once(server, "connection"), once(ours, "connect")] as const;
  const [[theirs]] = (await Promise.all(both)) as [[Socket], unknown];
  return { ours, theirs };
}

const ignoring = { onBytes: () => undefined, onDrain: () => undefined, onClosed: () => undefined };

/**
 * Bytes that our side has taken from the kernel once a later write on another connection was seen.
 */
async function bytesTaken(letGo: (socket: Socket) => void): Promise<number> {
  const [watched, later] = [await openPair(), await openPair()];
  letGo(watched.ours);
  watched.theirs.write("for the next owner");
  // Twice, because the first may be seen in the same turn before the other.
  for (const text of ["later", "later still"]) {
    const seen = once(later.ours, "data");
    later.theirs.write(text);
    await seen;
  }
  const { bytesRead } = watched.ours;
  for (const socket of [watched.ours, watched.theirs, later.ours, later.theirs]) socket.destroy();
  return bytesRead;
}

test("what arrives after a pipe has let go of its socket stays for the next owner", async () => {
  const started = (socket: Socket): SocketPipe => {
    const pipe = socketPipe(socket);
    pipe.start(ignoring);
    return pipe;
  };
  assert.equal(await bytesTaken((socket) => started(socket).detach()), 0);
  assert.notEqual(await bytesTaken((socket) => started(socket).pause()), 0, "control: only paused");
});

test("a socket that was let go can be taken up again, with what had arrived meanwhile", async () => {
  const { ours, theirs } = await openPair();
  const first = socketPipe(ours);
  first.start(ignoring);
  first.detach();
  theirs.write("kept");
  const taken = await new Promise<string>((resolve) => {
    socketPipe(ours).start({ ...ignoring, onBytes: (bytes) => resolve(String(bytes)) });
  });
  assert.equal(taken, "kept");
  for (const socket of [ours, theirs]) socket.destroy();
});

test("a large body leaves in one write with the head before it", async () => {
  const { ours, theirs } = await openPair();
  const pipe = socketPipe(ours);
  pipe.start(ignoring);
  const writes: number[] = [];
  // What the socket hands to the system: several pieces at once, or one.
  ours._writev = (pieces, done) => {
    writes.push(pieces.length);
    done();
  };
  ours._write = (_piece, _encoding, done) => {
    writes.push(1);
    done();
  };
  const writer = new FrameWriter(pipe, bufferText(Buffer), setImmediate);
  const body = new Uint8Array(64 << 10);
  writer.frame({ type: FrameType.DATA, flags: 0, stream: 1, body });
  writer.frame({ type: FrameType.DATA, flags: 0, stream: 1, body });
  assert.deepEqual(writes, [2, 2]);
  for (const socket of [ours, theirs]) socket.destroy();
});

test("what was written has left this process once the pipe says so, however slow the reader", async () => {
  const { ours, theirs } = await openPair();
  const pipe = socketPipe(ours);
  pipe.start(ignoring);
  await pipe.written();
  const bytes = 4 << 20;
  pipe.write(new Uint8Array(bytes));
  assert.ok(ours.writableLength > 0, "control: the kernel does not take all of it at once");
  const written = pipe.written();
  let read = 0;
  theirs.on("data", (chunk: Buffer) => void (read += chunk.length));
  await written;
  assert.equal(ours.writableLength, 0);
  pipe.detach();
  const ended = once(theirs, "close");
  ours.destroy();
  await ended;
  assert.equal(read, bytes);
});

test("a pipe whose other end is gone does not keep whoever waits for it", async () => {
  const { ours, theirs } = await openPair();
  const pipe = socketPipe(ours);
  pipe.start(ignoring);
  pipe.write(new Uint8Array(4 << 20));
  const written = pipe.written();
  theirs.destroy();
  await written;
  ours.destroy();
});
