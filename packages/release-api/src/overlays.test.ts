/** Variables that aliases lay over versions: what is kept of them, and under which version. */
import assert from "node:assert/strict";
import type { RevisionId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import { storeModule } from "../test/release-module.ts";
import {
  assertWhole,
  onBothStores,
  refused,
  type ReleaseCases,
  type ReleaseWorld,
} from "../test/release-world.ts";

const WARN = { LEVEL: "warn", REGION: "eu" };

function revisionsOf(world: ReleaseWorld, qualifier: string): Promise<readonly RevisionId[]> {
  const { accountId, app } = world;
  const args = { accountId, app, name: "buy", qualifier };
  return world.store.call(storeModule, "qualifiedRevisions", args);
}

/** Versions 1 to `count` of `buy`. */
async function released(world: ReleaseWorld, count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) await world.release("buy", `${n}`);
}

const CASES: ReleaseCases = {
  "variables are a part of where an alias leads: kept, told, compared, rolled back": async (
    world,
  ) => {
    await released(world, 2);
    const set = await world.set("buy:live", { version: 1, env: WARN, provisionedInstances: 2 });
    const target = { version: 1, shares: [], rules: [], provisionedInstances: 2, env: WARN };
    assert.deepEqual(set.target, target);
    assert.deepEqual((await world.alias("buy", "live")).target, target);
    const turned = { REGION: "eu", LEVEL: "warn" };
    const again = await world.set("buy:live", {
      ...{ version: 1, env: turned, provisionedInstances: 2 },
    });
    assert.equal(again.change, set.change, "in another order they are the same");
    assertWhole(await world.kept());
    await world.set("buy:live", { version: 1, env: { LEVEL: "info" } }, { ifChange: 1 });
    await refused(world.set("buy:live", 1, { ifChange: 1 }), "ALIAS_CHANGED");
    const bare = await world.set("buy:live", { version: 1, env: {} });
    assert.deepEqual(bare.target, { version: 1, shares: [], rules: [] });
    assert.deepEqual((await world.rollback("buy", "live", { to: 1 })).target, target);
    const history = await world.history("buy", "live");
    const levels = history.map((one) => one.target.env?.["LEVEL"]);
    assert.deepEqual(levels, ["warn", undefined, "info", "warn"]);
    await world.publish("buy", "", { alias: "live" });
    const { target: published } = await world.alias("buy", "live");
    assert.deepEqual(published, { ...target, version: 2 }, "they follow the alias");
    assertWhole(await world.kept());
  },

  "a version is all that ran as it, an alias what it leads to, and nothing of others": async (
    world,
  ) => {
    await released(world, 2);
    const [first = "", second = ""] = (await world.kept()).versions.map((one) => one.revision_id);
    const shares = [{ version: 2, perMille: 10 }];
    await world.set("buy:live", { version: 1, shares, env: WARN });
    await world.set("buy:twin", { version: 1, env: WARN });
    await world.set("buy:plain", 1);
    const [derived = ""] = await revisionsOf(world, "live");
    assert.notEqual(derived, first);
    assert.deepEqual(await revisionsOf(world, "twin"), [derived], "alike ones are the same");
    assert.deepEqual(await revisionsOf(world, "plain"), [first]);
    assert.deepEqual(await revisionsOf(world, "1"), [first, derived]);
    const [own, other] = await revisionsOf(world, "2");
    assert.equal(own, second);
    assert.ok(other !== undefined && other !== derived);
    assert.deepEqual(await revisionsOf(world, "$LATEST"), [second]);
    await world.deleteAlias("buy", "live");
    await world.deleteAlias("buy", "twin");
    assert.deepEqual(await revisionsOf(world, "1"), [first, derived], "what ran ran as it");
    await world.deleteVersion("buy", 2);
    assert.deepEqual(await revisionsOf(world, "1"), [first, derived]);
    await world.deploy("buy", "2");
    await world.publish("buy");
    assert.deepEqual(await revisionsOf(world, "3"), [second], "what went with its version");
  },

  "of former variables the last are known, and always those in force": async (world) => {
    const versions = 5;
    await released(world, versions);
    const all = [2, 3, 4, 5].map((version) => ({ version, perMille: 1 }));
    const set = (alias: string, n: number) =>
      world.set(`buy:${alias}`, { version: 1, shares: all, env: { N: `${n}` } });
    const known = async (): Promise<number> => {
      let count = 0;
      for (let n = 1; n <= versions; n += 1) count += (await revisionsOf(world, `${n}`)).length - 1;
      return count;
    };
    await set("old", 0);
    const changes = LIMITS.overlaysKept / versions;
    for (let n = 1; n < changes; n += 1) await set("live", n);
    assert.equal(await known(), LIMITS.overlaysKept);
    const [first] = await revisionsOf(world, "old");
    for (let n = changes; n < changes + 2; n += 1) await set("live", n);
    assert.equal(await known(), LIMITS.overlaysKept);
    const kept = await revisionsOf(world, "1");
    const [now] = await revisionsOf(world, "live");
    assert.ok(first !== undefined && kept.includes(first) && now !== undefined);
    assert.ok(kept.includes(now));
    await world.removeFunction("buy");
    await released(world, 1);
    assert.equal((await revisionsOf(world, "1")).length, 1);
  },
};

onBothStores("variables of aliases", CASES);
