import assert from "node:assert/strict";
import { ASYNC_POLICY } from "@skerry/contracts";
import { ids, onBothStores, type LedgerCases, type LedgerWorld } from "../../test/ledger-world.ts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";
import type { NewInvocation } from "./accept.ts";

const POLICY = { ...ASYNC_POLICY, attempts: 5 };
const ENDED = { startedMs: 1, endedMs: 2 };

function keyed(
  world: LedgerWorld,
  functionId: NewInvocation["functionId"],
  more: { readonly digest?: string; readonly key?: string } = {},
): NewInvocation {
  const { digest = "d", key = "k" } = more;
  const idempotency = { key, digest, expiresMs: world.nowMs + 1_000 };
  return world.invocation(functionId, { source: "call", idempotency });
}

async function call(world: LedgerWorld, item: NewInvocation, holder = "one") {
  const args = { items: [{ item, holder }], nowMs: world.nowMs, slot: 0 };
  const [called] = await world.store.call(LEDGER, "call", args);
  assert.ok(called !== undefined);
  return called;
}

function first(id: NewInvocation["id"]) {
  return [{ id, attempt: 1 }];
}

function answer(world: LedgerWorld, { id, functionId }: NewInvocation) {
  return world.store.call(LEDGER, "readAnswer", { id, functionId });
}

const CASES: LedgerCases = {
  "a call is its caller's gateway's to make, and nobody else's": async (world) => {
    const fn = world.function();
    const item = keyed(world, fn);
    assert.deepEqual(await call(world, item), { kind: "held", id: item.id, isNew: true });
    assert.deepEqual((await world.claim(fn)).runs, []);
    assert.equal((await answer(world, item))?.state, "running");
    const twice = { kind: "held", id: item.id, isNew: false };
    assert.deepEqual(await call(world, item), twice, "told twice");
    assert.deepEqual(await call(world, item, "two"), { kind: "known", id: item.id });
    assert.equal((await world.balance()).difference, 0);
    const plain = world.invocation(fn);
    await world.accept(plain);
    const { runs } = await world.claim(fn);
    assert.deepEqual(
      runs.map(({ id }) => id),
      [plain.id],
      "the control: what waits is claimed",
    );
  },
  "the same key names the same call, over its end; another payload is refused": async (world) => {
    const fn = world.function();
    const [item, again, other] = [keyed(world, fn), keyed(world, fn), keyed(world, fn)];
    const another = { ...other, idempotency: { key: "k", digest: "e", expiresMs: 9e12 } };
    await call(world, item);
    const known = { kind: "known", id: item.id };
    assert.deepEqual(await call(world, again, "two"), known);
    assert.deepEqual(await call(world, another), { kind: "conflict", id: item.id });
    const end = { status: 201, headers: ["x-a", "b"], result: Buffer.from("made") };
    await world.settle(first(item.id), "ok", { end: { ...end, resultType: "text/plain" } });
    assert.deepEqual(await call(world, again), known);
    assert.deepEqual(await call(world, another), { kind: "conflict", id: item.id });
    const kept = await answer(world, item);
    assert.deepEqual(
      [kept?.state, kept?.status, kept?.headers, kept?.resultCut],
      ["succeeded", 201, ["x-a", "b"], false],
    );
    assert.deepEqual(Buffer.from(kept?.result ?? []).toString(), "made");
    world.nowMs += 1_000;
    const fresh = { ...again, id: ids.requestId(), acceptedMs: world.nowMs };
    assert.equal((await call(world, fresh)).kind, "held", "its window is over");
    assert.equal((await call(world, keyed(world, world.function()))).kind, "held");
    assert.equal((await world.balance()).difference, 0);
  },
  "a key of an accepted invocation and one of a call are the same": async (world) => {
    const fn = world.function();
    const accepted = keyed(world, fn);
    await world.accept(accepted);
    assert.deepEqual(await call(world, keyed(world, fn)), { kind: "known", id: accepted.id });
    const item = keyed(world, fn, { key: "other" });
    await call(world, item);
    const [repeated] = await world.accept(keyed(world, fn, { key: "other" }));
    assert.deepEqual(repeated, { kind: "repeated", id: item.id });
  },
  "a call whose gateway is lost is made again by another, and ends once": async (world) => {
    const fn = world.function();
    const item = keyed(world, fn);
    await call(world, item);
    await world.release("one", null);
    assert.deepEqual(await call(world, item), { kind: "known", id: item.id });
    const end = { status: 200, headers: [], result: Buffer.from("late") };
    const [stale] = await world.settle(first(item.id), "ok", { end });
    assert.equal(stale?.kind, "stale");
    world.nowMs += 60_000;
    const { runs } = await world.claim(fn, { holder: "two" });
    assert.deepEqual(
      runs.map(({ id, attempt }) => [id, attempt]),
      [[item.id, 2]],
    );
    await world.settle(runs, "ok", { holder: "two", end });
    assert.equal((await answer(world, item))?.state, "succeeded");
    assert.equal((await world.balance()).difference, 0);
  },
  "what a call's function failed with is its answer: it is not tried again": async (world) => {
    const fn = world.function();
    const item = keyed(world, fn);
    await call(world, item);
    const error = { code: "UNKNOWN", reason: "FUNCTION_FAILED", message: "m", hint: "h" } as const;
    const end = { error: { ...error, retryable: false }, status: 500 };
    const [ended] = await world.settle(first(item.id), "function_error", { end, policy: POLICY });
    assert.equal(ended?.kind, "settled");
    const kept = await answer(world, item);
    assert.deepEqual([kept?.state, kept?.error?.reason], ["failed", "FUNCTION_FAILED"]);
    const plain = world.invocation(fn);
    await world.accept(plain);
    const { runs } = await world.claim(fn);
    const [retried] = await world.settle(runs, "function_error", { policy: POLICY });
    assert.equal(retried?.kind, "retry", "the control: what was accepted to run later is");
  },
  "a call that never began frees its key": async (world) => {
    const fn = world.function();
    const [item, next] = [keyed(world, fn), keyed(world, fn, { digest: "other" })];
    await call(world, item);
    const end = { ...ENDED, withdrawn: true };
    await world.settle(first(item.id), "throttled", { end });
    assert.equal((await answer(world, item))?.state, "cancelled");
    assert.deepEqual(await call(world, next), { kind: "held", id: next.id, isNew: true });
    await world.settle(first(next.id), "throttled", { end: ENDED });
    assert.equal((await call(world, keyed(world, fn, { digest: "other" }))).kind, "known");
    assert.equal((await world.balance()).difference, 0);
  },
  "a game's call is made once, whoever is lost: it ends, and nobody makes it again": async (
    world,
  ) => {
    const fn = world.function();
    const game = () => world.invocation(fn, { source: "game", sourceId: "arena/score:game" });
    const [lost, given, thrown, done] = [game(), game(), game(), game()];
    for (const item of [lost, given, thrown, done]) {
      const held = { kind: "held", id: item.id, isNew: true };
      assert.deepEqual(await call(world, item), held);
    }
    await world.settle(first(given.id), "cancelled", { policy: POLICY });
    await world.settle(first(thrown.id), "function_error", { policy: POLICY });
    const onSuccess = { kind: "webhook", target: "https://a.test/", maxAgeMs: 1_000 } as const;
    await world.settle(first(done.id), "ok", { destinations: { [fn]: { onSuccess } } });
    await world.release("one", null);
    const ends = [];
    for (const item of [lost, given, thrown, done]) ends.push(await answer(world, item));
    assert.deepEqual(
      ends.map((end) => end?.state),
      ["failed", "failed", "failed", "succeeded"],
    );
    const reasons = ends.map((end) => end?.error?.reason);
    assert.deepEqual(reasons.slice(0, 2), ["ATTEMPT_LOST", "ATTEMPT_LOST"]);
    world.nowMs += 60_000;
    assert.deepEqual((await world.claim(fn)).runs, []);
    assert.equal((await world.settle(first(lost.id), "ok"))[0]?.kind, "stale");
    const { difference, sums } = await world.balance();
    assert.deepEqual([difference, sums.accepted, sums.owed], [0, 4, 0]);
  },
  "nobody but its caller is told of a call's end": async (world) => {
    const fn = world.function();
    const item = keyed(world, fn);
    await call(world, item);
    const onSuccess = { kind: "webhook", target: "https://a.test/", maxAgeMs: 1_000 } as const;
    const told = { destinations: { [fn]: { onSuccess } } };
    await world.settle(first(item.id), "ok", told);
    assert.equal((await world.balance()).sums.owed, 0);
    const plain = world.invocation(fn);
    await world.accept(plain);
    await world.settle((await world.claim(fn)).runs, "ok", told);
    assert.equal((await world.balance()).sums.owed, 1, "the control");
  },
};

onBothStores("calls with a key", CASES);
