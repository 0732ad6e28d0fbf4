import assert from "node:assert/strict";
import { AppReleases, figures, FUNCTIONS, PLAN } from "../test/app-release-world.ts";
import { assertWhole, onBothStores, refused, type ReleaseCases } from "../test/release-world.ts";

const FINE = figures(0);
const BAD = figures(40);
const to = (version: number) => ({ version, shares: [], rules: [] });

/** All functions lead alike at a stage. */
function together(stage: string, target: unknown): Record<string, unknown> {
  return Object.fromEntries(FUNCTIONS.map((name) => [`${name}:${stage}`, target]));
}

const GOING: ReleaseCases = {
  "a release publishes all functions and leads them from place to place together": async (
    world,
  ) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    const { id, functions } = await releases.create();
    assert.deepEqual(
      functions,
      FUNCTIONS.map((name) => ({ function: name, from: 1, to: 2 })),
    );
    await releases.step(await releases.due(), { kind: "step" });
    const old = together("release", to(1));
    assert.deepEqual(await releases.led(), { ...old, ...together("test", to(2)) });
    await releases.step(await releases.due(), { kind: "step" });
    const shared = { version: 1, shares: [{ version: 2, perMille: 100 }], rules: [] };
    const canary = { ...together("test", to(2)), ...together("release", shared) };
    assert.deepEqual(await releases.led(), canary);
    await releases.step(await releases.due(), FINE);
    await releases.step(await releases.due(), FINE);
    const { state, places } = await releases.get(id);
    assert.equal(state, "done");
    assert.deepEqual([...new Set(places.map((place) => place.state))], ["passed"]);
    const all = { ...together("test", to(2)), ...together("release", to(2)) };
    assert.deepEqual(await releases.led(), all);
    assertWhole(await world.kept());
    const [latest] = await world.history("buy", "release");
    assert.match(latest?.reason ?? "", new RegExp(`^Release ${id}`));
  },

  "one that fails leads back exactly to what was before, aliases that it made included": async (
    world,
  ) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    const rules = [{ part: { from: "path" as const }, is: { prefix: "/new" }, version: 1 }];
    await world.set("buy:release", { version: 1, rules, stickyBy: { from: "path" } });
    const before = await releases.led();
    const { id } = await releases.create();
    await releases.toCanary(id);
    await releases.step(await releases.due(), BAD);
    const { state, why, endedAt } = await releases.get(id);
    assert.equal(state, "rolledBack");
    assert.match(why ?? "", /add: 40 % of 100 requests fail, 0 % of 100 did/);
    assert.ok(endedAt !== null);
    assert.deepEqual(await releases.led(), before);
    assertWhole(await world.kept());
  },

  "a release waits for its approval, and goes back when it is aborted, wherever it is": async (
    world,
  ) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    const before = await releases.led();
    const first = await releases.create({ isApproved: false });
    await releases.step(await releases.due(), { kind: "step" });
    await releases.step(await releases.due(), { kind: "step" });
    assert.equal((await releases.get(first.id)).state, "waiting");
    await assert.rejects(releases.due(), /none runs/);
    const waiting = await releases.get(first.id);
    await refused(releases.turn("approve", first.id, 1), "RELEASE_CHANGED");
    const ifChange = Number(waiting.etag.replaceAll('"', ""));
    assert.equal((await releases.turn("approve", first.id, ifChange)).state, "running");
    await releases.step(await releases.due(), { kind: "step" });
    assert.equal((await releases.turn("abort", first.id)).state, "aborted");
    assert.deepEqual(await releases.led(), before);
    assert.equal((await releases.turn("abort", first.id)).state, "aborted", "twice is once");
    await refused(releases.turn("resume", first.id), "RELEASE_ENDED");
  },

  "what somebody else changed is not led further: it pauses, and takes it back when resumed":
    async (world) => {
      const releases = new AppReleases(world);
      await releases.prepare();
      const { id } = await releases.create();
      await releases.toCanary(id);
      await world.set("list:release", 2, { reason: "by hand" });
      const between = await releases.led();
      await releases.step(await releases.due(), FINE);
      const paused = await releases.get(id);
      assert.equal(paused.state, "paused");
      assert.match(paused.why ?? "", /The alias shop\/list:release was changed by somebody else/);
      assert.deepEqual(await releases.led(), between, "nothing was moved");
      await releases.turn("resume", id);
      await releases.step(await releases.due(), FINE);
      await releases.step(await releases.due(), FINE);
      assert.equal((await releases.get(id)).state, "done");
    },

  "one that fails goes back but for what somebody else changed, and names it; an abort takes all":
    async (world) => {
      const releases = new AppReleases(world);
      await releases.prepare();
      const before = await releases.led();
      for (const isAborted of [false, true]) {
        const { id } = await releases.create();
        await releases.toCanary(id);
        const byHand = { version: 1, shares: [{ version: 2, perMille: 3 }] };
        await world.set("list:release", byHand, { reason: "by hand" });
        if (isAborted) await releases.turn("abort", id);
        else await releases.step(await releases.due(), BAD);
        const { state, why } = await releases.get(id);
        assert.equal(state, isAborted ? "aborted" : "rolledBack");
        const theirs = { "list:release": { ...byHand, rules: [] } };
        const wanted = isAborted ? before : { ...before, ...theirs };
        assert.deepEqual(await releases.led(), wanted);
        const left = /fail.* changed it: the alias shop\/list:release\.$/;
        if (!isAborted) assert.match(why ?? "", left);
        assertWhole(await world.kept());
        await world.set("list:release", 1);
      }
    },
};

const EDGES: ReleaseCases = {
  "of two that saw a release alike one steps, and the other writes nothing": async (world) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    await releases.create();
    const seen = await releases.due();
    const steps = [seen, seen, seen].map((record) => releases.step(record, { kind: "step" }));
    const kinds = (await Promise.all(steps)).toSorted();
    assert.deepEqual(kinds, ["overtaken", "overtaken", "stepped"]);
    assert.equal((await world.history("buy", "test")).length, 1);
    const late = await releases.due();
    await releases.turn("pause", late.id);
    assert.equal(await releases.step(late, { kind: "step" }), "overtaken", "a pause is heard");
  },

  "no version goes that a release may lead to, on its way back either": async (world) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    const before = await releases.led();
    const { id } = await releases.create();
    await refused(world.deleteVersion("buy", 2), "RELEASE_OPEN");
    await world.release("buy", "three");
    const pruned = await world.prune("buy", 1);
    assert.deepEqual([pruned.removed, pruned.inUse], [[], [2, 1]]);
    await releases.toCanary(id);
    await releases.step(await releases.due(), FINE);
    await refused(world.deleteVersion("buy", 1), "RELEASE_OPEN");
    await releases.step(await releases.due(), BAD);
    assert.deepEqual(await releases.led(), before);
    assert.deepEqual((await world.prune("buy", 1)).removed, [2], "the control");
  },

  "an app has one open release, and none of what leads there already": async (world) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    const { id } = await releases.create();
    await refused(releases.create(), "RELEASE_OPEN");
    await releases.turn("abort", id);
    await world.publishApp("release");
    await refused(releases.create(), "RELEASE_NOTHING_NEW");
    await world.set("buy:release", { version: 1, shares: [{ version: 2, perMille: 5 }] });
    await refused(releases.create(), "RELEASE_ALIAS_DIVIDED");
  },

  "a plan says what a release would do, and writes nothing": async (world) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    const before = await world.kept();
    const plan = await releases.create({ dryRun: true, plan: { ...PLAN, maxErrorRate: 7 / 100 } });
    assert.deepEqual([plan.id, plan.state], ["", "planned"]);
    assert.equal(plan.plan.maxErrorRate, 7);
    assert.deepEqual([plan.functions[0]?.from, plan.functions[0]?.to], [1, 2]);
    assert.deepEqual(await world.kept(), before);
  },

  "what stands on a stage goes on from there, and is not published": async (world) => {
    const releases = new AppReleases(world);
    await releases.prepare();
    await refused(releases.create({ fromStage: "release" }), "RELEASE_STAGE_UNKNOWN");
    await refused(releases.create({ fromStage: "test" }), "ALIAS_NOT_FOUND");
    await world.publishApp("test");
    for (const name of FUNCTIONS) await world.deploy(name, "three");
    const plan = { ...PLAN, steps: [3, 7, 1_000] };
    const { functions, places } = await releases.create({ fromStage: "test", plan });
    assert.deepEqual([functions[0]?.to, places[0]?.stage], [2, "release"]);
    assert.deepEqual(
      places.map(({ percent }) => percent),
      [0.3, 0.7, 100],
    );
  },

  "without a version before, all meet the new one at once; functions that go are left out": async (
    world,
  ) => {
    const releases = new AppReleases(world);
    for (const name of FUNCTIONS) await world.deploy(name, "one");
    const { id, places } = await releases.create({ plan: { ...PLAN, steps: [10, 1_000] } });
    assert.deepEqual(
      places.map(({ percent }) => percent),
      [100, 100],
    );
    await world.removeFunction("add");
    await releases.toCanary(id);
    await world.removeFunction("buy");
    await releases.turn("abort", id);
    assert.deepEqual(new Set(Object.values(await releases.led())), new Set([null]));
  },
};

onBothStores("a release goes on", GOING);
onBothStores("a release begins", EDGES);
