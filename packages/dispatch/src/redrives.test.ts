import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog, type RedriveId, type RequestId } from "@skerry/base";
import { newRedrive, redrivenId, type DuePlace, type RedriveRecord } from "@skerry/invocations";
import { storeError } from "@skerry/store";
import { HandClock, hasPostgres, startPostgres, until } from "@skerry/testkit";
import { failSome, makeRedrive, redrive, standOf } from "../test/fail-some.ts";
import { World } from "../test/world.ts";
import { Redrives, type RedrivesDeps } from "./redrives.ts";

/** What redrives have accepted, the oldest first: the old ids. */
async function redriven(world: World): Promise<readonly (string | null)[]> {
  const { accountId } = world;
  const asked = { accountId, apps: null, source: "redrive", limit: 1_000 } as const;
  const { items } = await world.service.list(asked);
  return items.map(({ sourceId }) => sourceId).reverse();
}

test("a redrive accepts anew what failed, once, in its order, and names where it came from", async () => {
  await using world = await World.open();
  const { gateway, failed } = await failSome(world, 3);
  const dry = await redrive(world, { dryRun: true });
  const counts = [dry.matched, dry.skipped, dry.redriven, dry.left, gateway.given.length];
  assert.deepEqual(counts, [3, 0, 0, 3, 3]);
  const done = await redrive(world);
  assert.deepEqual([done.state, done.matched, done.redriven, done.left], ["done", 3, 3, 0]);
  const again = await redrive(world);
  assert.deepEqual([again.matched, again.skipped, again.redriven], [3, 3, 0]);
  for (const id of failed) {
    const runs = await gateway.holds(1);
    assert.deepEqual(
      runs.map(({ head, payload }) => [head.id, head.src, payload]),
      [[redrivenId(id), "redrive", "payload"]],
    );
    await gateway.settle(runs);
  }
  const name = { accountId: world.accountId, apps: null };
  const shown = await world.service.get({
    ...name,
    id: redrivenId(failed[0] ?? ("" as RequestId)),
  });
  const stand = [shown?.state, shown?.source, shown?.sourceId];
  assert.deepEqual(stand, ["succeeded", "redrive", failed[0]]);
  assert.equal((await world.balance()).difference, 0);
});

test("a redrive puts through to the version that it names, else to what each was accepted for", async () => {
  await using world = await World.open();
  const { gateway, fn } = await failSome(world, 1);
  const piece = { ...world.piece(fn), q: "release" };
  await gateway.accept(piece);
  await gateway.settle(await gateway.holds(1), { outcome: "function_error" });
  const ranAs = async (qualifier?: string): Promise<readonly (string | undefined)[]> => {
    const { qualifier: shown, redriven: accepted } = await redrive(world, { qualifier });
    assert.deepEqual([shown, accepted], [qualifier ?? null, 2]);
    const said: (string | undefined)[] = [];
    while (said.length < accepted) {
      await until("attempts", () => gateway.held.size > 0);
      const runs = [...gateway.held.values()];
      said.push(...runs.map(({ head }) => head.q));
      await gateway.settle(runs, { outcome: "function_error" });
    }
    return said;
  };
  assert.deepEqual(await ranAs(), [undefined, "release"]);
  assert.deepEqual(await ranAs("3"), ["3", "3"]);
});

test("a redrive keeps to its limit, its apps and what was accepted before it", async () => {
  await using world = await World.open();
  const { failed, fn, gateway } = await failSome(world, 3);
  const elsewhere = await redrive(world, { apps: ["other"] });
  assert.deepEqual([elsewhere.matched, elsewhere.redriven], [0, 0]);
  const before = await redrive(world, { toMs: Date.now() - 3_600_000 });
  assert.equal(before.matched, 0);
  const two = await redrive(world, { limit: 2 });
  assert.deepEqual([two.matched, two.redriven, two.left], [2, 2, 0]);
  assert.deepEqual(await redriven(world), failed.slice(1));
  for (let ended = 0; ended < 2; ended += 1)
    await gateway.settle(await gateway.holds(1), { outcome: "function_error" });
  const rest = await redrive(world, { functionId: fn, toMs: Date.now() + 3_600_000 });
  assert.deepEqual(
    [rest.matched, rest.skipped, rest.redriven],
    [5, 2, 3],
    "what it redrove as well",
  );
});

test("a redrive spreads what it accepts out, and ends where it is cancelled", async () => {
  await using world = await World.open();
  const { redrives } = world.dispatch;
  await failSome(world, 2);
  const { id } = await makeRedrive(world, { ratePerSecond: 0.01 });
  const name = { accountId: world.accountId, apps: null, id: id as RedriveId };
  await until("the first", async () => (await standOf(world, id)).redriven === 1);
  const stand = await standOf(world, id);
  assert.deepEqual([stand.state, stand.left], ["running", 1]);
  const gapMs = Date.parse(stand.nextAt ?? "") - Date.parse(stand.createdAt);
  assert.ok(gapMs >= 100_000, `${gapMs} ms until the second`);
  assert.equal(await redrives.turn({ ...name, apps: ["other"], turn: "cancel" }), undefined);
  const ended = await redrives.turn({ ...name, turn: "cancel" });
  assert.deepEqual([ended?.state, ended?.redriven], ["cancelled", 1]);
  assert.equal((await redrives.turn({ ...name, turn: "resume" }))?.state, "cancelled");
});

test("a redrive accepts nothing more once it is paused, and goes on when it is resumed", async () => {
  await using world = await World.open();
  const { redrives } = world.dispatch;
  const { failed } = await failSome(world, 3);
  const step = Promise.withResolvers<void>();
  const paused = Promise.withResolvers<void>();
  let steps = 0;
  world.fault = async (name, pass) => {
    if (name === "stepRedrive") steps += 1;
    // The first one counts; the second is on its way into the store when the pause comes.
    if (name !== "stepRedrive" || steps !== 2) return await pass();
    step.resolve();
    await paused.promise;
    return await pass();
  };
  const { id } = await makeRedrive(world);
  const name = { accountId: world.accountId, apps: null, id: id as RedriveId };
  await step.promise;
  assert.equal((await redrives.turn({ ...name, turn: "pause" }))?.state, "paused");
  paused.resolve();
  assert.equal((await redrives.turn({ ...name, turn: "pause" }))?.redriven, 0);
  await world.stop();
  await world.start();
  assert.deepEqual(await redriven(world), [], "what was on its way is not accepted");
  const resumed = await world.dispatch.redrives.turn({ ...name, turn: "resume" });
  assert.equal(resumed?.state, "running");
  await until("its end", async () => (await standOf(world, id)).state === "done");
  assert.deepEqual(await redriven(world), failed);
});

test("what is of a function that is gone is counted with its reason, and not accepted", async () => {
  await using world = await World.open();
  const { fn } = await failSome(world, 1);
  world.remove(fn);
  const { state, redriven: accepted, refused } = await redrive(world);
  assert.deepEqual([state, accepted], ["done", 0]);
  assert.deepEqual(refused, [{ reason: "FUNCTION_NOT_FOUND", count: 1 }]);
});

test("a function that is over its limits holds up no other one", async () => {
  await using world = await World.open();
  const { fn, gateway } = await failSome(world, 3);
  const other = await failSome(world, 2, {
    gateway,
    fn: world.function({ name: "other", policy: { attempts: 1 }, maxInstances: 50 }),
  });
  world.configure(fn, { policy: { attempts: 1, openInvocationsMax: 1 }, maxInstances: 50 });
  const { id } = await makeRedrive(world);
  await until("all but two", async () => (await standOf(world, id)).left === 2);
  const sources = await redriven(world);
  assert.ok(other.failed.every((one) => sources.includes(one)));
  const runs = await gateway.holds(2);
  gateway.onRun = "end";
  await gateway.settle(runs);
  await until("its end", async () => (await standOf(world, id)).state === "done");
  assert.equal((await standOf(world, id)).redriven, 5);
});

test("a redrive goes on after control stops in the middle, and puts each through once", async () => {
  await using world = await World.open();
  const { failed } = await failSome(world, 4);
  let steps = 0;
  // Control hears of no step that accepts something: it does not know what was written.
  world.fault = async (name, pass) => {
    const answer = await pass();
    if (name !== "stepRedrive") return answer;
    steps += 1;
    // The first one counts.
    if (steps === 1) return answer;
    throw storeError("STORE_OUTCOME_UNKNOWN", { engine: "SQLite", problem: "a test" });
  };
  const { id } = await makeRedrive(world, { ratePerSecond: 100_000 });
  await until("a step", () => steps >= 2);
  await world.stop();
  world.fault = (_name, pass) => pass();
  await world.start();
  await until("its end", async () => (await standOf(world, id)).state === "done");
  const { matched, redriven: accepted, skipped } = await standOf(world, id);
  assert.deepEqual([matched, accepted, skipped], [4, 4, 0]);
  assert.deepEqual(await redriven(world), failed);
});

test("the same name makes one redrive, and an account has so many open ones", async () => {
  await using world = await World.open();
  const first = await makeRedrive(world, { once: "a", dryRun: true });
  assert.equal((await makeRedrive(world, { once: "a" })).id, first.id);
  assert.notEqual((await redrive(world)).id, first.id, "the control: without a name");
  const hasEnded = async () => (await standOf(world, first.id)).endedAt !== null;
  await until("the first to end as well", hasEnded);
  // From here on none comes to its end.
  world.fault = async (name, pass) => {
    if (name !== "countRedrivable") return await pass();
    throw storeError("STORE_OUTCOME_UNKNOWN", { engine: "SQLite", problem: "a test" });
  };
  for (let open = 0; open < 20; open += 1) await makeRedrive(world);
  await assert.rejects(makeRedrive(world), { reason: "REDRIVES_OPEN_LIMITED" });
  const { accountId } = world;
  const { redrives } = world.dispatch;
  const page = await redrives.list({ accountId, apps: null, limit: 15 });
  const next = await redrives.list({
    ...{ accountId, apps: null, limit: 15, cursor: page.nextCursor ?? "" },
  });
  const ids = [...page.items, ...next.items].map((one) => one.id);
  assert.deepEqual([ids.length, next.nextCursor], [22, null]);
  assert.deepEqual(ids, ids.toSorted().reverse(), "newest first");
  const confined = await redrives.list({ accountId, apps: ["shop"], limit: 100 });
  assert.deepEqual(confined.items, []);
  const wrong = redrives.list({ accountId, apps: null, limit: 1, cursor: "x" });
  await assert.rejects(wrong, { reason: "INPUT_INVALID" });
});

const skip = hasPostgres() ? false : "PostgreSQL is absent";

test("platforms that share a database put each through once", { skip }, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  const shared = { url: server.url, looksEveryMs: 50 };
  await using here = await World.open({}, shared);
  const { fn, failed } = await failSome(here, 30);
  await using there = await World.open({}, { ...shared, accountId: here.accountId });
  there.configure(fn, { policy: { attempts: 1 }, maxInstances: 50 });
  const { id } = await makeRedrive(there, { ratePerSecond: 50 });
  here.dispatch.redrives.wake();
  await until("its end", async () => (await standOf(here, id)).state === "done");
  const { matched, redriven: accepted, skipped } = await standOf(there, id);
  assert.deepEqual([matched, accepted, skipped], [30, 30, 0]);
  const sources = await redriven(here);
  assert.deepEqual(new Set(sources), new Set(failed));
  assert.equal(sources.length, failed.length);
});

/** Of a store that cannot be read, but for what is due; what it is told of ends is kept. */
function overBrokenStore(pages: readonly (readonly RedriveRecord[])[]) {
  const clock = new HandClock();
  const told: { readonly id: RedriveId; readonly turn: unknown }[] = [];
  const looked: string[] = [];
  const answers: Record<string, (args: never) => unknown> = {
    dueRedrives: ({ after }: { readonly after: DuePlace | null }) => {
      const at = after?.dueMs ?? 0;
      const next = at + 1 < pages.length ? { dueMs: at + 1, id: "" } : null;
      const ended = told.map(({ id }) => id);
      const redrives = pages[at]?.filter(({ id }) => !ended.includes(id)) ?? [];
      return { redrives, next, nextDueMs: null };
    },
    countRedrivable: ({ accountId }: RedriveRecord) => {
      looked.push(accountId);
      throw storeError("STORE_UNAVAILABLE", { engine: "SQLite", problem: "a test" });
    },
    turnRedrive: (args) => void told.push(args),
  };
  const call = async (_: unknown, name: string, args: unknown): Promise<unknown> =>
    await Promise.resolve(answers[name]?.(args as never));
  const deps = { store: { call }, clock, log: silentLog() } as unknown as RedrivesDeps;
  const redrives = new Redrives(deps, { isShared: false });
  return { clock, told, redrives, looked };
}

function runningRecord(id: string): RedriveRecord {
  return {
    ...{ id, accountId: `of ${id}`, version: 1, selection: { limit: null } },
    redrive: newRedrive({ fromSeq: 0, toSeq: 9 }),
  } as unknown as RedriveRecord;
}

test("whatever is due gets a step, behind any number whose steps fail", async () => {
  const pages = ["rdr_1", "rdr_2", "rdr_3"].map((id) => [runningRecord(id)]);
  const { clock, redrives, looked } = overBrokenStore(pages);
  redrives.wake();
  await until("a rest", () => clock.nextInMs !== undefined);
  assert.deepEqual(looked, ["of rdr_1", "of rdr_2", "of rdr_3"]);
  await redrives.close();
});

test("a redrive whose steps fail for minutes has failed, and is tried ever more seldom", async () => {
  const { clock, told, redrives, looked } = overBrokenStore([[runningRecord("rdr_1")]]);
  const fromMs = clock.monotonicMs();
  redrives.wake();
  while (told.length === 0) {
    await until("a timer, or its failure", () => clock.nextInMs !== undefined || told.length > 0);
    if (told.length === 0) clock.advance(clock.nextInMs ?? 0);
  }
  // 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60 + 60 s.
  assert.deepEqual([looked.length, (clock.monotonicMs() - fromMs) / 1_000], [10, 243]);
  const { turn } = told[0] as unknown as { turn: { kind: string; error: { reason: string } } };
  assert.deepEqual([turn.kind, turn.error.reason], ["fail", "STORE_UNAVAILABLE"]);
  await redrives.close();
});
