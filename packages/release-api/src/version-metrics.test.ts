import assert from "node:assert/strict";
import { emptyHistogram } from "@skerry/contracts";
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

  "all that ran as a version is counted as it, whatever an alias laid over it": async (world) => {
    await world.release("buy", "a");
    await world.set("buy:loud", { version: 1, env: { LEVEL: "debug" } });
    await world.set("buy:loud", { version: 1, env: { LEVEL: "trace" } });
    const { accountId } = world;
    const versions = await world.store.call(storeModule, "shownVersions", { accountId, limit: 9 });
    const [revisionIds = []] = versions.map((one) => one.revisionIds);
    assert.equal(new Set(revisionIds).size, 3, "also by an overlay of before");
    const totals = revisionIds.map((revisionId, i) => ({
      ...{ revisionId, outcomes: i === 0 ? { ok: 1 } : { ok: 2, timeout: 3 }, serverErrors: 0 },
      duration: { counts: emptyHistogram().counts.map((_, at) => (at === i ? 1 : 0)), sumMs: 5 },
    }));
    const [counters, durations] = versionFamilies(versions, totals);
    const histogram = { counts: emptyHistogram().counts.map((_, i) => (i < 3 ? 1 : 0)), sumMs: 15 };
    const labels = { app: "shop", function: "buy", version: "1" };
    assert.deepEqual(counters?.samples, [
      { labels: { ...labels, outcome: "ok" }, value: 5 },
      { labels: { ...labels, outcome: "timeout" }, value: 6 },
    ]);
    assert.deepEqual(durations?.samples, [{ labels, histogram }]);
  },
};

onBothStores("metrics of versions", CASES);
