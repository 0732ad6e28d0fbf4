import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionId, RequestId } from "@skerry/base";
import type { CallPiece } from "@skerry/contracts";
import { storeError } from "@skerry/store";
import { hasPostgres, startPostgres, until } from "@skerry/testkit";
import { redrive } from "../test/fail-some.ts";
import { World } from "../test/world.ts";

const BY = { p: "0192f0c1-0000-7000-8000-000000000001" as RequestId, d: 3 };
const RQ = { m: "POST", u: "/a", a: "h.test", h: ["x-a", "b"], c: BY };

type Keyed = CallPiece & Required<Pick<CallPiece, "ik">>;

function callOf(world: World, f: FunctionId, digest = "d"): Keyed {
  return { ...world.piece(f), src: "call", ik: { key: "k", digest }, rq: RQ };
}

test("a call is held by the gateway that asks, and its answer waited for by others", async () => {
  await using world = await World.open();
  const [gateway, other] = [await world.gateway(), await world.gateway()];
  const fn = world.function();
  const piece = callOf(world, fn);
  const { id } = piece;
  assert.deepEqual(await gateway.call(piece), { ok: true, id, held: true });
  assert.deepEqual(await gateway.call(piece), { ok: true, id, held: true }, "told again");
  assert.deepEqual(await other.call(callOf(world, fn)), { ok: true, id, held: false });
  const conflict = await other.call(callOf(world, fn, "another"));
  assert.equal(!conflict.ok && conflict.error.reason, "IDEMPOTENCY_KEY_CONFLICT");
  const answering = other.answer({ id, f: fn });
  assert.deepEqual(await gateway.settle(await gateway.holds(1), { result: "made" }), ["settled"]);
  const answer = await answering;
  assert.deepEqual([answer.state, answer.body], ["succeeded", btoa("made")]);
  assert.deepEqual([gateway.given, other.given], [[], []], "nobody was sent it");
  assert.equal((await world.balance()).difference, 0);
  const gone = await other.answer({ id, f: world.function() });
  assert.equal(gone.state, "gone", "another function has no such invocation");
});

test("a lost gateway's call is made by another as it was asked for, and ends once", async () => {
  await using world = await World.open({ holderGraceMs: 50 });
  const gateway = await world.gateway();
  const fn = world.function();
  const piece = callOf(world, fn);
  const { id } = piece;
  await gateway.call(piece);
  const other = await world.gateway();
  const answering = other.answer({ id, f: fn });
  gateway.link.close("it dies");
  const [run] = await other.holds(1);
  assert.deepEqual([run?.head.id, run?.head.n, run?.head.rq], [id, 2, RQ]);
  assert.deepEqual(await other.call(callOf(world, fn)), { ok: true, id, held: false });
  if (run !== undefined) await other.settle([run], { result: "made again" });
  assert.equal((await answering).body, btoa("made again"));
  assert.equal((await world.balance()).sums.succeeded, 1);
});

test("a game's call is found by its trigger, and not made again when its gateway is lost", async () => {
  await using world = await World.open({ holderGraceMs: 50 });
  const gateway = await world.gateway();
  const fn = world.function();
  const ac = { n: "score", d: "game", t: "arena/score:game", p: "ada", k: "sec_1" } as const;
  const piece = (): CallPiece => ({ ...world.piece(fn), src: "game", ac, rq: RQ });
  const [one, other] = [piece(), piece()];
  for (const { id } of [one, other])
    assert.deepEqual(await gateway.call({ ...piece(), id }), { ok: true, id, held: true });
  const [run] = await gateway.holds(2);
  assert.deepEqual(run && (await gateway.settle([run], { result: "7" })), ["settled"]);
  const bad = { ...piece(), ac: { ...ac, d: "nobody" } } as unknown as CallPiece;
  assert.equal((await gateway.call(bad)).ok, false, "facts that cannot be read are refused");
  const second = await world.gateway();
  const left = [one, other].find(({ id }) => id !== run?.head.id);
  assert.ok(left !== undefined);
  const answering = second.answer({ id: left.id, f: fn });
  gateway.link.close("it dies");
  const answer = await answering;
  assert.deepEqual([answer.state, answer.e?.reason], ["failed", "ATTEMPT_LOST"]);
  assert.deepEqual(second.given, []);
  const { sums, difference } = await world.balance();
  assert.deepEqual([sums.succeeded, sums.failed, difference], [1, 1, 0]);
});

test("what a gateway says it has asked for stays its own over control's restart", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const piece = callOf(world, fn);
  await gateway.call(piece);
  await world.stop();
  await world.start();
  gateway.reconnect();
  assert.deepEqual(await gateway.sayHolding(), { abandon: [] });
  assert.deepEqual(await gateway.call(piece), { ok: true, id: piece.id, held: true });
  assert.deepEqual(await gateway.settle(await gateway.holds(1)), ["settled"]);
  assert.deepEqual(gateway.given, []);
});

test("a call that is told again is held, whatever has been reached or removed since", async () => {
  await using world = await World.open({ holderGraceMs: 60_000 });
  const gateway = await world.gateway();
  const fn = world.function({ policy: { openInvocationsMax: 1 } });
  const [piece, another] = [callOf(world, fn), callOf(world, fn)];
  const held = { ok: true, id: piece.id, held: true };
  assert.deepEqual(await gateway.call(piece), held);
  const refused = await gateway.call({ ...another, ik: { ...another.ik, key: "another" } });
  assert.equal(!refused.ok && refused.error.reason, "OPEN_INVOCATIONS_LIMITED", "the control");
  assert.deepEqual(await gateway.call(piece), held, "its answer was lost");
  const other = await world.gateway();
  const joined = await other.call(callOf(world, fn));
  assert.deepEqual(joined, { ...held, held: false }, "and nothing of its key is refused");
  const conflict = await other.call(callOf(world, fn, "changed"));
  assert.equal(!conflict.ok && conflict.error.reason, "IDEMPOTENCY_KEY_CONFLICT");
  world.remove(fn);
  gateway.reconnect();
  await gateway.sayHolding();
  assert.deepEqual(await gateway.call(piece), held, "and its function removed");
  assert.deepEqual(await gateway.settle(await gateway.holds(1)), ["settled"]);
});

test("a call of which nobody knows whether it was written is told again, not refused", async () => {
  await using world = await World.open({ holderGraceMs: 60_000 });
  const gateway = await world.gateway();
  const fn = world.function();
  const piece = callOf(world, fn);
  let isLost = false;
  world.fault = async (name, pass) => {
    const done = await pass();
    if (name !== "call" || isLost) return done;
    isLost = true;
    throw storeError("STORE_OUTCOME_UNKNOWN", { engine: "SQLite", problem: "a test" });
  };
  await assert.rejects(gateway.call(piece));
  await until("its link to be closed", () => gateway.link.closed);
  gateway.reconnect();
  const named = await gateway.ask("holding", [{ id: piece.id, n: 1 }]);
  assert.deepEqual(named, { abandon: [] }, "it was written");
  assert.deepEqual(await gateway.call(piece), { ok: true, id: piece.id, held: true });
  assert.deepEqual(await gateway.settle(await gateway.holds(1)), ["settled"]);
});

test("what is written for a gateway that was lost meanwhile is made by another", async () => {
  await using world = await World.open({ holderGraceMs: 1 });
  const [gateway, other] = [await world.gateway(), await world.gateway()];
  const slow = Promise.withResolvers<void>();
  world.configRead = slow.promise;
  const fn = world.function();
  const piece = callOf(world, fn);
  const calling = gateway.call(piece).catch(() => undefined);
  await gateway.ask("progress", [{ id: piece.id, n: 1, at: 0 }]);
  gateway.link.close("it dies");
  await calling;
  for (let turn = 0; turn < 20; turn += 1) await other.sayHolding();
  slow.resolve();
  const [run] = await other.holds(1);
  assert.deepEqual([run?.head.id, run?.head.n], [piece.id, 2]);
});

test("what a call failed with is not redriven unless it is named", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  await gateway.call(callOf(world, fn));
  await gateway.settle(await gateway.holds(1), { outcome: "function_error" });
  const all = await redrive(world);
  assert.deepEqual([all.redriven, all.skipped], [0, 0]);
  const named = await redrive(world, { source: "call" });
  assert.equal(named.redriven, 1);
  const [run] = await gateway.holds(1);
  assert.deepEqual([run?.head.src, run?.head.rq], ["redrive", RQ]);
});

test("a function says how long its keys stand", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { idempotencyMs: 1_000 } });
  const [first, second] = [callOf(world, fn), callOf(world, fn)];
  await gateway.call(first);
  await gateway.settle(await gateway.holds(1));
  const early = await gateway.call({ ...second, at: first.at + 500 });
  assert.deepEqual(early, { ok: true, id: first.id, held: false });
  const late = await gateway.call({ ...second, at: first.at + 1_000 });
  assert.deepEqual(late, { ok: true, id: second.id, held: true });
});

test("a key may say itself how long it stands, whatever its function says", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { idempotencyMs: 1_000 } });
  const [first, second] = [callOf(world, fn), callOf(world, fn)];
  const said = { ik: { ...first.ik, ms: 5_000 } };
  await gateway.call({ ...first, ...said });
  await gateway.settle(await gateway.holds(1));
  const early = await gateway.call({ ...second, ...said, at: first.at + 4_999 });
  assert.deepEqual(early, { ok: true, id: first.id, held: false });
  const late = await gateway.call({ ...second, ...said, at: first.at + 5_000 });
  assert.deepEqual(late, { ok: true, id: second.id, held: true });
});

test(
  "a call at one platform is answered to callers of another on the same database",
  { skip: hasPostgres() ? false : "PostgreSQL is absent" },
  async (t) => {
    const server = await startPostgres();
    t.after(() => server.stop());
    const shared = { url: server.url, looksEveryMs: 50 };
    await using one = await World.open({}, shared);
    await using two = await World.open({}, { ...shared, accountId: one.accountId });
    const fn = one.function();
    two.configure(fn, {});
    const [gateway, other] = [await one.gateway(), await two.gateway()];
    const piece = callOf(one, fn);
    await gateway.call(piece);
    const known = await other.call(callOf(two, fn));
    assert.deepEqual(known, { ok: true, id: piece.id, held: false });
    const answering = other.answer({ id: piece.id, f: fn });
    await gateway.settle(await gateway.holds(1), { result: "made" });
    assert.equal((await answering).body, btoa("made"));
    await until("its books", async () => (await one.balance()).difference === 0);
  },
);
