/** What becomes of calls that no key names, and of those that join one with less time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallPiece } from "@skerry/contracts";
import { answerLedger, type LedgerTold } from "@skerry/testkit";
import { World } from "../test/world.ts";
import { KeyedCalls, type CallAnswer, type CallListener } from "./keyed-calls.ts";

const WAIT_MS = 5_000;
const PASSED: CallAnswer = { kind: "passed" };

/** One that waits for its turn until the test ends it. */
function waiting(world: World, src: CallPiece["src"]) {
  const { client, clock } = world;
  const calls = new KeyedCalls({ client, clock, writeWaitMs: WAIT_MS });
  const made: CallListener[] = [];
  let isCancelled = false;
  const rq = { m: "EVENT", u: "/", a: "h.test", h: [] };
  const id = world.ids.requestId();
  const answered = calls.call({
    piece: { id, f: world.fn(), src, at: clock.wallMs(), rq },
    ...{ body: Buffer.from("{}"), waitMs: WAIT_MS, release: () => undefined },
    begin: (told) => {
      made.push(told);
      const cancel = (): void => void (isCancelled = true);
      return { hasBegun: false, stop: () => undefined, cancel };
    },
  });
  const end = (): void => made[0]?.ended({ outcome: "ok" }, PASSED);
  return { id, answered, end, isGivenUp: () => isCancelled };
}

test("a game's call that waits as a drain begins is made here, since nobody else would", async () => {
  const world = new World();
  world.control.onAnswer = (told) => answerLedger(told, { state: "succeeded", body: btoa("made") });
  await world.connect();
  const [game, other] = [waiting(world, "game"), waiting(world, "call")];
  await world.settled();
  const draining = world.client.drain({ deadlineMs: 10_000 });
  await world.settled();
  const ends = () => world.control.ends.map(({ id, o }) => [id, o]);
  assert.deepEqual(ends(), [[other.id, "cancelled"]], "the control: others are given back");
  assert.deepEqual([game.isGivenUp(), other.isGivenUp()], [false, true]);
  game.end();
  await world.settled();
  await draining;
  assert.deepEqual(ends()[1], [game.id, "ok"]);
  assert.equal((await game.answered).answer, PASSED);
  assert.equal((await other.answered).answer.kind, "whole", "another has made it");
});

test("a call that control has ended as lost is answered so, and is nobody else's answer", async () => {
  const world = new World();
  const lost = { code: "UNAVAILABLE", reason: "ATTEMPT_LOST", message: "m", hint: "h" };
  world.control.onCall = (told) => {
    const [piece] = told.pieces;
    answerLedger(told, [{ ok: true, id: piece?.head.id, held: false }]);
  };
  world.control.onAnswer = (told) =>
    answerLedger(told, { state: "failed", e: { ...lost, retryable: false } });
  await world.connect();
  const game = waiting(world, "game");
  await world.settled();
  const { id, answer, isReplay } = await game.answered;
  assert.deepEqual([id, isReplay], [game.id, false]);
  assert.equal(answer.kind === "failure" && answer.error.reason, "ATTEMPT_LOST");
});

test("whoever joined a call that had less time waits for its own", async () => {
  const world = new World();
  const { client, clock } = world;
  const id = world.ids.requestId();
  let asked: LedgerTold<unknown> | undefined;
  world.control.onCall = (told) => answerLedger(told, [{ ok: true, id, held: false }]);
  world.control.onAnswer = (told) => void (asked = told);
  await world.connect();
  const calls = new KeyedCalls({ client, clock, writeWaitMs: WAIT_MS });
  const f = world.fn();
  const rq = { m: "EVENT", u: "/", a: "h.test", h: [] };
  const callFor = (waitMs: number) => {
    const named = { id: world.ids.requestId(), f, ik: { key: "k", digest: "d" } };
    return calls.call({
      piece: { ...named, src: "call", at: clock.wallMs(), rq },
      ...{ body: Buffer.from("{}"), waitMs, begin: () => undefined, release: () => undefined },
    });
  };
  const refused = assert.rejects(callFor(100), { reason: "CALL_UNDER_WAY" });
  const joined = callFor(60_000);
  await world.settled();
  assert.equal(world.control.calls.length, 1, "it has joined");
  const brief = assert.rejects(callFor(50), ({ message }: Error) => message.includes(id));
  await world.settled();
  clock.advance(50);
  await brief;
  clock.advance(50);
  await world.settled();
  clock.advance(5_000);
  await refused;
  await world.settled();
  assert.equal(world.control.calls.length, 2);
  if (asked !== undefined) answerLedger(asked, { state: "succeeded", body: btoa("made") });
  await world.settled();
  const { answer, isReplay, ...told } = await joined;
  assert.deepEqual([told.id, isReplay, answer.kind], [id, true, "whole"]);
});
