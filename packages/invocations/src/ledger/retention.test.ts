import assert from "node:assert/strict";
import {
  HOUR_MS,
  onBothStores,
  type LedgerCases,
  type LedgerWorld,
} from "../../test/ledger-world.ts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";

/** As many invocations that ended one after another, and one that is open. */
async function endSome(world: LedgerWorld, count: number) {
  const fn = world.function();
  const items = Array.from({ length: count }, () =>
    world.invocation(fn, { payload: Buffer.alloc(1_000) }),
  );
  for (const item of items) {
    await world.accept(item);
    await world.settle((await world.claim(fn)).runs, "ok");
    world.nowMs += 10;
  }
  const open = world.invocation(fn);
  await world.accept(open);
  return { items, open };
}

async function left(world: LedgerWorld, all: readonly { readonly id: string }[]) {
  return await world.store.call(LEDGER, "findKnown", { ids: all.map(({ id }) => id as never) });
}

const START = { settledMs: 0, seq: 0 };

const CASES: LedgerCases = {
  "forgets what ended longest ago, a bounded number at a time, and nothing that is open": async (
    world,
  ) => {
    const { items, open } = await endSome(world, 5);
    const args = { beforeMs: world.nowMs - 25, bytesMax: null, rowsMax: 2, slot: 0 };
    const first = await world.store.call(LEDGER, "forgetEnded", args);
    assert.equal(first.rows, 2);
    assert.equal((await world.store.call(LEDGER, "forgetEnded", args)).rows, 1);
    assert.equal((await world.store.call(LEDGER, "forgetEnded", args)).rows, 0);
    const kept = await left(world, [...items, open]);
    assert.deepEqual(new Set(kept), new Set([...items.slice(3), open].map(({ id }) => id)));
    world.nowMs += 1_000 * HOUR_MS;
    await world.store.call(LEDGER, "forgetEnded", { ...args, beforeMs: world.nowMs, rowsMax: 99 });
    assert.deepEqual(await left(world, [...items, open]), [open.id]);
    const { sums, difference } = await world.balance();
    assert.deepEqual([sums.accepted, sums.forgotten, difference], [6, 5, 0]);
  },
  "forgets a redrive only after what was redriven, which a webhook may still wait for": async (
    world,
  ) => {
    const fn = world.function();
    const old = world.invocation(fn);
    await world.accept(old);
    const onFailure = { kind: "webhook", target: "https://hook.test", maxAgeMs: HOUR_MS } as const;
    const told = { destinations: { [fn]: { onFailure } } };
    await world.settle((await world.claim(fn)).runs, "too_large", told);
    const anew = world.invocation(fn, { source: "redrive", sourceId: old.id });
    await world.accept(anew);
    await world.settle((await world.claim(fn)).runs, "ok");
    world.nowMs += 10;
    const args = { beforeMs: world.nowMs, bytesMax: null, rowsMax: 9, slot: 0 };
    assert.equal((await world.store.call(LEDGER, "forgetEnded", args)).rows, 0);
    const end = { attempt: 1, state: "delivered", dueMs: 0, status: 200, error: null } as const;
    const hook = { lane: "https://hook.test", nowMs: world.nowMs, leaseMs: 1_000, rowsMax: 1 };
    const { calls } = await world.store.call(LEDGER, "claimWebhooks", hook);
    assert.deepEqual(
      calls.map(({ id }) => id),
      [old.id],
    );
    const called = { id: old.id, ...end };
    const settled = { called, nowMs: world.nowMs, slot: 0 };
    assert.ok(await world.store.call(LEDGER, "settleWebhook", settled));
    assert.equal((await world.store.call(LEDGER, "forgetEnded", args)).rows, 1);
    assert.deepEqual(await left(world, [old, anew]), [anew.id]);
    assert.equal((await world.store.call(LEDGER, "forgetEnded", args)).rows, 1);
    assert.equal((await world.balance()).difference, 0);
  },
  "measures what is kept in pieces, and frees as many bytes as it is told to": async (world) => {
    const { items } = await endSome(world, 4);
    const beforeMs = world.nowMs;
    const measure = async (rowsMax: number) => {
      let bytes = 0;
      let rows = 0;
      for (let after: typeof START | null = START; after !== null;) {
        const found: Awaited<ReturnType<typeof one>> = await one(after, rowsMax);
        bytes += found.bytes;
        rows += found.rows;
        after = found.next;
      }
      return { bytes, rows };
    };
    const one = (after: typeof START, rowsMax: number) =>
      world.store.call(LEDGER, "measureEnded", { after, beforeMs, rowsMax });
    const whole = await measure(100);
    assert.equal(whole.rows, 4);
    assert.ok(whole.bytes >= 4_000 && whole.bytes < 8_000, String(whole.bytes));
    assert.deepEqual(await measure(3), whole);
    const args = { beforeMs, bytesMax: 1_001, rowsMax: 100, slot: 0 };
    const freed = await world.store.call(LEDGER, "forgetEnded", args);
    assert.deepEqual([freed.rows, (await measure(3)).bytes], [1, whole.bytes - freed.bytes]);
    assert.deepEqual((await left(world, items)).length, 3);
  },
  "forgets idempotency keys when they are not in force any more": async (world) => {
    const fn = world.function();
    const keyed = (key: string, forMs: number) =>
      world.invocation(fn, {
        idempotency: { key, digest: "d", expiresMs: world.nowMs + forMs },
      });
    await world.accept(keyed("a", 10), keyed("b", 10), keyed("c", 1_000));
    world.nowMs += 10;
    const forget = () => world.store.call(LEDGER, "forgetKeys", { nowMs: world.nowMs, rowsMax: 1 });
    assert.deepEqual([await forget(), await forget(), await forget()], [1, 1, 0]);
    assert.equal((await world.accept(keyed("c", 1)))[0]?.kind, "repeated");
    assert.equal((await world.accept(keyed("a", 1)))[0]?.kind, "accepted");
  },
};

onBothStores("what the ledger forgets", CASES);
