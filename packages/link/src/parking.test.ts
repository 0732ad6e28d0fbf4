/** An initiator leaves a link, and another one takes it up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@skerry/base";
import { FrameType } from "./frames.ts";
import { Link, type OpenedStream } from "./link.ts";
import { linkedPair, recording, settle } from "../test/linked-pair.ts";
import { joinedPipes, text } from "../test/pipes.ts";
import { frame } from "../test/raw-frames.ts";

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
  const { initiator, acceptor, pipes, closes } = linkedPair({
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
  const mute = linkedPair();
  mute.initiator.leave("load");
  await settle();
  assert.deepEqual(mute.closes, ["acceptor LINK_PROTOCOL_VIOLATION"]);

  const words: string[] = [];
  const twice = linkedPair({ acceptor: { onLastWord: (word) => words.push(word) } });
  twice.initiator.leave("load");
  await settle();
  twice.pipes[0].write(frame(FrameType.PARK));
  await settle();
  assert.deepEqual(words, ["load"]);
  assert.deepEqual(twice.closes, ["acceptor LINK_PROTOCOL_VIOLATION"]);
});

test("a PARKED that nobody waits for breaks the rules", async () => {
  const { pipes, closes } = linkedPair();
  await settle();
  pipes[1].write(frame(FrameType.PARKED));
  await settle();
  assert.ok(closes.includes("initiator LINK_PROTOCOL_VIOLATION"));
});
