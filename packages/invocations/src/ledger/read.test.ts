import assert from "node:assert/strict";
import { ids, onBothStores, type LedgerCases, type LedgerWorld } from "../../test/ledger-world.ts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";
import type { LedgerSelection } from "./read.ts";

async function list(world: LedgerWorld, more: Partial<LedgerSelection> = {}) {
  const { accountId } = world;
  return await world.store.call(LEDGER, "listInvocations", {
    ...{ accountId, apps: null, functionId: null, state: null, source: null, sourceId: null },
    ...{
      idempotencyKey: null,
      requestId: null,
      fromSeq: null,
      toSeq: null,
      limit: 100,
      scanMax: 1_000,
    },
    ...more,
  });
}

async function idsOf(world: LedgerWorld, more: Partial<LedgerSelection> = {}) {
  return (await list(world, more)).records.map(({ id }) => id);
}

const CASES: LedgerCases = {
  "lists what is asked for and nothing else, the newest first": async (world) => {
    const [one, two] = [world.function(), world.function()];
    const a = world.invocation(one, {
      idempotency: { key: "k", digest: "d", expiresMs: world.nowMs + 1_000 },
    });
    const b = world.invocation(two, { app: "blog", source: "timer", sourceId: "tmr_1" });
    const c = world.invocation(one);
    await world.accept(a, b, c);
    const { runs } = await world.claim(one, { max: 1 });
    await world.settle(runs, "too_large");
    assert.deepEqual(await idsOf(world), [c.id, b.id, a.id]);
    assert.deepEqual(await idsOf(world, { functionId: one }), [c.id, a.id]);
    assert.deepEqual(await idsOf(world, { functionId: one, state: "waiting" }), [c.id]);
    assert.deepEqual(await idsOf(world, { state: "failed" }), [a.id]);
    assert.deepEqual(await idsOf(world, { state: "succeeded" }), []);
    assert.deepEqual(await idsOf(world, { idempotencyKey: "k" }), [a.id]);
    assert.deepEqual(await idsOf(world, { idempotencyKey: "k", requestId: a.id }), [a.id]);
    assert.deepEqual(await idsOf(world, { idempotencyKey: "k", requestId: c.id }), []);
    assert.deepEqual(await idsOf(world, { source: "timer", sourceId: "tmr_1" }), [b.id]);
    assert.deepEqual(await idsOf(world, { apps: ["blog"] }), [b.id]);
    assert.deepEqual(await idsOf(world, { apps: [] }), []);
    assert.deepEqual(await idsOf(world, { fromSeq: b.seq, toSeq: c.seq }), [b.id]);
    assert.deepEqual(await idsOf(world, { accountId: ids.id("acct") }), []);
  },
  "finds a key of routes, which has its caller behind a line break, and no longer one": async (
    world,
  ) => {
    const fn = world.function();
    const keyed = ["k", "k\nada", "k\nbob", "k2", "k k"].map((key) =>
      world.invocation(fn, { idempotency: { key, digest: "d", expiresMs: world.nowMs + 1_000 } }),
    );
    await world.accept(...keyed);
    const wanted = keyed.slice(0, 3).map(({ id }) => id);
    assert.deepEqual(await idsOf(world, { idempotencyKey: "k" }), wanted.toReversed());
    assert.deepEqual(
      await idsOf(world, { idempotencyKey: "k", limit: 2 }),
      wanted.slice(1).toReversed(),
    );
  },
  "finds one by the request id of each of its attempts, the one under way included": async (
    world,
  ) => {
    const fn = world.function();
    const [one, other] = [world.invocation(fn), world.invocation(world.function())];
    await world.accept(one, other);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await world.settle((await world.claim(fn)).runs, "function_error");
      world.nowMs += 10_000;
    }
    const [third] = (await world.claim(fn)).runs;
    const name = { accountId: world.accountId, id: one.id };
    const ended = (await world.store.call(LEDGER, "getInvocation", name))?.ended ?? [];
    const requests = [...ended.map(({ requestId }) => requestId), third?.requestId ?? one.id];
    assert.equal(new Set(requests).size, 3);
    assert.equal(requests[0], one.id);
    for (const requestId of requests) {
      assert.deepEqual(await idsOf(world, { requestId }), [one.id]);
      assert.deepEqual(await idsOf(world, { requestId, functionId: other.functionId }), []);
      assert.deepEqual(await idsOf(world, { requestId, accountId: ids.id("acct") }), []);
      const found = await world.store.call(LEDGER, "getInvocation", { ...name, id: requestId });
      assert.equal(found?.record.id, one.id);
    }
    assert.deepEqual(await idsOf(world, { requestId: ids.requestId() }), []);
  },
  "reads a list page by page, also when most of what it looks at is not wanted": async (world) => {
    const fn = world.function();
    const items = Array.from({ length: 12 }, (_, i) =>
      world.invocation(fn, { app: i % 6 === 0 ? "blog" : "shop" }),
    );
    await world.accept(...items);
    const seen: string[] = [];
    let pages = 0;
    for (let toSeq: number | null = null; ; pages += 1) {
      const page = await list(world, { apps: ["blog"], limit: 1, scanMax: 4, toSeq });
      seen.push(...page.records.map(({ id }) => id));
      if (page.nextSeq === null) break;
      toSeq = page.nextSeq;
    }
    assert.deepEqual(seen, [items[6]?.id, items[0]?.id]);
    assert.ok(pages >= 2 && pages <= 5, `${pages} pages`);
  },
  "tells all of one: attempts, error, bytes, and when it is due": async (world) => {
    const { accountId } = world;
    const fn = world.function();
    const item = world.invocation(fn, { payload: Buffer.from("12345"), event: { ct: "text/x" } });
    await world.accept(item);
    const name = { accountId, id: item.id };
    const first = (await world.claim(fn)).runs;
    const error = { code: "INTERNAL", reason: "R", message: "m", hint: "h", retryable: false };
    await world.settle(first, "function_error", { end: { error: error as never } });
    const waiting = await world.store.call(LEDGER, "getInvocation", name);
    assert.equal(waiting?.record.state, "waiting");
    assert.deepEqual(waiting.record.event, { ct: "text/x" });
    assert.equal(waiting.record.payloadBytes, 5);
    assert.equal(waiting.open?.dueMs, world.nowMs + 1_000);
    assert.deepEqual(
      waiting.ended.map(({ attempt, outcome, error: told }) => [attempt, outcome, told?.reason]),
      [[1, "function_error", "R"]],
    );
    world.nowMs += 1_000;
    const { runs } = await world.claim(fn);
    const end = { result: Buffer.from("42"), resultType: "application/json", status: 200 };
    await world.settle(runs, "ok", { end });
    const ended = await world.store.call(LEDGER, "getInvocation", name);
    assert.deepEqual(
      [ended?.record.state, ended?.record.attempts, ended?.record.resultBytes, ended?.open],
      ["succeeded", 2, 2, null],
    );
    const result = await world.store.call(LEDGER, "readResult", name);
    assert.equal(Buffer.from(result ?? []).toString(), "42");
    const payload = await world.store.call(LEDGER, "readPayload", name);
    assert.equal(Buffer.from(payload ?? []).toString(), "12345");
    const last = runs[0]?.requestId ?? item.id;
    assert.notEqual(last, item.id, "a later attempt has an id of its own");
    const byAttempt = { accountId, id: last };
    assert.deepEqual(await world.store.call(LEDGER, "getInvocation", byAttempt), ended);
    assert.deepEqual(await world.store.call(LEDGER, "readPayload", byAttempt), payload);
    assert.deepEqual(await world.store.call(LEDGER, "readResult", byAttempt), result);
    const foreign = { ...name, accountId: ids.id("acct") };
    for (const procedure of ["getInvocation", "readResult", "readPayload"] as const) {
      assert.equal(await world.store.call(LEDGER, procedure, foreign), null, procedure);
      const theirs = { ...byAttempt, accountId: foreign.accountId };
      assert.equal(await world.store.call(LEDGER, procedure, theirs), null, procedure);
    }
    const asked = { ids: [item.id, ids.requestId()] };
    assert.deepEqual(await world.store.call(LEDGER, "findKnown", asked), [item.id]);
  },
};

onBothStores("what is shown of the ledger", CASES);
