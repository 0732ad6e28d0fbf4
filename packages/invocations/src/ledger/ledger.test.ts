import assert from "node:assert/strict";
import { ASYNC_POLICY, type AttemptOutcome, type GiveUpClass } from "@skerry/contracts";
import { HOUR_MS, ids, onBothStores, type LedgerCases } from "../../test/ledger-world.ts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";
import { ATTEMPTS_KEPT } from "./settle.ts";

const CASES: LedgerCases = {
  "runs what was accepted, oldest first, and ends it once": async (world) => {
    const fn = world.function();
    const items = [1, 2, 3].map((n) => world.invocation(fn, { payload: Buffer.from([n]) }));
    const accepted = await world.accept(...items);
    assert.deepEqual(
      accepted,
      items.map(({ id }) => ({ kind: "accepted", id })),
    );
    const { runs, nextDueMs } = await world.claim(fn, { max: 2 });
    assert.deepEqual(
      runs.map(({ id, attempt, requestId, payload }) => [id, attempt, requestId, [...payload]]),
      items.slice(0, 2).map(({ id }, i) => [id, 1, id, [i + 1]]),
    );
    assert.equal(nextDueMs, world.nowMs);
    const settled = await world.settle(runs, "ok");
    assert.ok(settled.every((one) => one.kind === "settled" && one.end === "succeeded"));
    assert.ok((await world.settle(runs, "ok")).every(({ kind }) => kind === "stale"));
    const { sums, ready, held, difference } = await world.balance();
    assert.deepEqual([sums.accepted, sums.succeeded, ready, held, difference], [3, 2, 1, 0, 0]);
  },
  "writes what is told twice once": async (world) => {
    const item = world.invocation(world.function());
    await world.accept(item);
    const again = { ...item, seq: item.seq + 1_000 };
    assert.deepEqual(await world.accept(again), [{ kind: "repeated", id: item.id }]);
    assert.deepEqual((await world.balance()).sums.accepted, 1);
  },
  "takes an idempotency key for one invocation while it is in force": async (world) => {
    const fn = world.function();
    const keyed = (digest: string) =>
      world.invocation(fn, {
        idempotency: { key: "order-1", digest, expiresMs: world.nowMs + 1_000 },
      });
    const first = keyed("a");
    await world.accept(first);
    const sameTwice = await world.accept(keyed("a"), keyed("b"));
    assert.deepEqual(sameTwice, [
      { kind: "repeated", id: first.id },
      { kind: "conflict", id: first.id },
    ]);
    const { runs } = await world.claim(fn);
    await world.settle(runs, "ok");
    assert.equal((await world.accept(keyed("a")))[0]?.kind, "repeated", "after its end, too");
    world.nowMs += 1_000;
    assert.equal((await world.accept(keyed("b")))[0]?.kind, "accepted");
  },
  "tries again what failed, later each time, and gives up after the last attempt": async (
    world,
  ) => {
    const fn = world.function();
    const item = world.invocation(fn);
    await world.accept(item);
    const waits: number[] = [];
    for (const attempt of [1, 2, 3]) {
      const { runs } = await world.claim(fn);
      assert.deepEqual(
        runs.map((run) => [run.id, run.attempt]),
        [[item.id, attempt]],
      );
      if (attempt > 1) assert.notEqual(runs[0]?.requestId, item.id);
      const [next] = await world.settle(runs, "function_error");
      if (next?.kind !== "retry") {
        assert.deepEqual(next, { kind: "settled", functionId: fn, end: "failed" });
        break;
      }
      waits.push(next.dueMs - world.nowMs);
      assert.deepEqual((await world.claim(fn)).runs, [], "not before its time");
      world.nowMs = next.dueMs;
    }
    assert.deepEqual(waits, [1_000, 2_000]);
    assert.equal((await world.balance()).difference, 0);
  },
  "counts no attempt that was throttled or lost, and ends what is too old": async (world) => {
    const fn = world.function();
    const item = world.invocation(fn, { expiresMs: world.nowMs + HOUR_MS });
    await world.accept(item);
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      const { runs } = await world.claim(fn);
      const [next] = await world.settle(runs, attempt % 2 === 0 ? "throttled" : "lost");
      assert.equal(next?.kind, "retry");
      world.nowMs = next.dueMs;
    }
    world.nowMs += HOUR_MS;
    const { runs, expired, nextDueMs } = await world.claim(fn);
    assert.deepEqual([runs, expired, nextDueMs], [[], [item.id], null]);
    assert.equal((await world.balance()).sums.expired, 1);
  },
  "keeps the latest attempts of one that is throttled again and again": async (world) => {
    const fn = world.function();
    const item = world.invocation(fn, { expiresMs: world.nowMs + 1_000 * HOUR_MS });
    await world.accept(item);
    const made = ATTEMPTS_KEPT + 3;
    for (let attempt = 1; attempt <= made; attempt += 1) {
      const [next] = await world.settle((await world.claim(fn)).runs, "throttled");
      assert.equal(next?.kind, "retry");
      world.nowMs = next.dueMs;
    }
    const { accountId } = world;
    const found = await world.store.call(LEDGER, "getInvocation", { accountId, id: item.id });
    const numbers = found?.ended.map(({ attempt }) => attempt);
    assert.deepEqual([numbers?.length, numbers?.[0], numbers?.at(-1)], [ATTEMPTS_KEPT, 4, made]);
    assert.equal(found?.record.attempts, made);
  },
  "lets one of an ordering key run at a time, in the order of acceptance": async (world) => {
    const fn = world.function();
    const [a1, a2, a3] = [1, 2, 3].map(() => world.invocation(fn, { orderingKey: "a" }));
    const b1 = world.invocation(fn, { orderingKey: "b" });
    assert.ok(a1 !== undefined && a2 !== undefined && a3 !== undefined);
    await world.accept(a1, a2, b1, a3);
    const first = await world.claim(fn);
    assert.deepEqual(
      first.runs.map(({ id }) => id),
      [a1.id, b1.id],
    );
    const [retried] = await world.settle(first.runs.slice(0, 1), "timeout");
    assert.equal(retried?.kind, "retry");
    assert.deepEqual((await world.claim(fn)).runs, [], "its turn is kept while it waits");
    assert.equal((await world.cancel(a2.id)).kind, "cancelled");
    world.nowMs = retried.dueMs;
    const again = await world.claim(fn);
    assert.deepEqual(
      again.runs.map(({ id }) => id),
      [a1.id],
    );
    await world.settle(again.runs, "ok");
    assert.deepEqual(
      (await world.claim(fn)).runs.map(({ id }) => id),
      [a3.id],
    );
  },
  "makes again what a holder lost, and refuses what it tells afterwards": async (world) => {
    const fn = world.function();
    await world.accept(world.invocation(fn), world.invocation(fn));
    const { runs } = await world.claim(fn, { holder: "gone" });
    const [kept, lost] = runs;
    assert.ok(kept !== undefined && lost !== undefined);
    const released = await world.release("gone", [kept]);
    assert.deepEqual(
      released.map(({ kind }) => kind),
      ["retry"],
    );
    world.nowMs += 1_000;
    const second = await world.claim(fn, { holder: "next" });
    assert.deepEqual(
      second.runs.map(({ id, attempt }) => [id, attempt]),
      [[lost.id, 2]],
    );
    assert.deepEqual(await world.settle([lost], "ok", { holder: "gone" }), [{ kind: "stale" }]);
    assert.equal((await world.settle([kept], "ok", { holder: "gone" }))[0]?.kind, "settled");
    assert.equal((await world.settle(second.runs, "ok", { holder: "next" }))[0]?.kind, "settled");
    assert.equal((await world.balance()).difference, 0);
  },
  "lets go of nothing whose holder was noted since that was looked at": async (world) => {
    const fn = world.function();
    await world.accept(world.invocation(fn));
    await world.claim(fn);
    const letGo = async (seenMs: number | null): Promise<number> =>
      (await world.release("one", null, { seenMs })).length;
    const note = (nowMs: number) => world.note("one", nowMs);
    assert.equal(await letGo(7), 0, "it was never noted");
    await note(7);
    await note(8);
    assert.deepEqual([await letGo(null), await letGo(7)], [0, 0]);
    assert.equal(await letGo(8), 1);
  },
  "finds what a holder lost behind what it kept, however little it takes at once": async (
    world,
  ) => {
    const fn = world.function();
    await world.accept(...[1, 2, 3, 4, 5].map(() => world.invocation(fn)));
    const { runs } = await world.claim(fn);
    const counts: number[] = [];
    for (let i = 0; i < 3; i += 1)
      counts.push((await world.release("one", runs.slice(0, 3), { rowsMax: 1 })).length);
    assert.deepEqual(counts, [1, 1, 0]);
    assert.equal((await world.balance()).held, 3);
  },
  "cancels what waits at once and what runs by its holder": async (world) => {
    const fn = world.function();
    const item = world.invocation(fn);
    await world.accept(item);
    const { runs } = await world.claim(fn);
    const holding = { kind: "running", holder: "one", attempt: 1 };
    assert.deepEqual(await world.cancel(item.id), holding);
    const [ended] = await world.settle(runs, "cancelled");
    assert.deepEqual(ended, { kind: "settled", functionId: fn, end: "cancelled" });
    assert.equal((await world.cancel(item.id)).kind, "over");
    assert.equal((await world.cancel(ids.requestId())).kind, "over");
  },
  "lists each function once, with what is due first": async (world) => {
    const [one, two] = [world.function(), world.function()];
    await world.accept(
      world.invocation(one, { dueMs: world.nowMs + 500 }),
      world.invocation(one, { dueMs: world.nowMs + 200 }),
      world.invocation(two),
    );
    const lanes = await world.store.call(LEDGER, "listLanes", null);
    const wanted = [
      { functionId: one, nextDueMs: world.nowMs + 200 },
      { functionId: two, nextDueMs: world.nowMs },
    ];
    assert.deepEqual(
      lanes,
      wanted.sort((a, b) => (a.functionId < b.functionId ? -1 : 1)),
    );
  },
  "counts what is open of each function, through every end": async (world) => {
    const fns = Array.from({ length: 80 }, () => world.function());
    const counts = async (): Promise<ReadonlyMap<string, number>> => {
      const rows = await world.store.call(LEDGER, "readOpen", null);
      return new Map(rows.map(({ functionId, open }) => [functionId, open]));
    };
    const [fn = world.function(), ...others] = fns;
    const one = world.invocation(fn);
    await world.accept(one, one, ...fns.map((id) => world.invocation(id)), world.invocation(fn));
    await world.accept(one);
    assert.deepEqual(await counts(), new Map([[fn, 3], ...others.map((id) => [id, 1] as const)]));
    const { runs } = await world.claim(fn);
    const [first, second] = runs;
    assert.ok(first !== undefined && second !== undefined);
    await world.settle([first], "ok");
    await world.settle([second], "throttled");
    await world.cancel(second.id);
    assert.equal((await counts()).get(fn), 1);
    await world.settle(runs.slice(2), "ok");
    assert.equal((await counts()).has(fn), false);
    assert.equal((await world.store.call(LEDGER, "forgetNoneOpen", null)) > 0, true);
    for (const id of others) await world.settle((await world.claim(id)).runs, "ok");
    assert.equal((await counts()).size, 0);
    assert.equal((await world.balance()).openDifference, 0);
  },
  "uses up no attempt while it is told not to count": async (world) => {
    const fn = world.function();
    await world.accept(world.invocation(fn));
    const policy = { ...ASYNC_POLICY, attempts: 2, retryOn: [] };
    for (let tries = 0; tries < 5; tries += 1) {
      const { runs } = await world.claim(fn);
      const end = { isUncounted: true };
      const [told] = await world.settle(runs, "function_error", { policy, end });
      assert.ok(told?.kind === "retry");
      world.nowMs = told.dueMs;
    }
    const { runs } = await world.claim(fn);
    const ended = { kind: "settled", functionId: fn, end: "failed" };
    assert.deepEqual(await world.settle(runs, "function_error", { policy }), [ended]);
  },
  "fails at once what the policy does not try again": async (world) => {
    const fn = world.function();
    await world.accept(world.invocation(fn), world.invocation(fn));
    const { runs } = await world.claim(fn);
    const [first, second] = runs;
    assert.ok(first !== undefined && second !== undefined);
    const policy = { ...ASYNC_POLICY, retryOn: ["timeout" as const] };
    const ended = { kind: "settled", functionId: fn, end: "failed" };
    assert.deepEqual(await world.settle([first], "crashed", { policy }), [ended]);
    assert.deepEqual(await world.settle([second], "too_large", { policy }), [ended]);
  },
  "gives up what is throttled or lost where the policy says so, and nothing else": async (
    world,
  ) => {
    const fn = world.function();
    const ended = { kind: "settled", functionId: fn, end: "failed" };
    const settled = async (outcome: AttemptOutcome, giveUpOn: readonly GiveUpClass[]) => {
      const item = world.invocation(fn);
      await world.accept(item);
      const { runs } = await world.claim(fn);
      const policy = { ...ASYNC_POLICY, giveUpOn: [...giveUpOn] };
      const [told] = await world.settle(runs, outcome, { policy });
      if (told?.kind === "retry") await world.cancel(item.id);
      return told;
    };
    assert.deepEqual(await settled("throttled", ["throttled"]), ended);
    assert.deepEqual(await settled("unavailable", ["platform"]), ended);
    assert.equal((await settled("throttled", ["platform"]))?.kind, "retry");
    assert.equal((await settled("unavailable", ["throttled"]))?.kind, "retry");
    assert.equal((await settled("cancelled", ["throttled", "platform"]))?.kind, "retry");
    assert.equal((await settled("function_error", ["throttled", "platform"]))?.kind, "retry");
    const { sums, difference } = await world.balance();
    assert.deepEqual([sums.failed, sums.cancelled, difference], [2, 4, 0]);
  },
  "gives up what was lost with its holder, says why, and lets batches go on": async (world) => {
    const [fn, other] = [world.function(), world.function()];
    const batch = world.invocation(fn, { source: "topic" });
    const given = world.invocation(fn);
    await world.accept(given, batch, world.invocation(other));
    await world.claim(fn, { holder: "gone" });
    await world.claim(other, { holder: "gone" });
    const released = await world.release("gone", null, { givingUp: [fn] });
    assert.deepEqual(
      released.map((one) => (one.kind === "settled" ? one.end : one.kind)),
      ["retry", "failed", "retry"],
    );
    const name = { accountId: world.accountId, id: given.id };
    const found = await world.store.call(LEDGER, "getInvocation", name);
    assert.deepEqual(
      [found?.record.state, found?.record.error?.reason],
      ["failed", "ATTEMPT_LOST"],
    );
  },
};

onBothStores("the ledger", CASES);
