import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, type Cancel, type Clock, type PlatformError } from "@skerry/base";
import { FrameDecoder } from "./decoder.ts";
import { FLAG_END, FrameType, LINK_LIMITS, writeU32 } from "./frames.ts";
import { Link, type LinkOptions, type OpenedStream } from "./link.ts";
import type { LinkStream, StreamHandler } from "./stream.ts";
import { joinedPipes, text, type MemoryPipe } from "../test/pipes.ts";

/** A clock that only moves when told to. */
function handClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  const timers: { at: number; run: () => void }[] = [];
  return {
    monotonicMs: () => now,
    wallMs: () => now,
    schedule(delayMs, run): Cancel {
      const timer = { at: now + delayMs, run };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
    advance(ms) {
      now += ms;
      for (const timer of timers.filter(({ at }) => at <= now)) {
        timers.splice(timers.indexOf(timer), 1);
        timer.run();
      }
    },
  };
}

interface Seen extends StreamHandler {
  readonly events: string[];
  readonly received: () => Uint8Array;
  error?: PlatformError;
}

function recording(onPart?: (bytes: number) => void): Seen {
  const events: string[] = [];
  const parts: Uint8Array[] = [];
  const seen: Seen = {
    events,
    received: () => Buffer.concat(parts),
    onReply(head, body, end) {
      events.push(`reply ${head} ${body.length} ${end}`);
      parts.push(body.slice());
      onPart?.(body.length);
    },
    onBody(chunk, end) {
      events.push(`body ${chunk.length} ${end}`);
      parts.push(chunk.slice());
      onPart?.(chunk.length);
    },
    onWritable: () => events.push("writable"),
    onFailed(error) {
      events.push(`failed ${error.reason}`);
      seen.error = error;
    },
  };
  return seen;
}

interface Pair {
  readonly initiator: Link;
  readonly acceptor: Link;
  readonly pipes: [MemoryPipe, MemoryPipe];
  readonly opened: OpenedStream[];
  readonly accepted: Seen[];
  readonly closes: string[];
}

function pair(
  options: {
    readonly clock?: Clock;
    readonly pieceBytes?: number;
    readonly accept?: (opened: OpenedStream) => StreamHandler;
    readonly initiator?: Partial<LinkOptions>;
    readonly acceptor?: Partial<LinkOptions>;
  } = {},
): Pair {
  const clock = options.clock ?? systemClock();
  const pipes = joinedPipes(options.pieceBytes);
  const opened: OpenedStream[] = [];
  const accepted: Seen[] = [];
  const closes: string[] = [];
  const scheduleFlush = (flush: () => void): void => queueMicrotask(flush);
  const accept = (stream: OpenedStream): StreamHandler => {
    opened.push({ ...stream, body: stream.body.slice() });
    const handler = options.accept?.(stream) ?? recording();
    accepted.push(handler as Seen);
    return handler;
  };
  const acceptor = new Link(
    { pipe: pipes[1], clock, text, scheduleFlush },
    {
      side: "acceptor",
      peer: "initiator",
      hello: { role: "instance" },
      accept,
      onClosed: (error) => closes.push(`acceptor ${error.reason}`),
      ...options.acceptor,
    },
  );
  const initiator = new Link(
    { pipe: pipes[0], clock, text, scheduleFlush },
    {
      side: "initiator",
      peer: "instance",
      hello: { role: "gateway" },
      onClosed: (error) => closes.push(`initiator ${error.reason}`),
      ...options.initiator,
    },
  );
  return { initiator, acceptor, pipes, opened, accepted, closes };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
}

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

for (const pieceBytes of [Infinity, 1, 7, 4096]) {
  test(`head, body and end arrive whole when the pipe cuts bytes into pieces of ${pieceBytes}`, async () => {
    const { initiator, opened, accepted } = pair({ pieceBytes });
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
  const { initiator, pipes } = pair();
  await settle();
  const before = pipes[0].written.length;
  for (let i = 0; i < 64; i += 1) initiator.open("x", { end: true }, recording());
  await settle();
  assert.equal(pipes[0].written.length - before, 1);
});

test("a sender stops at the credit it was given and goes on when more is granted", async () => {
  const { initiator, opened } = pair({ accept: () => recording() });
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
  const { initiator, pipes, accepted } = pair();
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
  const { initiator, pipes, opened } = pair({ accept });
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
  const { initiator, pipes, opened } = pair({ accept: () => recording() });
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
  const { initiator, accepted, opened, closes } = pair();
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
  const { initiator, pipes, closes } = pair();
  const all = Array.from({ length: 5 }, () => recording());
  for (const seen of all) initiator.open("x", { end: true }, seen);
  await settle();
  pipes[1].destroy();
  await settle();
  for (const seen of all) assert.deepEqual(seen.events, ["failed LINK_CLOSED"]);
  assert.deepEqual(closes.toSorted(), ["acceptor LINK_CLOSED", "initiator LINK_CLOSED"]);
  assert.throws(() => initiator.open("x", { end: true }, recording()), { reason: "LINK_CLOSED" });
});

test("a parked acceptor keeps silent until a new initiator says HELLO on the same pipe", async () => {
  const clock = systemClock();
  const [near, far] = joinedPipes();
  const opened: OpenedStream[] = [];
  const scheduleFlush = (flush: () => void): void => queueMicrotask(flush);
  const acceptor = new Link(
    { pipe: far, clock, text, scheduleFlush },
    {
      side: "acceptor",
      peer: "initiator",
      hello: {},
      accept: (stream) => {
        opened.push(stream);
        return recording();
      },
    },
  );
  const take = (): Link =>
    new Link(
      { pipe: near, clock, text, scheduleFlush },
      { side: "initiator", peer: "instance", hello: {} },
    );
  const first = take();
  first.open("one", { end: true }, recording());
  await settle();
  opened[0]?.stream.reply("ok", undefined, true);
  await settle();
  await first.park();
  const silentSince = far.written.length;
  acceptor.note("kept back");
  await settle();
  assert.equal(far.written.length, silentSince);
  const notes: string[] = [];
  const second = new Link(
    { pipe: near, clock, text, scheduleFlush },
    { side: "initiator", peer: "instance", hello: {}, onNote: (note) => notes.push(note) },
  );
  const seen = recording();
  second.open("two", { end: true }, seen);
  await settle();
  assert.equal(opened[1]?.head, "two");
  opened[1]?.stream.reply("again", undefined, true);
  await settle();
  assert.deepEqual(seen.events, ["reply again 0 true"]);
  assert.deepEqual(notes, ["kept back"]);
});

test("a last word parks an acceptor that has nothing to say, until a new HELLO", async () => {
  const words: string[] = [];
  const { initiator, acceptor, pipes, closes } = pair({
    acceptor: { onLastWord: (word) => words.push(word) },
  });
  await settle();
  const silentSince = pipes[1].written.length;
  initiator.leave("load");
  assert.throws(() => initiator.open("x", { end: true }, recording()), { reason: "LINK_CLOSED" });
  assert.throws(() => initiator.leave("again"), { reason: "LINK_CLOSED" });
  await settle();
  assert.deepEqual(words, ["load"]);
  assert.equal(acceptor.parked, true);
  acceptor.note("kept back");
  await settle();
  assert.equal(pipes[1].written.length, silentSince);
  assert.deepEqual(closes, []);
});

test("a last word for an acceptor that takes none breaks the rules, as does a second one", async () => {
  const mute = pair();
  mute.initiator.leave("load");
  await settle();
  assert.deepEqual(mute.closes, ["acceptor LINK_PROTOCOL_VIOLATION"]);

  const words: string[] = [];
  const twice = pair({ acceptor: { onLastWord: (word) => words.push(word) } });
  twice.initiator.leave("load");
  await settle();
  twice.pipes[0].write(frame(FrameType.PARK));
  await settle();
  assert.deepEqual(words, ["load"]);
  assert.deepEqual(twice.closes, ["acceptor LINK_PROTOCOL_VIOLATION"]);
});

test("a PARKED that nobody waits for breaks the rules", async () => {
  const { pipes, closes } = pair();
  await settle();
  pipes[1].write(frame(FrameType.PARKED));
  await settle();
  assert.ok(closes.includes("initiator LINK_PROTOCOL_VIOLATION"));
});

test("a peer that never says HELLO is cut off", () => {
  const clock = handClock();
  const [near] = joinedPipes();
  const closes: string[] = [];
  new Link(
    { pipe: near, clock, text, scheduleFlush: queueMicrotask },
    { side: "initiator", peer: "instance", hello: {}, onClosed: (e) => closes.push(e.reason) },
  );
  clock.advance(LINK_LIMITS.helloTimeoutMs - 1);
  assert.deepEqual(closes, []);
  clock.advance(1);
  assert.deepEqual(closes, ["LINK_PROTOCOL_VIOLATION"]);
  assert.equal(near.destroyed, true);
});

test("a frame with neither bytes nor an end is nothing to whoever handles the stream", async () => {
  const { initiator, pipes, closes } = pair();
  const seen = recording();
  initiator.open("load", { end: true }, seen);
  await settle();
  for (let i = 0; i < 3; i += 1) pipes[1].write(frame(FrameType.DATA, { stream: 1 }));
  assert.deepEqual(seen.events, []);
  pipes[1].write(frame(FrameType.DATA, { stream: 1, flags: FLAG_END }));
  assert.deepEqual(seen.events, ["body 0 true"]);
  assert.deepEqual(closes, []);
});

test("a peer that falls silent is cut off; one that answers pings is not", async () => {
  const clock = handClock();
  const alive = pair({ clock, initiator: { silenceMsMax: 1_000 } });
  await settle();
  for (let i = 0; i < 10; i += 1) {
    clock.advance(500);
    await settle();
  }
  assert.equal(alive.closes.length, 0);
  alive.pipes[1].congest(true);
  for (let i = 0; i < 4; i += 1) {
    clock.advance(500);
    await settle();
  }
  assert.ok(alive.closes.includes("initiator LINK_PEER_SILENT"));
});

test("a peer of another version is refused and told which versions are spoken", async () => {
  const [near, far] = joinedPipes();
  const closes: PlatformError[] = [];
  new Link(
    { pipe: far, clock: systemClock(), text, scheduleFlush: queueMicrotask },
    { side: "acceptor", peer: "gateway", hello: {}, onClosed: (error) => closes.push(error) },
  );
  near.start({ onBytes: () => undefined, onDrain: () => undefined, onClosed: () => undefined });
  near.write(frame(FrameType.HELLO, { payload: hello(7, 9) }));
  await settle();
  assert.equal(closes[0]?.reason, "LINK_VERSION_MISMATCH");
  assert.match(closes[0]?.message ?? "", /7–9/);
});

const LIES: Readonly<Record<string, readonly Uint8Array[]>> = {
  "a frame before HELLO": [frame(FrameType.PING)],
  "a HELLO that is not JSON": [frame(FrameType.HELLO, { payload: Buffer.from("{") })],
  "a second HELLO": [helloFrame(), helloFrame()],
  "an unknown type": [helloFrame(), frame(99)],
  "a frame longer than the limit": [helloFrame(), header(LINK_LIMITS.frameBytesMax + 1, 4, 0, 1)],
  "data for a stream never opened": [helloFrame(), frame(FrameType.DATA, { stream: 5 })],
  "a stream with an id of the other side": [helloFrame(), open(2)],
  "a stream opened twice": [helloFrame(), open(1), open(1)],
  "a head longer than its frame": [helloFrame(), open(1, { headBytes: 50 })],
  "a reply to a stream of its own": [helloFrame(), open(1), reply(1)],
  "body after the end": [
    helloFrame(),
    open(1, { flags: FLAG_END }),
    frame(FrameType.DATA, { stream: 1, payload: bytesOf(4) }),
  ],
  "more body than its credit": [
    helloFrame(),
    open(1),
    ...Array.from({ length: 5 }, () =>
      frame(FrameType.DATA, { stream: 1, payload: bytesOf(LINK_LIMITS.chunkBytes) }),
    ),
  ],
  "a malformed credit": [helloFrame(), open(1), frame(FrameType.CREDIT, { stream: 1 })],
  "PARKED without PARK": [helloFrame(), frame(FrameType.PARKED)],
  "PARK with a stream open": [helloFrame(), open(1), frame(FrameType.PARK)],
};

for (const [lie, frames] of Object.entries(LIES)) {
  test(`a peer that lies is cut off: ${lie}`, async () => {
    const closes = await tell(frames);
    assert.deepEqual(closes, ["LINK_PROTOCOL_VIOLATION"]);
  });
}

test("an honest peer with the same frames is not cut off (negative control)", async () => {
  const frames = [helloFrame(), open(1), frame(FrameType.DATA, { stream: 1, flags: FLAG_END })];
  assert.deepEqual(await tell(frames), []);
});

test("a handler that throws closes its own link with the cause, and nothing else", async () => {
  const { initiator, closes } = pair({
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

test("a flood of PINGs from a peer that does not read is answered once", async () => {
  const [near, far] = joinedPipes();
  const link = new Link(
    { pipe: far, clock: handClock(), text, scheduleFlush: queueMicrotask },
    { side: "acceptor", peer: "instance", hello: {} },
  );
  near.start({ onBytes: () => undefined, onDrain: () => undefined, onClosed: () => undefined });
  near.write(helloFrame());
  await settle();
  far.congest(true);
  near.write(frame(FrameType.PING));
  await settle();
  const before = far.written.length;
  for (let i = 0; i < 10_000; i += 1) near.write(frame(FrameType.PING));
  await settle();
  assert.equal(far.written.length, before);
  far.congest(false);
  await settle();
  assert.equal(far.written.length, before + 1);
  assert.equal(link.closed, false);
});

test("random and mutated bytes never throw, never grow memory, and end in a cut or in silence", () => {
  let seed = 12_345;
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed / 2 ** 32;
  };
  const honest = Buffer.concat([helloFrame(), open(1), frame(FrameType.DATA, { stream: 1 })]);
  for (let round = 0; round < 6_000; round += 1) {
    const bytes = round % 2 === 0 ? Buffer.from(honest) : Buffer.alloc(Math.floor(random() * 200));
    const flips = 1 + Math.floor(random() * 8);
    for (let i = 0; i < flips && bytes.length > 0; i += 1) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    let frames = 0;
    const decoder = new FrameDecoder((found) => {
      frames += 1;
      assert.ok(found.end - found.start <= LINK_LIMITS.frameBytesMax);
    });
    let at = 0;
    while (at < bytes.length) {
      const next = at + 1 + Math.floor(random() * 40);
      if (decoder.push(bytes.subarray(at, next)) !== undefined) break;
      at = next;
    }
    assert.ok(frames <= bytes.length / 12);
    const [near, far] = joinedPipes();
    new Link(
      { pipe: far, clock: handClock(), text, scheduleFlush: queueMicrotask },
      { side: "acceptor", peer: "gateway", hello: {}, accept: () => recording() },
    );
    near.start({ onBytes: () => undefined, onDrain: () => undefined, onClosed: () => undefined });
    near.write(bytes);
  }
});

async function tell(frames: readonly Uint8Array[]): Promise<string[]> {
  const [near, far] = joinedPipes();
  const closes: string[] = [];
  new Link(
    { pipe: far, clock: handClock(), text, scheduleFlush: queueMicrotask },
    {
      side: "acceptor",
      peer: "gateway",
      hello: {},
      accept: () => recording(),
      onClosed: (error) => closes.push(error.reason),
    },
  );
  near.start({ onBytes: () => undefined, onDrain: () => undefined, onClosed: () => undefined });
  for (const bytes of frames) near.write(bytes);
  await settle();
  return closes;
}

function header(bytes: number, type: number, flags: number, stream: number): Uint8Array {
  const out = new Uint8Array(12);
  writeU32(out, 0, bytes);
  out[4] = type;
  out[5] = flags;
  writeU32(out, 8, stream);
  return out;
}

function frame(
  type: number,
  parts: { readonly flags?: number; readonly stream?: number; readonly payload?: Uint8Array } = {},
): Buffer {
  const { flags = 0, stream = 0, payload = new Uint8Array(0) } = parts;
  return Buffer.concat([header(payload.length, type, flags, stream), payload]);
}

function hello(min: number, max: number): Buffer {
  return Buffer.from(JSON.stringify({ linkVersionMin: min, linkVersionMax: max }));
}

function helloFrame(): Buffer {
  return frame(FrameType.HELLO, { payload: hello(1, 1) });
}

function open(
  id: number,
  parts: { readonly flags?: number; readonly headBytes?: number } = {},
): Buffer {
  const payload = new Uint8Array(9);
  writeU32(payload, 4, parts.headBytes ?? 1);
  payload[8] = 120;
  return frame(FrameType.OPEN, { flags: parts.flags ?? 0, stream: id, payload });
}

function reply(id: number): Buffer {
  return frame(FrameType.REPLY, { stream: id, payload: new Uint8Array(4) });
}
