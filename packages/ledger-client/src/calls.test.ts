import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallPiece } from "@skerry/contracts";
import { answerLedger } from "@skerry/testkit";
import { World } from "../test/world.ts";

const WAIT_MS = 5_000;

function pieceOf(world: World): CallPiece {
  const at = world.clock.wallMs();
  const ik = { key: "k", digest: "d" };
  const rq = { m: "GET", u: "/", a: "h.test", h: [] };
  return { id: world.ids.requestId(), f: world.fn(), src: "call", at, ik, rq };
}

test("a call whose time is over on a new link, before it could be told again, is let go of", async () => {
  const world = new World({ acceptWaitMs: WAIT_MS });
  world.control.onCall = () => undefined;
  await world.connect();
  const piece = pieceOf(world);
  const reason = world.client.call(piece, Buffer.from("{}")).catch((error: unknown) => error);
  await world.settled();
  assert.equal(world.control.calls.length, 1, "it is written, and its answer is lost");
  world.cut();
  await world.settled();
  const unanswered: (() => void)[] = [];
  world.control.onHolding = (asked) =>
    void unanswered.push(() => answerLedger(asked, { abandon: [] }));
  await world.connect();
  const named = world.control.holdings.at(-1)?.pieces.map(({ head }) => head.id);
  assert.deepEqual(named, [piece.id], "it stays this gateway's");
  world.clock.advance(WAIT_MS);
  assert.equal(((await reason) as { reason: string }).reason, "LEDGER_UNCONFIRMED");
  for (const answer of unanswered) answer();
  await world.settled();
  const ends = world.control.settles.flatMap(({ pieces }) => pieces.map(({ head }) => head));
  assert.deepEqual(
    ends.map(({ id, n, w }) => [id, n, w]),
    [[piece.id, 1, true]],
  );
  await world.settled();
  assert.equal(world.client.held, 0);
});
