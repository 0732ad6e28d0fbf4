/** Peers that are silent, of another version, or lie. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, type PlatformError } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { FrameDecoder } from "./decoder.ts";
import { FLAG_END, FrameType, LINK_LIMITS } from "./frames.ts";
import { Link } from "./link.ts";
import { bytesOf, linkedPair, recording, settle } from "../test/linked-pair.ts";
import { joinedPipes, text } from "../test/pipes.ts";
import {
  frame,
  frameHeader,
  hello,
  helloFrame,
  openFrame,
  replyFrame,
} from "../test/raw-frames.ts";

test("a peer that never says HELLO is cut off", () => {
  const clock = new HandClock();
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

test("a peer that falls silent is cut off; one that answers pings is not", async () => {
  const clock = new HandClock();
  const alive = linkedPair({ clock, initiator: { silenceMsMax: 1_000 } });
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
  "a frame longer than the limit": [
    helloFrame(),
    frameHeader(4, { bytes: LINK_LIMITS.frameBytesMax + 1, flags: 0, stream: 1 }),
  ],
  "data for a stream never opened": [helloFrame(), frame(FrameType.DATA, { stream: 5 })],
  "a stream with an id of the other side": [helloFrame(), openFrame(2)],
  "a stream opened twice": [helloFrame(), openFrame(1), openFrame(1)],
  "a head longer than its frame": [helloFrame(), openFrame(1, { headBytes: 50 })],
  "a reply to a stream of its own": [helloFrame(), openFrame(1), replyFrame(1)],
  "body after the end": [
    helloFrame(),
    openFrame(1, { flags: FLAG_END }),
    frame(FrameType.DATA, { stream: 1, payload: bytesOf(4) }),
  ],
  "more body than its credit": [
    helloFrame(),
    openFrame(1),
    ...Array.from({ length: 5 }, () =>
      frame(FrameType.DATA, { stream: 1, payload: bytesOf(LINK_LIMITS.chunkBytes) }),
    ),
  ],
  "a malformed credit": [helloFrame(), openFrame(1), frame(FrameType.CREDIT, { stream: 1 })],
  "PARKED without PARK": [helloFrame(), frame(FrameType.PARKED)],
  "PARK with a stream open": [helloFrame(), openFrame(1), frame(FrameType.PARK)],
};

for (const [lie, frames] of Object.entries(LIES)) {
  test(`a peer that lies is cut off: ${lie}`, async () => {
    const closes = await tell(frames);
    assert.deepEqual(closes, ["LINK_PROTOCOL_VIOLATION"]);
  });
}

test("an honest peer with the same frames is not cut off (negative control)", async () => {
  const frames = [
    helloFrame(),
    openFrame(1),
    frame(FrameType.DATA, { stream: 1, flags: FLAG_END }),
  ];
  assert.deepEqual(await tell(frames), []);
});

test("a flood of PINGs from a peer that does not read is answered once", async () => {
  const [near, far] = joinedPipes();
  const link = new Link(
    { pipe: far, clock: new HandClock(), text, scheduleFlush: queueMicrotask },
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
  const honest = Buffer.concat([helloFrame(), openFrame(1), frame(FrameType.DATA, { stream: 1 })]);
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
      { pipe: far, clock: new HandClock(), text, scheduleFlush: queueMicrotask },
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
    { pipe: far, clock: new HandClock(), text, scheduleFlush: queueMicrotask },
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
