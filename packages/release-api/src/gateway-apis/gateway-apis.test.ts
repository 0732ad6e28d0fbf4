/** Gateway APIs in the store: what is published, what is told, and what is refused. */
import assert from "node:assert/strict";
import { LIMITS } from "@skerry/contracts";
import { makeAuthority } from "@skerry/testkit";
import { answering, assertServed, GatewayApis, sealedBy } from "../../test/gateway-api-world.ts";
import { storeModule } from "../../test/release-module.ts";
import {
  onBothStores,
  refused,
  ReleaseWorld,
  type ReleaseCases,
} from "../../test/release-world.ts";

async function open(world: ReleaseWorld): Promise<GatewayApis> {
  await world.deploy("hello", "one");
  return new GatewayApis(world);
}

function leading(fn: string) {
  return { path: "/", to: { function: fn } };
}

const PUBLICATIONS: ReleaseCases = {
  "what is put is served by the stage that follows, and by no other before it is published": async (
    world,
  ) => {
    const apis = await open(world);
    const made = await apis.put([answering("/", "one")]);
    assert.deepEqual([made.isNew, made.published], [true, [{ stage: "test", number: 1 }]]);
    assert.deepEqual((await apis.told("test"))?.qualifier, "$LATEST");
    assert.equal(await apis.told("release"), undefined);
    const again = await apis.put([answering("/", "one")]);
    assert.deepEqual([again.isNew, again.published, again.etag], [false, [], made.etag]);
    await apis.put([answering("/", "two")]);
    assert.equal((await apis.told("test"))?.publication, 2);
    const first = await apis.publish("release");
    assert.deepEqual([first.number, first.isNew, first.from], [1, true, "draft"]);
    assert.deepEqual((await apis.told("release"))?.qualifier, "release");
    assert.equal((await apis.publish("release")).isNew, false, "it serves exactly that already");
    assert.deepEqual(await apis.bodies("test", 1), ["one"], "what was published never changes");
    assertServed(await apis.kept());
  },

  "routes are promoted from stage to stage, and a stage goes back to what it served": async (
    world,
  ) => {
    const apis = await open(world);
    await apis.put([answering("/", "one")]);
    await apis.publish("prepub", { from: "test" });
    await apis.put([answering("/", "two")]);
    const promoted = await apis.publish("release", { from: "prepub", qualifier: "live" });
    assert.deepEqual([promoted.from, promoted.qualifier], ["prepub:1", "live"]);
    assert.deepEqual(await apis.bodies("release", 1), ["one"], "not the draft's");
    await apis.publish("release", { variables: { colour: "blue" } });
    const back = await apis.publish("release", { restore: 1, reason: "it failed" });
    assert.deepEqual([back.number, back.restores, back.variables], [3, 1, {}]);
    assert.deepEqual((await apis.stage("release")).variables, {}, "settings go back, too");
    assert.deepEqual(
      (await apis.history("release")).map(({ number, reason }) => [number, reason]),
      [
        [3, "it failed"],
        [2, ""],
        [1, ""],
      ],
    );
    await refused(apis.publish("release", { restore: 9 }), "PUBLICATION_NOT_FOUND");
    await refused(apis.publish("release", { from: "none" }), "STAGE_NOT_FOUND");
    await apis.setStage("empty");
    await refused(apis.publish("release", { from: "empty" }), "STAGE_UNPUBLISHED");
    assertServed(await apis.kept());
  },

  "settings are in force with the next publication, or at once": async (world) => {
    const apis = await open(world);
    await apis.put([answering("/", "one")]);
    await apis.publish("release");
    const asked = { qualifier: "live", variables: { colour: "red" } };
    await apis.setStage("release", { asked });
    assert.deepEqual((await apis.told("release"))?.variables, {});
    await apis.put([answering("/", "two")]);
    const set = await apis.setStage("release", { asked, publish: true });
    assert.equal(set.publication?.number, 2);
    assert.deepEqual((await apis.told("release"))?.variables, { colour: "red" });
    assert.deepEqual(await apis.bodies("release", 2), ["one"], "with the routes that it serves");
    await apis.setStage("eu", { asked: { variables: {}, follows: true }, publish: true });
    await apis.put([answering("/", "three")]);
    assert.deepEqual(await apis.bodies("eu", 2), ["three"], "own stages follow if they are told");
    assertServed(await apis.kept());
  },

  "what cannot be served is refused whole, with all that is missing": async (world) => {
    const apis = await open(world);
    const missing = [
      leading("gone"),
      { path: "/b", to: { files: "lost", directory: "public" }, auth: "none" as const },
    ];
    const error = await refused(apis.put(missing), "ROUTE_FUNCTIONS_MISSING");
    assert.deepEqual(error.details["functions"], ["gone", "lost"]);
    await refused(apis.stage("test"), "GATEWAY_API_NOT_FOUND");
    const redirect = { path: "/", to: { redirect: "{stage.home}" }, auth: "none" as const };
    await refused(apis.put([redirect]), "STAGE_VARIABLES_MISSING");
    const stages = { test: { variables: { home: "/h" } } };
    assert.equal((await apis.put([redirect], { stages })).published.length, 1);
    await refused(apis.publish("release"), "STAGE_VARIABLES_MISSING");
    await world.deploy("gone", "one");
    await apis.put([leading("gone")]);
    await apis.publish("release");
    await world.removeFunction("gone");
    await apis.put([]);
    await apis.publish("release");
    await refused(apis.publish("release", { restore: 1 }), "ROUTE_FUNCTIONS_MISSING");
    assertServed(await apis.kept());
  },

  "a tag that is not the stage's refuses, and a dry run writes nothing": async (world) => {
    const apis = await open(world);
    await apis.put([answering("/", "one")]);
    const { etag } = await apis.stage("release");
    const ifChange = Number(etag.slice(1, -1));
    const before = await apis.kept();
    const planned = await apis.publish("release", { dryRun: true, ifChange });
    assert.deepEqual([planned.number, planned.isNew], [1, true]);
    assert.deepEqual(await apis.kept(), before);
    const done = await apis.publish("release", { ifChange });
    assert.equal(done.etag, (await apis.stage("release")).etag);
    await refused(apis.publish("release", { ifChange }), "STAGE_CHANGED");
    await refused(apis.put([], { ifVersion: 7 }), "GATEWAY_API_CHANGED");
    const at = { ifChange: Number(done.etag.slice(1, -1)) };
    const raced = await Promise.allSettled(
      ["a", "b", "c"].map((colour) => apis.publish("release", { variables: { colour }, ...at })),
    );
    assert.equal(raced.filter(({ status }) => status === "fulfilled").length, 1, "one wins");
  },
};

const LIVES: ReleaseCases = {
  "numbers and tags of a stage that was removed are never given again": async (world) => {
    const apis = await open(world);
    await apis.put([answering("/", "one")]);
    for (const colour of ["a", "b", "c"]) await apis.publish("release", { variables: { colour } });
    const { etag } = await apis.stage("release");
    await apis.removeStage("release");
    assert.equal(await apis.told("release"), undefined);
    const unset = await apis.stage("release");
    assert.deepEqual([unset.publication, unset.variables], [null, {}]);
    assert.ok(unset.etag > etag, "another tag");
    assert.ok((await apis.publish("release")).number > 3);
    await refused(apis.setStage("draft"), "STAGE_NAME_TAKEN");
    assertServed(await apis.kept());
  },

  "one that is removed leaves nothing, and one made again is another": async (world) => {
    const apis = await open(world);
    const first = await apis.put([answering("/", "one")]);
    await apis.purge("test", "a");
    await apis.lead("shop.example");
    await refused(apis.remove(), "GATEWAY_API_IN_USE");
    await refused(apis.removeStage("release"), "GATEWAY_API_IN_USE");
    const { accountId, app } = world;
    await world.store.call(storeModule, "removeApisOf", { accountId, app });
    const { log, ...left } = await apis.kept();
    assert.deepEqual([left.stages, left.publications, left.lists, left.drafts], [[], [], [], []]);
    const kinds = new Set(log.entries.flatMap(({ value }) => value?.kind ?? []));
    for (const kind of ["stage", "purges", "domain"] as const) assert.ok(!kinds.has(kind), kind);
    const second = await apis.put([answering("/", "one")]);
    assert.notEqual(second.id, first.id);
    await apis.remove();
    assert.deepEqual((await apis.kept()).drafts, []);
  },

  "the last publications are kept with their routes, and no others": async (world) => {
    const apis = await open(world);
    const many = LIMITS.publicationsKept + 2;
    for (let i = 1; i <= many; i += 1) await apis.put([answering("/", `${i}`)]);
    const history = await apis.history("test");
    assert.deepEqual([history[0]?.number, history.length], [many, LIMITS.publicationsKept]);
    assert.equal((await apis.kept()).lists.length, LIMITS.publicationsKept);
    assertServed(await apis.kept());
  },

  "purges are numbered, and the newest are kept": async (world) => {
    const apis = await open(world);
    await apis.put([]);
    const many = LIMITS.purgesKept + 3;
    for (let i = 1; i <= many; i += 1) {
      assert.equal((await apis.purge("release", `t${i}`)).number, i);
    }
    const { log } = await apis.kept();
    const entry = log.entries.find(({ value }) => value?.kind === "purges")?.value;
    assert.ok(entry?.kind === "purges");
    assert.deepEqual(
      [entry.newest.length, entry.newest[0]?.number, entry.newest.at(-1)?.number],
      [LIMITS.purgesKept, 4, many],
    );
  },

  "a page of the log holds few of what is long, and a reader of pages misses none": async (
    world,
  ) => {
    const apis = await open(world);
    const body = "x".repeat(LIMITS.routeAnswerBytesMax);
    const long = Array.from({ length: 60 }, (_, i) => answering(`/r/${i}`, body));
    await apis.put(long);
    for (const stage of ["prepub", "release"]) await apis.publish(stage);
    const pages = [];
    for (let after = 0, isLast = false; !isLast;) {
      const page = await world.store.call(storeModule, "readConfig", { after, limit: 100 });
      pages.push(page.entries.filter(({ value }) => value?.kind === "stage").length);
      after = page.entries.at(-1)?.seq ?? after;
      isLast = page.complete;
    }
    assert.deepEqual(pages, [2, 1]);
  },

  "ten thousand routes are one publication": async (world) => {
    const apis = await open(world);
    const all = Array.from({ length: LIMITS.routesPerApiMax }, (_, i) => answering(`/r/${i}`));
    await apis.put(all);
    assert.equal((await apis.told("test"))?.routes.length, all.length);
    assert.equal((await apis.stage("test")).publication?.routeCount, all.length);
  },
};

const DOMAINS: ReleaseCases = {
  "a host is its first account's, and so is all that a pattern stands for": async (world) => {
    const apis = await open(world);
    await apis.put([]);
    const other = new ReleaseWorld(world.store);
    const others = await open(other);
    await others.put([]);
    await apis.lead("shop.example");
    await apis.lead("*.shop.example");
    await others.lead("pay.other.example");
    for (const host of ["shop.example", "pay.shop.example", "*.shop.example"]) {
      await refused(others.lead(host), "DOMAIN_TAKEN");
    }
    await refused(apis.lead("*.other.example"), "DOMAIN_TAKEN");
    await others.lead("a.pay.shop.example");
    const moved = await apis.lead("shop.example", { stage: "test", ifVersion: 1 });
    assert.deepEqual([moved.stage, moved.etag], ["test", '"2"']);
    await refused(apis.lead("shop.example", { ifVersion: 1 }), "DOMAIN_CHANGED");
    for (const host of ["shop.example", "pay.shop.example"]) {
      await refused(apis.lead(host, { apps: ["blog"] }), "DOMAIN_TAKEN");
    }
    await refused(apis.lead("new.example", { stage: "none" }), "STAGE_NOT_FOUND");
  },

  "a rotation of the master key takes keys of domains along, and their entries with them": async (
    world,
  ) => {
    const apis = await open(world);
    await apis.put([]);
    const sealedKey = sealedBy("mk_old", "value");
    const certificate = { chain: makeAuthority().issue(["b.example"]).cert, sealedKey };
    await apis.lead("b.example", { certificate });
    await apis.lead("a.example");
    const look = { keyId: "mk_new", after: "", limit: 10 };
    const found = await world.store.call(storeModule, "sealedNotUnder", look);
    assert.deepEqual(
      found.map(({ id }) => id),
      ["domain/b.example"],
    );
    const sealed = { ...sealedKey, keyId: "mk_new" };
    const [id] = found.map((one) => one.id);
    assert.ok(id !== undefined);
    assert.ok(((await world.store.call(storeModule, "rewrapDomainKey", { id, sealed })) ?? 0) > 0);
    assert.deepEqual(await world.store.call(storeModule, "sealedNotUnder", look), []);
    const { log } = await apis.kept();
    const entry = log.entries.find(({ key }) => key === "domain/b.example")?.value;
    assert.ok(entry?.kind === "domain");
    assert.equal(entry.certificate?.sealedKey.keyId, "mk_new");
    const changed = { id, sealed: sealedBy("mk_new", "another value") };
    assert.equal(await world.store.call(storeModule, "rewrapDomainKey", changed), 0);
  },
};

onBothStores("gateway APIs", { ...PUBLICATIONS, ...LIVES, ...DOMAINS });
