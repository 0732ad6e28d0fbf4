import assert from "node:assert/strict";
import { ASYNC_POLICY } from "@skerry/contracts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";
import { onBothStores, type LedgerCases } from "../../test/ledger-world.ts";

const CASES: LedgerCases = {
  "gives a number that is taken to nobody else": async (world) => {
    const fn = world.function();
    const first = world.invocation(fn);
    const [second, third] = [1, 2].map(() => world.invocation(fn, { seq: first.seq }));
    assert.ok(second !== undefined && third !== undefined);
    await world.accept(first);
    const answers = await world.accept(second, third, { ...first, seq: 900 });
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ["accepted", "accepted", "repeated"],
    );
    const { runs } = await world.claim(fn);
    assert.deepEqual(
      runs.map(({ id }) => id),
      [first.id, second.id, third.id],
    );
  },
  "writes once what stands twice among others, under one number or two": async (world) => {
    const fn = world.function();
    const [one, other] = [world.invocation(fn), world.invocation(fn)];
    const again = { ...other, seq: 900 };
    const answers = await world.acceptAsTold(one, one, other, again);
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ["accepted", "repeated", "accepted", "repeated"],
    );
    const { runs } = await world.claim(fn);
    assert.deepEqual(
      runs.map(({ id }) => id),
      [one.id, other.id],
    );
  },
  "keeps the order of a key when the clock went back": async (world) => {
    const fn = world.function();
    const [late, early, last] = [300, 100, 200].map((seq) =>
      world.invocation(fn, { seq, orderingKey: "a" }),
    );
    assert.ok(late !== undefined && early !== undefined && last !== undefined);
    for (const item of [late, early, last]) await world.accept(item);
    const order: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const { runs } = await world.claim(fn);
      assert.equal(runs.length, 1);
      order.push(...runs.map(({ id }) => id));
      if (i === 0) assert.equal((await world.cancel(last.id)).kind, "cancelled");
      assert.deepEqual((await world.claim(fn)).runs, [], "its turn is kept");
      await world.settle(runs, "ok");
      if (i === 1) break;
    }
    assert.deepEqual(order, [late.id, early.id]);
  },
  "writes many at once as it writes each": async (world) => {
    const fn = world.function();
    const known = world.invocation(fn);
    await world.accept(known);
    const items = Array.from({ length: 300 }, () => world.invocation(fn));
    const [first, second] = items;
    assert.ok(first !== undefined && second !== undefined);
    const taken = world.invocation(fn, { seq: known.seq });
    const keyed = world.invocation(fn, { orderingKey: "a" });
    const some = [taken, { ...taken, seq: 952 }, ...items.slice(0, 20), { ...known, seq: 950 }];
    const all = [...some, ...items.slice(20), keyed];
    const answers = await world.accept(...all, { ...first, seq: 951 });
    assert.equal(answers[0]?.kind, "accepted");
    const others = answers.filter(({ kind }) => kind !== "accepted");
    assert.deepEqual(others, [
      { kind: "repeated", id: taken.id },
      { kind: "repeated", id: known.id },
      { kind: "repeated", id: first.id },
    ]);
    assert.deepEqual(
      answers.map(({ id }) => id),
      [...all, first].map(({ id }) => id),
    );
    const { runs } = await world.claim(fn, { max: 400 });
    const claimed = runs.map(({ id }) => id);
    assert.deepEqual(claimed.sort(), [known, ...items, taken, keyed].map(({ id }) => id).sort());
    assert.equal((await world.balance()).difference, 0);
  },
  "keeps the same of those that are alike as of one beside others": async (world) => {
    const { accountId } = world;
    const fn = world.function();
    const one = (n: number) => {
      const idempotency = { key: `k-${n}`, digest: "d", expiresMs: 2_000_000 };
      const event = { ct: "text/plain", tp: "trace" };
      const named = { app: "an-app", fn: "a-function", source: "event", sourceId: "from" } as const;
      const times = { acceptedMs: 1_000, dueMs: 3_000, expiresMs: 2_000_000 };
      const more = { ...named, ...times, event, idempotency, orderingKey: "in-order" };
      return world.invocation(fn, { ...more, payload: Buffer.from("the event") });
    };
    const alike = [one(1), one(2)];
    const beside = one(3);
    await world.accept(...alike);
    await world.accept(beside, world.invocation(world.function()));
    const kept = [...alike, beside].map(async ({ id }) => {
      const found = await world.store.call(LEDGER, "getInvocation", { accountId, id });
      return { ...found?.record, ...{ id: 0, seq: 0, idempotencyKey: 0 } };
    });
    const [first, second, third] = await Promise.all(kept);
    assert.deepEqual([first, second], [third, third]);
    assert.deepEqual([first?.app, first?.fn], ["an-app", "a-function"]);
    world.nowMs = 10_000;
    const order: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const { runs } = await world.claim(fn, { max: 3 });
      order.push(...runs.map(({ id }) => id));
      await world.settle(runs, "ok");
    }
    assert.deepEqual(
      order,
      [...alike, beside].map(({ id }) => id),
    );
  },
  "writes nothing twice that is told again as it was, with others beside": async (world) => {
    const fn = world.function();
    const known = Array.from({ length: 256 }, () => world.invocation(fn));
    await world.accept(...known);
    const { runs } = await world.claim(fn, { max: 2 });
    await world.settle(runs.slice(0, 1), "ok");
    const fresh = Array.from({ length: 128 }, () => world.invocation(fn));
    const mixed = known.slice(0, 128).flatMap((item, i) => [item, fresh[i] ?? item]);
    const kinds = (await world.accept(...mixed)).map(({ kind }) => kind);
    assert.deepEqual(
      kinds.filter((_, i) => i % 2 === 0),
      Array.from(fresh, () => "repeated"),
    );
    assert.deepEqual(
      kinds.filter((_, i) => i % 2 === 1),
      Array.from(fresh, () => "accepted"),
    );
    const { sums, difference } = await world.balance();
    assert.deepEqual([sums.accepted, difference], [384, 0]);
  },
  "answers what travelled together as it answers each": async (world) => {
    const fns = [world.function(), world.function()];
    const items = Array.from({ length: 40 }, (_, i) => {
      const idempotency = { key: `k-${i % 4}`, digest: `d-${i % 16}`, expiresMs: 2_000_000 };
      return world.invocation(fns[i % 2] ?? world.function(), {
        ...(i % 5 === 0 ? { idempotency } : {}),
        ...(i % 7 === 0 ? { orderingKey: `o-${i % 3}` } : {}),
        ...(i % 3 === 0 ? { event: { tp: `trace-${i}` }, sourceId: `s-${i}` } : {}),
        payload: Buffer.from("x".repeat(i)),
      });
    });
    const answers = await world.accept(...items);
    assert.ok(answers.some(({ kind }) => kind === "conflict"));
    // What is told again one by one is known as what it was answered to be.
    const again = await world.acceptAsTold(...items.map((item, i) => ({ ...item, seq: 500 + i })));
    for (const [i, { kind, id }] of answers.entries()) {
      assert.equal(id === items[i]?.id, kind === "accepted");
      assert.deepEqual(again[i], { kind: kind === "accepted" ? "repeated" : kind, id });
    }
    const claimed = await Promise.all(fns.map((fn) => world.claim(fn, { max: 40 })));
    for (const run of claimed.flatMap(({ runs }) => runs)) {
      const item = items.find(({ id }) => id === run.id);
      const told = Buffer.from(run.payload).toString();
      assert.deepEqual([run.event, told], [item?.event, String(item?.payload)]);
    }
  },
  "knows what it accepted after its idempotency key went to another": async (world) => {
    const fn = world.function();
    const keyed = () => {
      const idempotency = { key: "k", digest: "d", expiresMs: world.nowMs + 1_000 };
      return world.invocation(fn, { idempotency });
    };
    const first = keyed();
    await world.accept(first);
    world.nowMs += 1_000;
    const second = keyed();
    await world.accept(second);
    assert.deepEqual(await world.accept({ ...first, seq: 901 }, { ...second, seq: 902 }), [
      { kind: "repeated", id: first.id },
      { kind: "repeated", id: second.id },
    ]);
  },
  "fails nothing for a fault of the platform, whatever its attempts": async (world) => {
    const fn = world.function();
    await world.accept(world.invocation(fn));
    const failed = await world.settle((await world.claim(fn)).runs, "function_error");
    assert.equal(failed[0]?.kind, "retry");
    world.nowMs = failed[0].dueMs;
    const policy = { ...ASYNC_POLICY, attempts: 1 };
    const { runs } = await world.claim(fn);
    assert.equal((await world.settle(runs, "throttled", { policy }))[0]?.kind, "retry");
  },
};

onBothStores("acceptance", CASES);
