import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameDecoder } from "./decoder.ts";
import { FLAG_END, FrameType, LINK_LIMITS } from "./frames.ts";
import type { OpenedStream } from "./link.ts";
import type { LinkStream, StreamHandler } from "./stream.ts";
import { bytesOf, linkedPair, recording, settle, type Seen } from "../test/linked-pair.ts";
import { frame } from "../test/raw-frames.ts";

for (const pieceBytes of [Infinity, 1, 7, 4096]) {
  test(`head, body and end arrive whole when the pipe cuts bytes into pieces of ${pieceBytes}`, async () => {
    const { initiator, opened, accepted } = linkedPair({ pieceBytes });
    const seen = recording();
    const body = bytesOf(3_000);
    initiator.open("häd €", { body, end: true, remainingMs: 250 }, seen);
    await settle();
    assert.equal(opened[0]?.head, "häd €");
    assert.equal(opened[0]?.remainingMs, 250);
    assert.equal(opened[0]?.end, true);
    assert.deepEqual(Buffer.from(opened[0]?.body ?? []), Buffer.from(body));
    opened[0]?.stream.reply("answer", bytesOf(10), false);
    opened[0]?.stream.write(bytesOf(5));
    opened[0]?.stream.end();
    await settle();
    const [first, ...others] = seen.events;
    assert.equal(first, "reply answer 10 false");
    const pieces = others.map((event) => Number(event.split(" ")[1]));
    assert.equal(
      pieces.reduce((sum, bytes) => sum + bytes, 0),
      5,
    );
    assert.match(seen.events.at(-1) ?? "", /true$/);
    assert.equal(initiator.streams, 0);
    assert.equal(accepted.length, 1);
  });
}

test("the body of a frame that is cut is handed on uncopied, and ends with its last piece", () => {
  const body = bytesOf(3_000);
  const sent = frame(FrameType.DATA, { stream: 1, flags: FLAG_END, payload: Buffer.from(body) });
  for (const cut of [3, 12, 13, 1_500, sent.length - 1]) {
    const chunks = [sent.subarray(0, cut), sent.subarray(cut)];
    const pieces: Uint8Array[] = [];
    const ends: boolean[] = [];
    const decoder = new FrameDecoder(({ bytes, start, end, flags }) => {
      assert.ok(chunks.includes(bytes as Buffer), "it lies where it was read");
      pieces.push(bytes.subarray(start, end));
      ends.push(flags === FLAG_END);
    });
    for (const chunk of chunks) assert.equal(decoder.push(chunk), undefined);
    assert.deepEqual(Buffer.concat(pieces), Buffer.from(body));
    assert.deepEqual(ends, cut > 12 ? [false, true] : [true], `cut at ${cut}`);
  }
});

test("frames of one turn leave in one write", async () => {
  const { initiator, pipes } = linkedPair();
  await settle();
  const before = pipes[0].written.length;
  for (let i = 0; i < 64; i += 1) initiator.open("x", { end: true }, recording());
  await settle();
  assert.equal(pipes[0].written.length - before, 1);
});

test("a sender stops at the credit it was given and goes on when more is granted", async () => {
  const { initiator, opened } = linkedPair({ accept: () => recording() });
  const body = bytesOf(LINK_LIMITS.creditBytes * 3);
  const seen = recording();
  const stream = initiator.open("big", { end: false }, seen);
  assert.equal(stream.write(body), false);
  stream.end();
  await settle();
  const acceptedStream = opened[0]?.stream;
  assert.ok(acceptedStream !== undefined);
  const handler = acceptedStream.handler as Seen;
  assert.equal(handler.received().length, LINK_LIMITS.creditBytes);
  for (let i = 0; i < 8 && handler.received().length < body.length; i += 1) {
    acceptedStream.grant(LINK_LIMITS.creditBytes);
    await settle();
  }
  assert.deepEqual(Buffer.from(handler.received()), Buffer.from(body));
  assert.match(handler.events.at(-1) ?? "", /true$/);
});

test("a congested pipe holds bodies back and lets them go when it drains", async () => {
  const { initiator, pipes, accepted } = linkedPair();
  await settle();
  pipes[0].congest(true);
  const stream = initiator.open("x", { end: false }, recording());
  await settle();
  assert.equal(stream.write(bytesOf(100)), false);
  pipes[0].congest(false);
  await settle();
  assert.equal(accepted[0]?.received().length, 100);
});

test("streams that wait for the pipe send in turn, once each whatever they are given meanwhile", async () => {
  const turns: string[] = [];
  const accept = ({ head }: OpenedStream): StreamHandler => recording(() => void turns.push(head));
  const { initiator, pipes, opened } = linkedPair({ accept });
  const begin = (head: string): LinkStream => initiator.open(head, { end: false }, recording());
  const streams = ["a", "b", "c"].map(begin);
  await settle();
  pipes[0].congest(true);
  const piece = bytesOf(LINK_LIMITS.chunkBytes);
  for (const stream of streams) for (let i = 0; i < 3; i += 1) stream.write(piece);
  opened[0]?.stream.grant(LINK_LIMITS.creditBytes);
  await settle();
  for (let turn = 0; turn < 20; turn += 1) pipes[0].drain();
  assert.equal(turns.join(" "), "a a b c a b c b c", "the first went before the pipe was full");
});

test("a stream that is over leaves the line, and only it, and says nothing more", async () => {
  const { initiator, pipes, opened } = linkedPair({ accept: () => recording() });
  const seen = Array.from({ length: 5 }, () => recording());
  const [first, ours, theirs, last, idle] = seen.map((handler) =>
    initiator.open("x", { end: false }, handler),
  );
  await settle();
  pipes[0].congest(true);
  const body = bytesOf(LINK_LIMITS.chunkBytes);
  for (const stream of [first, ours, theirs, last]) stream?.write(body);
  for (const stream of [ours, theirs]) stream?.end();
  opened[2]?.stream.cancel("enough");
  for (const stream of [ours, idle]) stream?.cancel("enough");
  await settle();
  const before = pipes[0].written.length;
  for (let turn = 0; turn < 5; turn += 1) pipes[0].drain();
  await settle();
  const told: string[] = [];
  const decoder = new FrameDecoder(({ type, stream }) => told.push(`${type} ${stream}`));
  for (const bytes of pipes[0].written.slice(before)) decoder.push(bytes);
  assert.deepEqual(told, [`${FrameType.DATA} ${last?.id}`]);
  assert.deepEqual(
    seen.map(({ events }) => events),
    [[], [], ["failed LINK_STREAM_CANCELLED"], ["writable"], []],
  );
});

test("cancel ends the stream on both sides and frames still under way are skipped", async () => {
  const { initiator, accepted, opened, closes } = linkedPair();
  const seen = recording();
  const stream = initiator.open("x", { end: false }, seen);
  await settle();
  opened[0]?.stream.reply("late", bytesOf(3), true);
  stream.cancel("caller went away");
  await settle();
  assert.deepEqual(accepted[0]?.events, ["failed LINK_STREAM_CANCELLED"]);
  assert.match(accepted[0]?.error?.message ?? "", /caller went away/);
  assert.deepEqual(seen.events, []);
  assert.deepEqual(closes, []);
});

test("the end of the pipe fails every open stream exactly once", async () => {
  const { initiator, pipes, closes } = linkedPair();
  const all = Array.from({ length: 5 }, () => recording());
  for (const seen of all) initiator.open("x", { end: true }, seen);
  await settle();
  pipes[1].destroy();
  await settle();
  for (const seen of all) assert.deepEqual(seen.events, ["failed LINK_CLOSED"]);
  assert.deepEqual(closes.toSorted(), ["acceptor LINK_CLOSED", "initiator LINK_CLOSED"]);
  assert.throws(() => initiator.open("x", { end: true }, recording()), { reason: "LINK_CLOSED" });
});

test("a frame with neither bytes nor an end is nothing to whoever handles the stream", async () => {
  const { initiator, pipes, closes } = linkedPair();
  const seen = recording();
  initiator.open("load", { end: true }, seen);
  await settle();
  for (let i = 0; i < 3; i += 1) pipes[1].write(frame(FrameType.DATA, { stream: 1 }));
  assert.deepEqual(seen.events, []);
  pipes[1].write(frame(FrameType.DATA, { stream: 1, flags: FLAG_END }));
  assert.deepEqual(seen.events, ["body 0 true"]);
  assert.deepEqual(closes, []);
});

test("a handler that throws closes its own link with the cause, and nothing else", async () => {
  const { initiator, closes } = linkedPair({
    accept: () => {
      throw new TypeError("a case that was missed");
    },
  });
  const seen = recording();
  initiator.open("x", { end: true }, seen);
  await settle();
  assert.ok(closes.includes("acceptor LINK_HANDLER_FAILED"));
  assert.deepEqual(seen.events, ["failed LINK_CLOSED"]);
});
