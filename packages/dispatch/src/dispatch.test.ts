import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, type FunctionId, type RequestId } from "@skerry/base";
import type { AcceptResult } from "@skerry/contracts";
import { askOver } from "@skerry/control-links";
import { storeError } from "@skerry/store";
import { until } from "@skerry/testkit";
import { ids, World } from "../test/world.ts";
import { BATCH_BOUNDS } from "./limits.ts";

test("what is accepted runs at a gateway and ends once", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const pieces = [1, 2, 3].map(() => world.piece(fn, { ct: "text/plain" }));
  const results = await gateway.accept(...pieces);
  assert.deepEqual(
    results,
    pieces.map(({ id }) => ({ ok: true, id, repeated: false })),
  );
  const runs = await gateway.holds(3);
  assert.deepEqual(
    runs.map(({ head: { id, n, r, f, src, ct }, payload }) => [id, n, r, f, src, ct, payload]),
    pieces.map(({ id }) => [id, 1, id, fn, "url", "text/plain", "payload"]),
  );
  assert.deepEqual(await gateway.settle(runs), ["settled", "settled", "settled"]);
  const { sums, held, ready, difference } = await world.balance();
  assert.deepEqual([sums.accepted, sums.succeeded, held, ready, difference], [3, 3, 0, 0, 0]);
});

test("a function that is not there is refused by itself", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const [first, second] = await gateway.accept(world.piece(ids.id("fn")), world.piece(fn));
  assert.equal(first?.ok === false && first.error.reason, "FUNCTION_NOT_FOUND");
  assert.equal(second?.ok, true);
  await gateway.holds(1);
});

test("what is told again after its answer was lost is accepted, though no more may be", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { openInvocationsMax: 1 } });
  const piece = world.piece(fn);
  const { id } = piece;
  assert.deepEqual(await gateway.accept(piece), [{ ok: true, id, repeated: false }]);
  const [other, again] = await gateway.accept(world.piece(fn), piece);
  assert.equal(other?.ok, false, "the control");
  assert.deepEqual(again, { ok: true, id, repeated: true });
  assert.equal((await world.balance()).sums.accepted, 1);
});

test("what was accepted under a key is told so at every bound, and what came with another event too", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const [bounded, quoted] = [{ openInvocationsMax: 1 }, {}].map((policy) =>
    world.function({ policy }),
  );
  assert.ok(bounded !== undefined && quoted !== undefined);
  const keyed = (f: FunctionId, key: string, digest = "d") =>
    world.piece(f, { ik: { key, digest } });
  const reasons = (answers: readonly AcceptResult[]) =>
    answers.map((one) => (one.ok ? one.id : one.error.reason));
  const first = keyed(bounded, "a");
  const { id } = first;
  const together = await gateway.accept(first, keyed(bounded, "a"), keyed(bounded, "b"));
  assert.deepEqual(reasons(together), [id, id, "OPEN_INVOCATIONS_LIMITED"], "in one commit");
  const later = await gateway.accept(
    ...[keyed(bounded, "b"), keyed(bounded, "a"), keyed(bounded, "a", "changed")],
  );
  const wanted = ["OPEN_INVOCATIONS_LIMITED", id, "IDEMPOTENCY_KEY_CONFLICT"];
  assert.deepEqual(reasons(later), wanted);
  const other = keyed(quoted, "a");
  await gateway.accept(other);
  world.setQuotas({ openInvocationsMax: 1 });
  const quota = await gateway.accept(keyed(quoted, "b"), keyed(quoted, "a"));
  assert.deepEqual(reasons(quota), ["QUOTA_OPEN_INVOCATIONS_EXCEEDED", other.id]);
  assert.equal((await world.balance()).sums.accepted, 2);
});

test("what its gateway lets in no more is refused in its words, unless its key stands for something", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const no = {
    code: "RESOURCE_EXHAUSTED",
    reason: "RATE_LIMITED",
    message: "m",
    hint: "h",
  } as const;
  const kept = { ...no, retryable: true, details: { retryAfterMs: 5 } };
  const keyed = (key: string, more: object = {}) =>
    world.piece(fn, { ik: { key, digest: "d" }, ...more });
  const first = keyed("a");
  await gateway.accept(first);
  const answers = await gateway.accept(
    ...[keyed("b", { no: kept }), keyed("a", { no: kept }), keyed("c")],
  );
  assert.deepEqual(answers[0], { ok: false, error: kept });
  assert.deepEqual(answers[1], { ok: true, id: first.id, repeated: true });
  assert.equal(answers[2]?.ok, true, "whoever comes with it is not refused for it");
  const called = { src: "call", rq: { m: "GET", u: "/", a: "h.test", h: [] } } as const;
  const call = { ...keyed("a", { no: kept }), ...called, ik: { key: "a", digest: "d" } };
  assert.deepEqual(await gateway.call(call), { ok: true, id: first.id, held: false });
  const unknown = { ...call, id: ids.requestId(), ik: { key: "z", digest: "d" } };
  assert.deepEqual(await gateway.call(unknown), { ok: false, error: kept });
  assert.equal((await world.balance()).sums.accepted, 2);
});

test("what was accepted is told so while more waits to be written than may", async () => {
  await using world = await World.open();
  const functionId = world.function();
  const acceptance = () => ({
    ...{ id: ids.requestId(), functionId, source: "api" as const, atMs: world.clock.wallMs() },
    ...{ event: {}, payload: new Uint8Array(0) },
  });
  const first = { ...acceptance(), idempotency: { key: "k", digest: "d" } };
  await world.dispatch.accept([first]);
  const { promise: written, resolve: write } = Promise.withResolvers<void>();
  world.fault = async (name, pass) => {
    if (name !== "accept") return await pass();
    await written;
    throw storeError("STORE_UNAVAILABLE", { engine: "a test", problem: "it is one" });
  };
  const crowd = Array.from({ length: BATCH_BOUNDS.waitingItemsMax + 1 }, acceptance);
  // Three are under way at once; the fourth waits, and is as many as may.
  const singles = [[acceptance()], [acceptance()], [acceptance()]];
  const full = [...singles, crowd].map((items) => world.dispatch.accept(items));
  const again = { ...acceptance(), idempotency: { key: "k", digest: "d" } };
  const answers = await world.dispatch.accept([acceptance(), again]);
  write();
  await Promise.all(full);
  const [refused, known] = answers;
  assert.equal(!refused?.ok && refused?.error.reason, "LEDGER_BACKLOG_FULL", "the control");
  assert.deepEqual(known, { ok: true, id: first.id, repeated: true });
});

test("whom the store cannot tell what its key stands for is not told that a limit was reached", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { openInvocationsMax: 1 } });
  await gateway.accept(world.piece(fn));
  world.fault = async (name, pass) => {
    if (name === "findKnown") throw storeError("STORE_UNAVAILABLE", { engine: "x", problem: "y" });
    return await pass();
  };
  const [told] = await gateway.accept(world.piece(fn));
  assert.equal(!told?.ok && told?.error.reason, "STORE_UNAVAILABLE");
});

test("an attempt that failed is made again under another request id", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { retryDelayMs: 10, attempts: 2 } });
  await gateway.accept(world.piece(fn));
  const first = await gateway.holds(1);
  assert.deepEqual(await gateway.settle(first, { outcome: "function_error" }), ["retried"]);
  const second = await gateway.holds(1);
  assert.deepEqual(
    second.map(({ head: { id, n } }) => [id, n]),
    first.map(({ head: { id } }) => [id, 2]),
  );
  assert.notEqual(second[0]?.head.r, first[0]?.head.r);
  assert.deepEqual(await gateway.settle(second, { outcome: "function_error" }), ["settled"]);
  assert.equal((await world.balance()).sums.failed, 1);
});

test("no more is out than a function's instances take", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ maxInstances: 3 });
  await gateway.accept(...[1, 2, 3, 4, 5, 6, 7].map(() => world.piece(fn)));
  const runs = await gateway.holds(3);
  await gateway.settle(runs.slice(0, 1));
  await gateway.holds(3);
  gateway.onRun = "end";
  await gateway.settle([...gateway.held.values()]);
  await until("all to end", async () => (await world.balance()).sums.succeeded === 7);
});

test("control's restart leaves attempts with the gateway that holds them", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  await gateway.accept(world.piece(fn), world.piece(fn));
  const runs = await gateway.holds(2);
  await world.stop();
  await world.start();
  gateway.reconnect();
  assert.deepEqual(await gateway.sayHolding(), { abandon: [] });
  assert.deepEqual(await gateway.settle(runs), ["settled", "settled"]);
  assert.equal(gateway.given.length, 2);
});

test("what a gateway does not have any more is made again, and what it had no right to is given up", async () => {
  await using world = await World.open({ holderGraceMs: 60_000 });
  const gateway = await world.gateway();
  const fn = world.function();
  await gateway.accept(world.piece(fn), world.piece(fn));
  const [lost, kept] = await gateway.holds(2);
  assert.ok(lost !== undefined && kept !== undefined);
  gateway.held.delete(`${lost.head.id} 1`);
  const strange = { head: { ...lost.head, id: ids.requestId() }, payload: "" };
  gateway.held.set(`${strange.head.id} 1`, strange);
  gateway.reconnect();
  assert.deepEqual(await gateway.sayHolding(), { abandon: [1] });
  await gateway.holds(2);
  assert.equal(gateway.held.get(`${lost.head.id} 2`)?.head.id, lost.head.id);
  assert.deepEqual(await gateway.settle([lost]), ["stale"]);
});

test("what a gateway held that never comes back is made again by another", async () => {
  await using world = await World.open();
  const first = await world.gateway();
  const fn = world.function();
  await first.accept(world.piece(fn));
  const [run] = await first.holds(1);
  const second = await world.gateway();
  first.link.close("it died");
  const [again] = await second.holds(1);
  assert.deepEqual([again?.head.id, again?.head.n], [run?.head.id, 2]);
});

test("what a function gives up when its gateway is lost ends as failed, and is not made again", async () => {
  await using world = await World.open();
  const first = await world.gateway();
  const fn = world.function({ policy: { giveUpOn: ["platform"] } });
  await first.accept(world.piece(fn));
  await first.holds(1);
  const second = await world.gateway();
  first.link.close("it died");
  await until("it to end", async () => (await world.balance()).sums.failed === 1);
  const { held, difference } = await world.balance();
  assert.deepEqual([held, difference, second.held.size], [0, 0, 0]);
});

test("without the release of lost gateways what one held stays open", async () => {
  await using world = await World.open({ holderGraceMs: 1_000_000 });
  const first = await world.gateway();
  const fn = world.function();
  await first.accept(world.piece(fn));
  await first.holds(1);
  const second = await world.gateway();
  first.link.close("it died");
  await second.accept(world.piece(fn));
  const runs = await second.holds(1);
  await second.settle(runs);
  const { sums, held, difference } = await world.balance();
  assert.deepEqual([sums.accepted, sums.succeeded, held, difference], [2, 1, 1, 0]);
});

test("what was held by a gateway that is gone when control starts is made again", async () => {
  await using world = await World.open({ startGraceMs: 50 });
  const first = await world.gateway();
  const fn = world.function();
  await first.accept(world.piece(fn));
  await first.holds(1);
  await world.stop();
  await world.start();
  const second = await world.gateway();
  const [again] = await second.holds(1);
  assert.equal(again?.head.n, 2);
});

test("attempts that a gateway refuses go to another", async () => {
  await using world = await World.open();
  const first = await world.gateway();
  first.onRun = "refuse";
  const fn = world.function();
  await first.accept(world.piece(fn));
  const second = await world.gateway();
  await second.holds(1);
});

test("what waits for a function that was removed ends as failed", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ maxInstances: 1 });
  await gateway.accept(...[1, 2, 3].map(() => world.piece(fn)));
  const runs = await gateway.holds(1);
  world.remove(fn);
  await until("the waiting ones to end", async () => (await world.balance()).sums.failed === 2);
  assert.deepEqual(await gateway.settle(runs), ["settled"]);
  assert.equal((await world.balance()).difference, 0);
});

test("a timer whose function is gone, of which control was never told, is paused by its tick", async () => {
  await using world = await World.open();
  await world.gateway();
  const fn = world.function({ name: "ticked" });
  const name = { accountId: world.accountId, app: "shop", name: "often" };
  const { timers } = world.dispatch;
  const every = { cron: "* * * * * *", timezone: "UTC", missed: "skip" } as const;
  const request = {
    function: "ticked",
    ...every,
    enabled: true,
    eventFormat: "skerry",
  } as const;
  await timers.put({ ...name, ifVersion: null, functionId: fn, request });
  world.remove(fn);
  await until("it to be paused", async () => !(await timers.get(name)).enabled);
  assert.equal((await timers.get(name)).pausedBecause, "function_removed");
  await until("its ticks to end", async () => (await world.balance()).ready === 0);
  assert.ok((await world.balance()).sums.failed > 0);
});

test("what is cancelled while it waits has ended, and what runs is asked to end", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ maxInstances: 1 });
  const pieces = [1, 2, 3].map(() => world.piece(fn, { ok: "hotel-1" }));
  await gateway.accept(...pieces);
  const [run] = await gateway.holds(1);
  assert.ok(run !== undefined);
  const { id } = run.head;
  const [, waiting] = pieces;
  assert.ok(waiting !== undefined);
  assert.equal(await world.dispatch.cancel(waiting.id), "cancelled");
  assert.equal(await world.dispatch.cancel(id), "stopping");
  assert.equal(await world.dispatch.cancel(id), "stopping");
  await until("it to be asked", () => gateway.stopping.some((one) => one.id === id));
  assert.equal((await world.balance()).sums.cancelled, 1, "it has not ended yet");
  assert.equal(gateway.given.length, 1, "nor begins the next of its key before it has");
  assert.deepEqual(await gateway.settle([run], { result: "half" }), ["settled"]);
  assert.equal(await world.dispatch.cancel(id), "over");
  await gateway.holds(1);
  const found = await world.service.get({ accountId: world.accountId, apps: null, id });
  assert.deepEqual([found?.state, found?.result?.bytes], ["cancelled", 4]);
  assert.deepEqual([(await world.balance()).sums.cancelled], [2]);
});

test("what is cancelled while its event is on its way to a gateway is asked to end there", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const piece = world.piece(world.function());
  const event = JSON.stringify("x".repeat(1 << 20));
  await gateway.ask("accept", [piece], event);
  assert.equal(gateway.held.size, 0);
  assert.equal(await world.dispatch.cancel(piece.id), "stopping");
  const [run] = await gateway.holds(1);
  assert.ok(run !== undefined);
  await until("it to be asked", () => gateway.stopping.length === 1);
  await gateway.settle([run]);
  assert.equal((await world.balance()).sums.cancelled, 1);
});

test("one that failed or was lost after it was cancelled is not made again", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { retryDelayMs: 10 } });
  await gateway.accept(world.piece(fn), world.piece(fn));
  const runs = await gateway.holds(2);
  const [failed] = runs;
  assert.ok(failed !== undefined);
  for (const { head } of runs) await world.dispatch.cancel(head.id);
  await gateway.settle([failed], { outcome: "function_error" });
  gateway.link.close("it died");
  await until("both to end", async () => (await world.balance()).sums.cancelled === 2);
});

test("jobs that are cancelled say nothing of their function, however they end", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const breaker = { failures: 2, windowMs: 60_000, pauseMs: 60_000, pauseMsMax: 60_000 };
  const fn = world.function({ policy: { attempts: 1, breaker } });
  const fail = async (isCancelled: boolean): Promise<void> => {
    await gateway.accept(world.piece(fn), world.piece(fn));
    const runs = await gateway.holds(2);
    for (const { head } of isCancelled ? runs : []) await world.dispatch.cancel(head.id);
    await gateway.settle(runs, { outcome: "function_error" });
  };
  await fail(true);
  assert.equal(world.dispatch.laneOf(fn).openUntilMs, undefined);
  await fail(false);
  assert.notEqual(world.dispatch.laneOf(fn).openUntilMs, undefined, "the control");
});

test("a gateway that was away is asked to end what was cancelled meanwhile, also by another control", async () => {
  await using world = await World.open({ holderGraceMs: 60_000 });
  const gateway = await world.gateway();
  await gateway.accept(world.piece(world.function()));
  const [run] = await gateway.holds(1);
  assert.ok(run !== undefined);
  gateway.link.close("the test broke it");
  assert.equal(await world.dispatch.cancel(run.head.id), "stopping");
  await world.stop();
  await world.start();
  gateway.reconnect();
  await gateway.sayHolding();
  await until("it to be asked", () => gateway.stopping.length === 1);
  assert.deepEqual(await gateway.settle([run]), ["settled"]);
});

test("what a handler reports is seen at once, is kept, and is believed of its holder alone", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  await gateway.accept(world.piece(world.function()));
  const [run] = await gateway.holds(1);
  assert.ok(run !== undefined);
  const { id } = run.head;
  const name = { accountId: world.accountId, apps: null, id };
  const changed = world.dispatch.watch(id).changed;
  await gateway.report(run, { done: 2, total: 8 });
  await changed;
  const shown = async () => (await world.service.get(name))?.progress?.value;
  assert.deepEqual(await shown(), { done: 2, total: 8 });
  const stranger = await world.gateway();
  await stranger.report(run, "forged");
  await gateway.ask("progress", [{ id, n: 1, at: Date.now() }], "no JSON");
  assert.deepEqual(await shown(), { done: 2, total: 8 });
  await gateway.report(run, 0.9);
  await gateway.settle([run]);
  await world.stop();
  await world.start();
  assert.equal(await shown(), 0.9);
});

test("of an ordering key one runs after the other", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const pieces = [1, 2, 3].map(() => world.piece(fn, { ok: "hotel-1" }));
  await gateway.accept(...pieces);
  for (const { id } of pieces) {
    const runs = await gateway.holds(1);
    assert.equal(runs[0]?.head.id, id);
    await gateway.settle(runs);
  }
});

test("what is due later begins then", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const due = Date.now() + 300;
  await gateway.accept(world.piece(fn, { due }));
  await gateway.holds(1);
  assert.ok(Date.now() >= due);
});

test("of what came together only the piece is refused that cannot be read", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const odd = [{}, { ...world.piece(fn), at: "now" }, { ...world.piece(fn), ok: 7 }];
  const [first, last] = [world.piece(fn), world.piece(fn)];
  const results = (await gateway.ask("accept", [first, ...odd, last], "{}")) as AcceptResult[];
  assert.deepEqual(
    results.map((result) => (result.ok ? result.id : result.error.reason)),
    [first.id, ...odd.map(() => "LEDGER_PIECE_UNREADABLE"), last.id],
  );
  assert.equal((await world.balance()).sums.accepted, 2);
  await gateway.holds(2);
});

test("of attempts that go out together only the one is made again that cannot be read", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const pieces = [world.piece(fn), world.piece(fn), world.piece(fn)];
  const [first, odd, last] = pieces;
  let refusals = 0;
  gateway.isUnread = ({ id }) => {
    if (id !== odd?.id || refusals === 2) return false;
    refusals += 1;
    return true;
  };
  await gateway.accept(...pieces);
  const runs = await gateway.holds(3);
  assert.deepEqual(
    new Set(runs.map(({ head: { id, n } }) => `${id} ${n}`)),
    new Set([`${first?.id} 1`, `${odd?.id} 3`, `${last?.id} 1`]),
  );
  assert.deepEqual(await gateway.settle(runs), ["settled", "settled", "settled"]);
  assert.ok(odd !== undefined);
  const found = await world.service.get({ accountId: world.accountId, apps: null, id: odd.id });
  const unread = ["unavailable", "LEDGER_PIECE_UNREADABLE"];
  assert.deepEqual(
    found?.history.map(({ outcome, error }) => [outcome, error?.reason]),
    [unread, unread, ["ok", undefined]],
  );
  assert.equal((await world.balance()).difference, 0);
});

test("of ends that came together each that can be read is written, and the other's attempt is made again", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function({ policy: { retryDelayMs: 10 } });
  await gateway.accept(world.piece(fn), world.piece(fn));
  const [first, second] = (await gateway.holds(2)).map(({ head }) => head);
  assert.ok(first !== undefined && second !== undefined);
  const ends = [
    { ...first, o: "ok", from: 1, to: 2 },
    { ...second, o: "splendid", from: 1, to: 2 },
    { id: "who?", n: 1 },
  ];
  assert.deepEqual(await gateway.ask("settle", ends), ["settled", "retried", "stale"]);
  gateway.held.clear();
  const [again] = await gateway.holds(1);
  assert.deepEqual([again?.head.id, again?.head.n], [second.id, 2]);
  const { sums, difference } = await world.balance();
  assert.deepEqual([sums.succeeded, difference], [1, 0]);
});

test("a gateway whose pieces cannot be told apart is not believed", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  const question = { head: { op: "accept" }, body: Buffer.alloc(20, 1), deadlineMs: 10_000 };
  const context = { clock: systemClock(), peer: "control" };
  await assert.rejects(askOver(gateway.link, { ...question, bodyBytesMax: 1 << 20 }, context));
  assert.equal((await gateway.accept(world.piece(fn)))[0]?.ok, true);
  assert.equal((await world.balance()).sums.accepted, 1);
});

test("what is told for the page of metrics follows what happens", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  await gateway.accept(world.piece(fn), world.piece(fn));
  const valueOf = (name: string, label?: string): number | undefined =>
    world.dispatch.values().find((one) => one.name === name && one.label === label)?.value;
  await until("the sums", () => valueOf("ledger_invocations_total", "accepted") === 2);
  const runs = await gateway.holds(2);
  assert.deepEqual([valueOf("ledger_open"), valueOf("ledger_attempts_out")], [2, 2]);
  await gateway.settle(runs);
  await until("the ends", () => valueOf("ledger_invocations_total", "succeeded") === 2);
  assert.deepEqual(
    ["ledger_open", "ledger_difference", "ledger_lanes"].map((name) => valueOf(name)),
    [...[0, 0, 0]],
  );
});

test("a function is told of what succeeded by another, and one that is not there visibly not", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const told = world.function({ name: "told", policy: { onSuccess: { function: "shop/gone" } } });
  const fn = world.function({ policy: { onSuccess: { function: "shop/told" } } });
  const [accepted] = await gateway.accept(world.piece(fn, { ct: "text/plain" }));
  assert.ok(accepted?.ok === true);
  await gateway.settle(await gateway.holds(1), { result: "done" });
  const [run] = await gateway.holds(1);
  assert.ok(run !== undefined);
  assert.deepEqual([run.head.f, run.head.src], [told, "destination"]);
  const document = JSON.parse(run.payload) as Record<string, unknown>;
  assert.deepEqual([document["id"], document["type"]], [accepted.id, "invocation.succeeded"]);
  await gateway.settle([run]);
  const { accountId } = world;
  const deliveryOf = async (id: RequestId) =>
    (await world.service.get({ accountId, apps: null, id }))?.delivery;
  const first = await deliveryOf(accepted.id);
  assert.deepEqual([first?.state, first?.invocation], ["delivered", run.head.id]);
  const second = await deliveryOf(run.head.id);
  assert.deepEqual([second?.state, second?.error?.reason], ["failed", "FUNCTION_NOT_FOUND"]);
});

test("what is too old to be made again after its gateway was lost is told of", async () => {
  await using world = await World.open({ holderGraceMs: 50 });
  const first = await world.gateway();
  const told = world.function({ name: "told" });
  const maxAgeMs = 20_000;
  const fn = world.function({ policy: { maxAgeMs, onFailure: { function: "shop/told" } } });
  await first.accept(world.piece(fn));
  await first.holds(1);
  const second = await world.gateway();
  world.clock.leap(maxAgeMs);
  first.link.close("it died");
  const [run] = await second.holds(1);
  assert.equal(run?.head.f, told);
});

test("books that do not balance are an error in the log", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  await gateway.accept(world.piece(world.function()));
  await world.stop();
  world.inLedger("DELETE FROM ledger_queue");
  await world.start();
  await until("the error", () => world.warnings.some((line) => line.includes("do not balance")));
});
