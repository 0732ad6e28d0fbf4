import assert from "node:assert/strict";
import { storeModule } from "../test/release-module.ts";
import { onBothStores, type ReleaseCases, type ReleaseWorld } from "../test/release-world.ts";
import { versionFamilies } from "./version-metrics.ts";

async function shown(world: ReleaseWorld, limit: number): Promise<readonly string[]> {
  const { accountId } = world;
  const found = await world.store.call(storeModule, "shownVersions", { accountId, limit });
  return found.map(({ app, function: fn, version }) => `${app}/${fn}:${version}`);
}

const CASES: ReleaseCases = {
  "each revision is shown once, the last first, and only of functions with versions": async (
    world,
  ) => {
    await world.deploy("list", "a");
    assert.deepEqual(await shown(world, 10), []);
    await world.release("buy", "a");
    assert.deepEqual(await shown(world, 10), ["shop/buy:1"], "it is $LATEST, too");
    await world.deploy("buy", "b");
    assert.deepEqual(await shown(world, 10), ["shop/buy:$LATEST", "shop/buy:1"]);
    await world.publish("buy");
    assert.deepEqual(await shown(world, 10), ["shop/buy:2", "shop/buy:1"]);
    await world.release("list", "b");
    assert.deepEqual(await shown(world, 2), ["shop/list:1", "shop/buy:2"]);
    await world.deleteVersion("list", 1);
    assert.deepEqual(await shown(world, 10), ["shop/list:$LATEST", "shop/buy:2", "shop/buy:1"]);
    await world.removeFunction("buy");
    assert.deepEqual(await shown(world, 10), ["shop/list:$LATEST"]);
  },

  "what had no invocation has no samples": async (world) => {
    await world.release("buy", "a");
    const { accountId } = world;
    const versions = await world.store.call(storeModule, "shownVersions", { accountId, limit: 9 });
    assert.equal(versions.length, 1);
    for (const { samples } of versionFamilies(versions, [])) assert.deepEqual(samples, []);
  },
};

onBothStores("metrics of versions", CASES);
