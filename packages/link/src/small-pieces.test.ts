import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@skerry/base";
import { LINK_LIMITS } from "./frames.ts";
import { Link } from "./link.ts";
import type { LinkStream, StreamHandler } from "./stream.ts";
import { joinedPipes, text } from "../test/pipes.ts";

interface Relay {
  readonly pieces: Uint8Array[];
  readonly ends: boolean[];
  readonly source: LinkStream;
  /** The consumer takes all that it was handed. */
  take(): void;
  settle(): Promise<void>;
}

/** A peer that sends to somebody who grants only when told to. */
async function relay(passesOn: boolean): Promise<Relay> {
  const pipes = joinedPipes();
  const deps = { clock: systemClock(), text, scheduleFlush: queueMicrotask };
  const pieces: Uint8Array[] = [];
  const ends: boolean[] = [];
  let stream: LinkStream | undefined;
  let taken = 0;
  const handler: StreamHandler = {
    passesOn,
    onReply: () => undefined,
    onBody(chunk, end) {
      pieces.push(chunk.slice());
      ends.push(end);
    },
    onWritable: () => undefined,
    onFailed: () => undefined,
  };
  new Link(
    { pipe: pipes[1], ...deps },
    {
      side: "acceptor",
      peer: "instance",
      hello: {},
      accept: (opened) => {
        stream = opened.stream;
        return handler;
      },
    },
  );
  const initiator = new Link(
    { pipe: pipes[0], ...deps },
    { side: "initiator", peer: "gateway", hello: {} },
  );
  const source = initiator.open("x", { end: false }, { ...handler, onBody: () => undefined });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 50; i += 1) await Promise.resolve();
  };
  await settle();
  const take = (): void => {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const more = bytes - taken;
    taken = bytes;
    stream?.grant(more);
  };
  return { pieces, ends, source, take, settle };
}

/** Each byte in a frame of its own, and each frame in a read of its own. */
async function sendByteByByte({ source, settle }: Relay, bytes: number): Promise<void> {
  for (let i = 0; i < bytes; i += 1) {
    source.write(Uint8Array.of(i & 255));
    if (i % 64 === 0) await settle();
  }
  await settle();
}

function bytesOf(relayed: Relay): number[] {
  return [...Buffer.concat(relayed.pieces)];
}

const COUNT = 40_000;
const SENT = Array.from({ length: COUNT }, (_, i) => i & 255);

test("bytes that come one by one to a slow consumer wait in few pieces, in order and to the end", async () => {
  const relayed = await relay(true);
  await sendByteByByte(relayed, COUNT);
  assert.ok(relayed.pieces.length <= 4, `${relayed.pieces.length} pieces wait`);
  for (let i = 0; i < 8; i += 1) relayed.take();
  assert.deepEqual(bytesOf(relayed), SENT, "what was held comes once the consumer has taken all");
  relayed.source.end();
  await relayed.settle();
  assert.deepEqual(relayed.ends.filter(Boolean), [true]);
});

test("what is held comes before what is large, and before the end", async () => {
  const relayed = await relay(true);
  await sendByteByByte(relayed, 100);
  relayed.source.write(new Uint8Array(LINK_LIMITS.chunkBytes).fill(7));
  await sendByteByByte(relayed, 3);
  relayed.source.end();
  await relayed.settle();
  const large = Array.from({ length: LINK_LIMITS.chunkBytes }, () => 7);
  assert.deepEqual(bytesOf(relayed), [...SENT.slice(0, 100), ...large, 0, 1, 2]);
  assert.deepEqual(relayed.ends.lastIndexOf(true), relayed.ends.length - 1);
});

test("the whole credit may come byte by byte, and more once it was taken", async () => {
  const relayed = await relay(true);
  const all = LINK_LIMITS.creditBytes + 1_000;
  await sendByteByByte(relayed, all);
  assert.ok(relayed.pieces.length <= LINK_LIMITS.creditBytes / (16 << 10) + 2);
  for (let i = 0; i < 40 && bytesOf(relayed).length < all; i += 1) {
    relayed.take();
    await relayed.settle();
  }
  assert.equal(bytesOf(relayed).length, all);
});

test("a consumer that keeps up is handed each piece as it comes", async () => {
  const relayed = await relay(true);
  for (let i = 0; i < 10; i += 1) {
    await sendByteByByte(relayed, 1);
    relayed.take();
  }
  assert.equal(relayed.pieces.length, 10);
});

test("a handler that does not pass bodies on is kept waiting for none (negative control)", async () => {
  const relayed = await relay(false);
  await sendByteByByte(relayed, 200);
  assert.equal(relayed.pieces.length, 200);
});

test("an answer whose body began before its head is answered all the same", async () => {
  const pipes = joinedPipes();
  const deps = { clock: systemClock(), text, scheduleFlush: queueMicrotask };
  const heard: string[] = [];
  const handler: StreamHandler = {
    passesOn: true,
    onReply: (head, body) => heard.push(`${head}:${body.join()}`),
    onBody: (body) => heard.push(body.join()),
    onWritable: () => undefined,
    onFailed: () => undefined,
  };
  new Link(
    { pipe: pipes[1], ...deps },
    {
      ...{ side: "acceptor", peer: "instance", hello: {} },
      accept: ({ stream }) => {
        for (const byte of [1, 2]) stream.write(Uint8Array.of(byte));
        stream.reply("head", Uint8Array.of(3), false);
        return { ...handler, onBody: () => undefined };
      },
    },
  );
  const caller = { side: "initiator", peer: "gateway", hello: {} } as const;
  new Link({ pipe: pipes[0], ...deps }, caller).open("x", { end: true }, handler);
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
  assert.deepEqual(heard, ["1", "2", "head:3"]);
});
