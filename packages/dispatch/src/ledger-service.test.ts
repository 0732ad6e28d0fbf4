import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, RequestId } from "@skerry/base";
import { BYTES_EVENT_TYPE } from "@skerry/contracts";
import { LedgerSweeper } from "./ledger-sweeper.ts";
import { failSome, redrive } from "../test/fail-some.ts";
import { World } from "../test/world.ts";

function asked(world: World) {
  return { accountId: world.accountId, apps: null, limit: 100 };
}

test("a replay gives the recorded event again, and a key accepts once", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const functionId = world.function();
  const how = { functionId, event: '{"a":1}', idempotencyKey: "k" };
  const { id } = await world.service.accept(how);
  assert.deepEqual(await world.service.accept(how), { id, repeated: true });
  const other = world.service.accept({ ...how, event: "{}" });
  await assert.rejects(other, { reason: "IDEMPOTENCY_KEY_CONFLICT" });
  await gateway.settle(await gateway.holds(1));
  const name = { ...asked(world), id: id as RequestId };
  const replayed = await world.service.replay(name);
  assert.ok(replayed !== undefined && replayed.id !== id);
  const [run] = await gateway.holds(1);
  assert.deepEqual(
    [run?.head.id, run?.head.src, run?.payload],
    [...[replayed.id, "replay", '{"a":1}']],
  );
  const once = { ...name, once: "replayInvocation key_1 k" };
  const first = await world.service.replay(once);
  assert.deepEqual(await world.service.replay(once), { ...first, repeated: true });
  assert.notEqual((await world.service.replay(name))?.id, first?.id, "the control: without a key");
  const stopping = await world.service.cancel({ ...name, id: replayed.id as RequestId });
  assert.deepEqual(stopping, { cancelled: true, stopping: true });
  const over = await world.service.cancel(name);
  assert.deepEqual(over, { cancelled: false, stopping: false });
  const confined = { ...name, apps: ["other"] };
  assert.equal(await world.service.cancel(confined), undefined);
  assert.equal(await world.service.get(confined), undefined);
  assert.equal(await world.service.payload(confined), undefined);
  assert.equal(await world.service.replay(confined), undefined, "as if it were not there");
});

test("an acceptance for a handler that gets bytes runs, is shown, keyed and replayed with that type", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const functionId = world.function();
  const bytes = { functionId, event: "{}", contentType: BYTES_EVENT_TYPE, idempotencyKey: "k" };
  const { id } = await world.service.accept(bytes);
  assert.deepEqual(await world.service.accept(bytes), { id, repeated: true });
  const parsed = world.service.accept({ ...bytes, contentType: "application/json" });
  await assert.rejects(parsed, { reason: "IDEMPOTENCY_KEY_CONFLICT" }, "it is another event");
  const ranAs = async (run: string | undefined): Promise<readonly unknown[]> => {
    const [held] = await gateway.holds(1);
    await gateway.settle(await gateway.holds(1));
    const shown = await world.service.get({ ...asked(world), id: run as RequestId });
    return [held?.head.id === run, held?.head.ct, shown?.payload.type];
  };
  assert.deepEqual(await ranAs(id), [true, BYTES_EVENT_TYPE, BYTES_EVENT_TYPE]);
  const replayed = await world.service.replay({ ...asked(world), id: id as RequestId });
  assert.deepEqual(await ranAs(replayed?.id), [true, BYTES_EVENT_TYPE, BYTES_EVENT_TYPE]);
  const plain = await world.service.accept({ functionId, event: "{}" });
  assert.deepEqual(await ranAs(plain.id), [true, undefined, "application/json"], "the control");
});

test("a replay runs as the version that is asked for, else as what was accepted", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const piece = { ...world.piece(world.function()), q: "release" };
  await gateway.accept(piece);
  const [accepted] = await gateway.holds(1);
  assert.equal(accepted?.head.q, "release");
  await gateway.settle(await gateway.holds(1));
  const name = { ...asked(world), id: piece.id };
  const ranAs = async (qualifier?: string): Promise<readonly (string | undefined)[]> => {
    const made = await world.service.replay({ ...name, qualifier });
    const [run] = await gateway.holds(1);
    await gateway.settle(await gateway.holds(1));
    const shown = await world.service.get({ ...name, id: made?.id as RequestId });
    return [run?.head.q, shown?.qualifier];
  };
  assert.deepEqual(await ranAs(), ["release", "release"]);
  assert.deepEqual(await ranAs("3"), ["3", "3"]);
  assert.deepEqual(await ranAs("$LATEST"), [undefined, "$LATEST"]);
});

test("the sweeper forgets by size and by age, and what is open stays", async () => {
  await using world = await World.open();
  const { failed } = await failSome(world, 3);
  const waiting = await world.service.accept({
    ...{ functionId: world.function(), event: "1", dueMs: Date.now() + 3_600_000 },
  });
  await redrive(world, { dryRun: true });
  const redrives = async () =>
    (await world.dispatch.redrives.list({ ...asked(world) })).items.length;
  let aheadMs = 0;
  const clock: Clock = {
    wallMs: () => world.clock.wallMs() + aheadMs,
    monotonicMs: () => world.clock.monotonicMs(),
    schedule: (...call) => world.clock.schedule(...call),
  };
  const deps = { store: world.store, random: world.random, log: world.log, clock };
  const sweeper = new LedgerSweeper(deps, { keepMs: 86_400_000, bytesMax: 1_500 });
  assert.equal(await sweeper.sweep(), 0, "they have only just ended");
  aheadMs = 60_000;
  assert.equal(await sweeper.sweep(), 1, "each takes about 600 bytes");
  assert.equal(await sweeper.sweep(), 0);
  assert.equal(await redrives(), 1);
  aheadMs = 2 * 86_400_000;
  assert.equal(await sweeper.sweep(), 2);
  assert.equal(await redrives(), 0);
  const { items } = await world.service.list(asked(world));
  assert.deepEqual(
    items.map(({ id }) => id),
    [waiting.id],
  );
  const { sums, difference } = await world.balance();
  assert.deepEqual([sums.forgotten, difference, failed.length], [3, 0, 3]);
  await sweeper.close();
});

test("who follows an invocation hears how it stands, what is reported, and its end", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const fn = world.function();
  await gateway.accept(world.piece(fn));
  const [run] = await gateway.holds(1);
  assert.ok(run !== undefined);
  const name = { accountId: world.accountId, apps: null, id: run.head.id };
  const moments = world.service.follow(name, new AbortController().signal);
  const next = async () => (await moments.next()).value ?? assert.fail();
  const begin = await next();
  assert.deepEqual([begin.state, begin.progress, begin.stopping], ["running", null, false]);
  const heard = next();
  await gateway.report(run, { done: 1, total: 2 });
  assert.deepEqual((await heard).progress?.value, { done: 1, total: 2 });
  await world.service.cancel(name);
  assert.equal((await next()).stopping, true);
  await gateway.settle([run], { result: "1" });
  const end = await next();
  assert.deepEqual([end.state, end.stopping, end.settledAt === null], ["cancelled", false, false]);
  assert.equal((await moments.next()).done, true);
  const strange = { ...name, apps: ["other"] };
  assert.equal((await world.service.follow(strange, AbortSignal.timeout(1)).next()).done, true);
});

test("a follow ends when nobody listens any more", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  await gateway.accept(world.piece(world.function(), { due: Date.now() + 1e6 }));
  const [piece] = (await world.service.list({ ...asked(world), limit: 1 })).items;
  const given = new AbortController();
  const name = { accountId: world.accountId, apps: null, id: piece?.id as RequestId };
  const moments = world.service.follow(name, given.signal);
  await moments.next();
  const last = moments.next();
  given.abort();
  assert.equal((await last).done, true);
});

test("a later attempt's request id names its invocation, whatever is done with it", async () => {
  await using world = await World.open();
  const gateway = await world.gateway();
  const piece = world.piece(world.function({ policy: { retryDelayMs: 10 } }));
  await gateway.accept(piece);
  await gateway.settle(await gateway.holds(1), { outcome: "function_error" });
  const [second] = await gateway.holds(1);
  assert.ok(second !== undefined && second.head.n === 2);
  const name = { ...asked(world), id: second.head.r };
  const { items } = await world.service.list({ ...asked(world), requestId: name.id });
  const moment = await world.service.follow(name, new AbortController().signal).next();
  const [shown, replayed] = [await world.service.get(name), await world.service.replay(name)];
  assert.deepEqual([items[0]?.id, shown?.id, moment.value?.id], [piece.id, piece.id, piece.id]);
  const made = await world.service.get({ ...name, id: replayed?.id as RequestId });
  assert.equal(made?.sourceId, piece.id);
  assert.deepEqual(await world.service.cancel(name), { cancelled: true, stopping: true });
  assert.equal((await world.service.get({ ...name, id: piece.id }))?.stopping, true);
});
