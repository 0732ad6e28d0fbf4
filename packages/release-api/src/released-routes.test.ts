/** Routes of gateway APIs as releases take them along, and back. */
import assert from "node:assert/strict";
import type { RouteInput } from "@skerry/contracts";
import { AppReleases, figures, FUNCTIONS, PLAN } from "../test/app-release-world.ts";
import { answering, assertServed, GatewayApis } from "../test/gateway-api-world.ts";
import {
  assertWhole,
  onBothStores,
  refused,
  type ReleaseCases,
  type ReleaseWorld,
} from "../test/release-world.ts";

const STEP = { kind: "step" } as const;
const [FINE, BAD] = [figures(0), figures(40)];
const leading = (to: string): RouteInput => ({ path: `/${to}`, to: { function: to } });

class Routed {
  readonly releases: AppReleases;
  readonly apis: GatewayApis;

  constructor(world: ReleaseWorld) {
    this.releases = new AppReleases(world);
    this.apis = new GatewayApis(world);
  }

  /** `release` serves the old routes, `test` follows; the new ones are deployed. */
  async prepare(): Promise<void> {
    await this.releases.prepare();
    await this.apis.put([answering("/", "old"), answering("/gone", "old")]);
    await this.apis.publish("release");
    await this.apis.put([answering("/", "new"), leading("buy")]);
  }

  step(event: Parameters<AppReleases["step"]>[1] = STEP): Promise<unknown> {
    return this.releases.due().then((record) => this.releases.step(record, event));
  }

  /** What its first route answers; undefined when the stage serves nothing. */
  async serves(stage: string): Promise<unknown> {
    const told = await this.apis.told(stage);
    const to = told?.routes[0]?.to;
    return to !== undefined && "answer" in to ? to.answer.body : undefined;
  }

  async assertKept(): Promise<void> {
    assertServed(await this.apis.kept());
    assertWhole(await this.apis.world.kept());
  }
}

const GOING: ReleaseCases = {
  "routes are published with the step that leads a stage's last callers to the new versions":
    async (world) => {
      const routed = new Routed(world);
      const { releases, apis } = routed;
      await routed.prepare();
      const { id, apis: planned } = await releases.create();
      const release = { api: "web", stage: "release", from: "draft", before: 1, publication: 2 };
      const difference = { added: 1, removed: 1, changed: 1, settings: false, lacks: [] };
      assert.deepEqual(planned, [{ ...release, ...difference, state: "ahead" }]);
      // Whatever is deployed meanwhile, it takes along what there was when it began.
      await apis.put([answering("/", "newer")]);
      const settings = { qualifier: "later", variables: { theme: "later" } };
      await apis.put([answering("/", "newest")], { stages: { release: settings } });
      await routed.step();
      await routed.step();
      assert.deepEqual((await releases.led())["buy:release"], {
        ...{ version: 1, shares: [{ version: 2, perMille: 100 }], rules: [] },
      });
      assert.equal(await routed.serves("release"), "old", "both versions are met");
      await routed.assertKept();
      await routed.step(FINE);
      assert.equal(await routed.serves("release"), "new", "nobody meets the old one");
      const told = await apis.told("release");
      assert.deepEqual([told?.qualifier, told?.variables], ["release", {}]);
      const { qualifier, variables } = await apis.stage("release");
      assert.deepEqual({ qualifier, variables }, settings, "they wait");
      assert.equal((await releases.get(id)).apis[0]?.state, "published");
      const [published] = await apis.history("release");
      assert.match(published?.reason ?? "", new RegExp(`^Release ${id}`));
      await routed.step(FINE);
      assert.equal((await releases.get(id)).state, "done");
      assert.equal(await routed.serves("test"), "newest", "it follows the draft");
      await routed.assertKept();
      assert.deepEqual((await apis.kept()).holds, []);
    },

  "one that fails at the whole takes its routes back with its aliases": async (world) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    const before = await releases.led();
    // Not published by hand: it is to be published with the routes, and to be kept for later.
    await apis.setStage("release", { asked: { variables: { theme: "new" } } });
    const { id, apis: planned } = await releases.create();
    assert.equal(planned[0]?.settings, true);
    for (const event of [STEP, STEP, FINE]) await routed.step(event);
    assert.deepEqual((await apis.told("release"))?.variables, { theme: "new" });
    await routed.step(BAD);
    const { state, apis: left } = await releases.get(id);
    assert.deepEqual([state, left[0]?.state], ["rolledBack", "restored"]);
    assert.deepEqual(await releases.led(), before);
    assert.equal(await routed.serves("release"), "old");
    const told = await apis.told("release");
    assert.deepEqual([told?.publication, told?.variables], [3, {}]);
    assert.deepEqual((await apis.stage("release")).variables, { theme: "new" });
    assert.equal((await apis.history("release"))[0]?.restores, 1);
    await routed.assertKept();
  },

  "a stage that served nothing serves nothing again, and its next number is another": async (
    world,
  ) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await releases.prepare();
    const stages = { test: { variables: {}, follows: false } };
    await apis.put([answering("/", "new")], { stages });
    const { id } = await releases.create({ plan: { ...PLAN, stages: ["release"] } });
    // From now on only the release holds the routes that it publishes.
    await apis.put([answering("/", "newer")]);
    for (const event of [STEP, FINE]) await routed.step(event);
    assert.equal(await routed.serves("release"), "new");
    await releases.turn("abort", id);
    assert.equal(await apis.told("release"), undefined);
    assert.equal((await apis.stage("release")).publication, null);
    assert.equal((await apis.publish("release")).number, 3);
    await routed.assertKept();
  },

  "a stage that somebody else publishes to is left alone, until it is resumed or aborted": async (
    world,
  ) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    const { id } = await releases.create();
    await routed.step();
    await routed.step();
    await apis.publish("release", { variables: { by: "hand" } });
    const led = await releases.led();
    await routed.step(FINE);
    const paused = await releases.get(id);
    assert.equal(paused.state, "paused");
    assert.match(paused.why ?? "", /The stage web\/release was published to by somebody else/);
    assert.deepEqual(await releases.led(), led, "nor was an alias moved");
    await releases.turn("resume", id);
    await routed.step(FINE);
    assert.equal(await routed.serves("release"), "new");
    await apis.publish("release", { from: "test", variables: { by: "another" } });
    await releases.turn("abort", id);
    assert.deepEqual(
      [await routed.serves("release"), (await apis.told("release"))?.variables],
      ["old", {}],
      "an abort is heard whatever was done",
    );
    await routed.assertKept();
  },

  "one that fails goes back past a stage that somebody else published to, and leaves it": async (
    world,
  ) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    const before = await releases.led();
    const { id } = await releases.create();
    for (const event of [STEP, STEP, FINE]) await routed.step(event);
    assert.equal(await routed.serves("release"), "new");
    await apis.publish("release", { variables: { by: "hand" } });
    await routed.step(BAD);
    const { state, why, apis: left } = await releases.get(id);
    assert.deepEqual([state, left[0]?.state], ["rolledBack", "taken"]);
    assert.match(why ?? "", /requests fail.* changed it: the stage web\/release\.$/);
    assert.deepEqual(await releases.led(), before, "the aliases are its own");
    const told = await apis.told("release");
    assert.deepEqual([told?.publication, told?.variables], [3, { by: "hand" }]);
    await routed.assertKept();
    assert.deepEqual((await apis.kept()).holds, []);
  },

  "an alias that there was not stays when routes lead by it that somebody published meanwhile":
    async (world) => {
      const routed = new Routed(world);
      const { releases, apis } = routed;
      await routed.prepare();
      await world.deleteAlias("list", "release");
      const before = await releases.led();
      const toBuy = { path: "/b", to: { function: "buy", qualifier: "test" } };
      for (const turn of [null, "abort"] as const) {
        const { id } = await releases.create({ withApis: false });
        await releases.toCanary(id);
        await apis.put([leading("list"), toBuy, answering(`/${turn}`)]);
        await apis.publish("release");
        if (turn === null) await routed.step(BAD);
        else await releases.turn(turn, id);
        const [old, only] = [1, 2].map((version) => ({ version, shares: [], rules: [] }));
        const kept = { "list:release": only, "buy:test": old };
        assert.deepEqual(await releases.led(), { ...before, ...kept });
        const { why } = await releases.get(id);
        assert.match(
          why ?? "",
          /the routes by the alias shop\/buy:test, the .* shop\/list:release\.$/,
        );
        await world.deleteAlias("list", "release");
        await world.deleteAlias("buy", "test");
      }
      await releases.create({ withApis: false });
      for (const event of [STEP, STEP, BAD]) await routed.step(event);
      assert.deepEqual(await releases.led(), before, "published before: all is as it was");
      await routed.assertKept();
    },

  "an alias that there was not goes with the routes that the release published": async (world) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    await world.deleteAlias("list", "release");
    await apis.put([leading("list"), answering("/", "old")]);
    await apis.publish("release");
    await apis.put([leading("list"), answering("/", "new")]);
    const before = await releases.led();
    const { id } = await releases.create();
    for (const event of [STEP, STEP, FINE]) await routed.step(event);
    assert.equal((await releases.get(id)).apis[0]?.state, "published");
    await routed.step(BAD);
    assert.deepEqual(await releases.led(), before, "the former routes had none either");
    await routed.assertKept();
  },

  "routes to functions that went pause it, and do not keep it from going back": async (world) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    await apis.publish("release", { from: "test" });
    await apis.put([answering("/", "newer"), leading("buy"), leading("list")]);
    const { id } = await releases.create();
    await routed.step();
    await routed.step();
    await world.removeFunction("list");
    await refused(routed.step(FINE), "ROUTE_FUNCTIONS_MISSING");
    assert.equal((await releases.get(id)).places[1]?.state, "current", "nothing was written");
    await releases.turn("abort", id);
    const again = await (async () => {
      await world.deploy("list", "two");
      return await releases.create();
    })();
    for (const event of [STEP, STEP, FINE]) await routed.step(event);
    assert.equal(await routed.serves("release"), "newer");
    for (const name of FUNCTIONS) await world.removeFunction(name);
    await routed.step(FINE);
    assert.equal((await releases.get(again.id)).state, "aborted", "all of them went");
    assert.equal(await routed.serves("release"), "new");
    await routed.assertKept();
  },
};

const BEGINNING: ReleaseCases = {
  "routes alone are a release of one step, and what is served already is none": async (world) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    await world.publishApp("test");
    await world.publishApp("release");
    await refused(releases.create({ withApis: false }), "RELEASE_NOTHING_NEW");
    const { id, places, apis: planned } = await releases.create();
    assert.deepEqual(
      places.map(({ stage, percent }) => [stage, percent]),
      [
        ["test", 100],
        ["release", 100],
      ],
    );
    assert.deepEqual(planned[0]?.state, "ahead");
    await routed.step();
    await routed.step();
    assert.equal(await routed.serves("release"), "new");
    await routed.step(BAD);
    assert.equal((await releases.get(id)).state, "rolledBack", "they are guarded, too");
    assert.equal(await routed.serves("release"), "old");
    await apis.publish("release", { from: "test" });
    await refused(releases.create(), "RELEASE_NOTHING_NEW");
  },

  "an app without functions releases its routes, back too": async (world) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await world.deploy("buy", "one");
    await world.removeFunction("buy");
    await apis.put([answering("/", "old")]);
    await apis.publish("release");
    await refused(releases.create(), "RELEASE_NOTHING_NEW");
    await apis.put([answering("/", "new")]);
    const { id, places, functions } = await releases.create();
    assert.deepEqual([places.map(({ percent }) => percent), functions], [[100, 100], []]);
    await routed.step();
    await routed.step();
    assert.equal(await routed.serves("release"), "new");
    await releases.turn("abort", id);
    assert.equal(await routed.serves("release"), "old");
    const again = await releases.create();
    const nothing = { kind: "measured", figures: [] } as const;
    for (const event of [STEP, STEP, nothing]) await routed.step(event);
    assert.equal((await releases.get(again.id)).state, "done");
    assert.equal(await routed.serves("release"), "new");
    await routed.assertKept();
  },

  "who leaves routes out, or goes on from a stage, is heard": async (world) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    const without = await releases.create({ withApis: false });
    assert.deepEqual(without.apis, []);
    for (const event of [STEP, STEP, FINE, FINE]) await routed.step(event);
    assert.equal(await routed.serves("release"), "old");
    await apis.setStage("test", { asked: { variables: {}, follows: false } });
    await apis.put([answering("/", "newer")]);
    for (const name of FUNCTIONS) await world.deploy(name, "three");
    await world.publishApp("test");
    const { apis: planned } = await releases.create({ fromStage: "test", dryRun: true });
    assert.deepEqual(
      planned.map(({ stage, from }) => [stage, from]),
      [["release", "test:2"]],
    );
    const fromDraft = await releases.create({ dryRun: true });
    assert.deepEqual(
      fromDraft.apis.map(({ stage, from }) => [stage, from]),
      [
        ["test", "draft"],
        ["release", "draft"],
      ],
    );
    await routed.assertKept();
  },

  "an API that serves nothing on the stage it goes on from is named, and left as it is": async (
    world,
  ) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    await world.publishApp("test");
    await apis.setStage("test", { asked: { variables: {}, follows: false } });
    const admin = new GatewayApis(world, "admin");
    const stages = { test: { variables: {}, follows: false } };
    await admin.put([answering("/", "admin")], { stages });
    const { id, apis: planned } = await releases.create({ fromStage: "test" });
    const named = { from: "test", before: null, publication: 0, added: 0, lacks: [] };
    assert.deepEqual(
      planned.map(({ api, stage, state }) => [api, stage, state]),
      [
        ["admin", "release", "skipped"],
        ["web", "release", "ahead"],
      ],
    );
    assert.partialDeepStrictEqual(planned[0], named);
    for (const event of [STEP, FINE, FINE]) await routed.step(event);
    const { state, apis: left } = await releases.get(id);
    assert.deepEqual([state, left[0]?.state], ["done", "skipped"]);
    assert.equal(await admin.told("release"), undefined);
    await routed.assertKept();
    assert.deepEqual((await apis.kept()).holds, []);
  },

  "a stage that lacks variables is refused when it serves, and left out when it does not": async (
    world,
  ) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    const naming = [answering("/"), { path: "/to", to: { redirect: "/{stage.theme}" } }];
    const stages = { test: { variables: { theme: "plain" } } };
    await apis.put(naming, { stages });
    const plan = { ...PLAN, stages: ["test", "prepub", "release"] };
    const error = await refused(releases.create({ plan }), "STAGE_VARIABLES_MISSING");
    assert.match(error.message, /release.*theme/);
    await apis.setStage("release", { asked: { variables: { theme: "spring" } } });
    const { apis: planned } = await releases.create({ plan });
    assert.deepEqual(
      planned.map(({ stage, state, lacks }) => [stage, state, lacks]),
      [
        ["prepub", "skipped", ["theme"]],
        ["release", "ahead", []],
      ],
    );
    for (const event of [STEP, STEP, STEP, FINE]) await routed.step(event);
    assert.equal(await apis.told("prepub"), undefined);
    assert.equal((await apis.told("release"))?.publication, 2);
  },

  "an API that is removed meanwhile is left out, also on the way back": async (world) => {
    const routed = new Routed(world);
    const { releases, apis } = routed;
    await routed.prepare();
    const { id } = await releases.create();
    await routed.step();
    await apis.remove();
    for (const event of [STEP, FINE]) await routed.step(event);
    await releases.turn("abort", id);
    assert.equal((await releases.get(id)).state, "aborted");
    await routed.assertKept();
  },
};

onBothStores("a release takes routes along", GOING);
onBothStores("a release begins with routes", BEGINNING);
