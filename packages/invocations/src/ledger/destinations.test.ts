import assert from "node:assert/strict";
import type { FunctionId } from "@skerry/base";
import { ASYNC_POLICY, LIMITS } from "@skerry/contracts";
import { storeModule as LEDGER } from "../../test/ledger-module.ts";
import {
  HOUR_MS,
  onBothStores,
  type LedgerCases,
  type LedgerWorld,
} from "../../test/ledger-world.ts";
import type { NewInvocation } from "./accept.ts";
import type { ResolvedDestination } from "./destinations.ts";
import { derivedId } from "./derived-id.ts";

const ONCE = { ...ASYNC_POLICY, attempts: 1 };

function to(functionId: FunctionId): ResolvedDestination {
  const named = { app: "shop", fn: "told", target: "shop/told" };
  return { kind: "function", functionId, ...named, maxAgeMs: HOUR_MS };
}

async function documentOf(world: LedgerWorld, fn: FunctionId): Promise<Record<string, unknown>> {
  const { runs } = await world.claim(fn, { holder: "told" });
  assert.equal(runs.length, 1);
  assert.equal(runs[0]?.source, "destination");
  return JSON.parse(Buffer.from(runs[0].payload).toString()) as Record<string, unknown>;
}

async function deliveryOf(world: LedgerWorld, { id }: NewInvocation) {
  const { accountId } = world;
  return (await world.store.call(LEDGER, "getInvocation", { accountId, id }))?.delivery;
}

const CASES: LedgerCases = {
  "tells a function of what succeeded, in the transaction that ends it": async (world) => {
    const [fn, told] = [world.function(), world.function()];
    const item = world.invocation(fn, { payload: Buffer.from('{"n":12345678901234567890}') });
    await world.accept(item);
    const { runs } = await world.claim(fn);
    const end = { result: new Uint8Array([1, 2]), resultType: "image/png", status: 200 };
    const destinations = { [fn]: { onSuccess: to(told) } };
    const [settled] = await world.settle(runs, "ok", { end, destinations });
    assert.deepEqual(settled, { kind: "settled", functionId: fn, end: "succeeded", told });
    const id = derivedId("destination", item.id);
    assert.deepEqual(await deliveryOf(world, item), {
      ...{ kind: "function", target: "shop/told", state: "delivered", settledMs: world.nowMs },
      ...{ toldId: id, error: null, attempts: 0, dueMs: world.nowMs, status: null },
    });
    const payload = await world.store.call(LEDGER, "readPayload", {
      ...{ accountId: world.accountId, id },
    });
    const text = Buffer.from(payload ?? []).toString();
    assert.match(text, /"event":\{"n":12345678901234567890\}/, "numbers keep their digits");
    const document = await documentOf(world, told);
    assert.deepEqual(document, {
      ...{ type: "invocation.succeeded", id: item.id, function: "shop/work", attempts: 1 },
      acceptedAt: new Date(world.nowMs).toISOString(),
      endedAt: new Date(world.nowMs).toISOString(),
      ...{ event: document["event"], resultType: "image/png", resultBase64: "AQI=" },
    });
    const { sums, difference } = await world.balance();
    assert.deepEqual([sums.accepted, sums.delivered, difference], [2, 1, 0]);
    assert.ok(
      (await world.settle(runs, "ok", { destinations })).every((one) => one.kind === "stale"),
    );
    assert.equal((await world.balance()).sums.accepted, 2, "an end told twice is told once");
  },
  "tells of what failed and what expired, while it runs, waits or is lost": async (world) => {
    const [fn, told] = [world.function(), world.function()];
    const destinations = { [fn]: { onFailure: to(told) } };
    const error = { code: "INTERNAL", reason: "BROKE", message: "m", hint: "h", retryable: false };
    const failed = world.invocation(fn);
    await world.accept(failed);
    const { runs } = await world.claim(fn);
    await world.settle(runs, "function_error", {
      ...{ policy: ONCE, destinations },
      end: { error: { ...error, code: "INTERNAL" } },
    });
    const document = await documentOf(world, told);
    assert.equal(document["type"], "invocation.failed");
    assert.deepEqual([document["error"], document["result"]], [error, undefined]);

    const late = world.invocation(fn, { expiresMs: world.nowMs + 10 });
    const lost = world.invocation(fn, { expiresMs: world.nowMs + 20 });
    await world.accept(late, lost);
    world.nowMs += 15;
    const claimed = await world.claim(fn, { destinations: destinations[fn] });
    assert.deepEqual([claimed.expired, claimed.told], [[late.id], [told]]);
    assert.equal((await documentOf(world, told))["type"], "invocation.expired");
    const slot = 0;
    const args = { holder: "one", kept: null, policy: ONCE, chance: 0, rowsMax: 9, slot };
    const released = { ...args, destinations, nowMs: world.nowMs };
    const [gone] = await world.store.call(LEDGER, "release", released);
    assert.deepEqual(gone, { kind: "settled", functionId: fn, end: "expired", told });
    assert.equal((await documentOf(world, told))["id"], lost.id);
    assert.equal((await world.balance()).difference, 0);
  },
  "tells nobody of what was cancelled, nor of an end without a destination": async (world) => {
    const [fn, told] = [world.function(), world.function()];
    const [waits, runs, succeeds] = [1, 2, 3].map(() => world.invocation(fn));
    assert.ok(waits !== undefined && runs !== undefined && succeeds !== undefined);
    await world.accept(runs, succeeds, waits);
    const claimed = await world.claim(fn, { max: 2 });
    await world.cancel(waits.id);
    await world.cancel(runs.id);
    const destinations = { [fn]: { onFailure: to(told) } };
    await world.settle(claimed.runs.slice(0, 1), "function_error", { destinations });
    await world.settle(claimed.runs.slice(1), "ok", { destinations });
    for (const item of [waits, runs, succeeds]) assert.equal(await deliveryOf(world, item), null);
    assert.equal((await world.balance()).sums.accepted, 3);
  },
  "shows a destination that is not there as a delivery that failed": async (world) => {
    const fn = world.function();
    const error = { code: "NOT_FOUND", reason: "GONE", message: "m", hint: "h", retryable: false };
    const onSuccess = { kind: "missing", target: "shop/gone", error } as ResolvedDestination;
    const item = world.invocation(fn);
    await world.accept(item);
    const { runs } = await world.claim(fn);
    await world.settle(runs, "ok", { destinations: { [fn]: { onSuccess } } });
    const delivery = await deliveryOf(world, item);
    assert.deepEqual([delivery?.state, delivery?.error, delivery?.toldId], ["failed", error, null]);
    assert.equal((await world.balance()).sums.undelivered, 1);
  },
  "comes to an end where two functions are each other's destination": async (world) => {
    const [one, two] = [world.function(), world.function()];
    const destinations = { [one]: { onSuccess: to(two) }, [two]: { onSuccess: to(one) } };
    await world.accept(world.invocation(one));
    for (let turn = 0; ; turn += 1) {
      const fn = turn % 2 === 0 ? one : two;
      const { runs } = await world.claim(fn);
      const [settled] = await world.settle(runs, "ok", { destinations });
      if (settled?.kind === "settled" && settled.told !== undefined) continue;
      assert.equal(turn, LIMITS.destinationDepthMax);
      break;
    }
    const { sums, ready, held } = await world.balance();
    const told = LIMITS.destinationDepthMax;
    assert.deepEqual([sums.accepted, sums.delivered, sums.undelivered], [told + 1, told, 1]);
    assert.deepEqual([ready, held], [0, 0]);
  },
  "leaves out of what it tells what would make it too large": async (world) => {
    const [fn, told] = [world.function(), world.function()];
    const half = Buffer.alloc(LIMITS.asyncPayloadBytesMax * 0.9, 120);
    await world.accept(world.invocation(fn, { payload: half, event: { ct: "text/plain" } }));
    const { runs } = await world.claim(fn);
    const end = { result: Buffer.from("1"), resultType: "application/json" };
    await world.settle(runs, "ok", { end, destinations: { [fn]: { onSuccess: to(told) } } });
    const document = await documentOf(world, told);
    assert.deepEqual([document["event"], document["result"]], [undefined, 1]);
    assert.equal(document["eventOmitted"], true);
  },
};

const WEBHOOKS: LedgerCases = {
  "owes a webhook a call until it is settled, and only to who claimed it last": async (world) => {
    const fn = world.function();
    const target = "https://example.org/hook";
    const onSuccess: ResolvedDestination = { kind: "webhook", target, maxAgeMs: HOUR_MS };
    const item = world.invocation(fn);
    await world.accept(item);
    const { runs } = await world.claim(fn);
    const [settled] = await world.settle(runs, "ok", { destinations: { [fn]: { onSuccess } } });
    assert.ok(settled?.kind === "settled" && settled.webhook === target);
    const { store, nowMs } = world;
    const lanes = [{ lane: target, nextDueMs: nowMs }];
    assert.deepEqual(await store.call(LEDGER, "listWebhooks", null), lanes);
    const claim = { lane: target, nowMs, leaseMs: 1_000, rowsMax: 5 };
    const first = await store.call(LEDGER, "claimWebhooks", claim);
    assert.deepEqual(
      first.calls.map(({ id, attempt, expiresMs }) => [id, attempt, expiresMs]),
      [[item.id, 1, nowMs + HOUR_MS]],
    );
    assert.deepEqual((await store.call(LEDGER, "claimWebhooks", claim)).calls, [], "it is held");
    const again = { ...claim, nowMs: nowMs + 1_000 };
    assert.equal((await store.call(LEDGER, "claimWebhooks", again)).calls[0]?.attempt, 2);
    const called = { id: item.id, attempt: 1, state: "delivered", status: 200 } as const;
    const args = { called: { ...called, dueMs: nowMs, error: null }, nowMs, slot: 0 };
    assert.equal(await store.call(LEDGER, "settleWebhook", args), false, "the first is too late");
    assert.equal((await world.balance()).deliveries.waiting, 1);
    const forget = { beforeMs: nowMs + HOUR_MS, bytesMax: null, rowsMax: 10, slot: 0 };
    assert.equal((await store.call(LEDGER, "forgetEnded", forget)).rows, 0, "it is still needed");
    const second = { ...args, called: { ...args.called, attempt: 2 } };
    assert.equal(await store.call(LEDGER, "settleWebhook", second), true);
    assert.equal(await store.call(LEDGER, "settleWebhook", second), false);
    const { sums, deliveries } = await world.balance();
    assert.deepEqual([sums.owed, sums.delivered], [1, 1]);
    assert.deepEqual(deliveries, { waiting: 0, difference: 0 });
    assert.equal((await store.call(LEDGER, "forgetEnded", forget)).rows, 1);
    assert.equal(await deliveryOf(world, item), undefined);
  },
};

onBothStores("destinations", CASES);
onBothStores("webhooks", WEBHOOKS);
