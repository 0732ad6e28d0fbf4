import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AppReleases, FUNCTIONS, STAGES } from "../test/app-release-world.ts";
import { assertServed, GatewayApis } from "../test/gateway-api-world.ts";
import { openReleaseStore } from "../test/open-release-store.ts";
import { assertWhole, KILLED_APP, ReleaseWorld } from "../test/release-world.ts";
import { untilKilled } from "../test/until-killed.ts";

const CHILD = "publishing-child.ts";
/** How many publishes each child acknowledges before it is killed, somewhere in its next. */
const KILLED_AFTER = [1, 4, 7];
/** A child that never begins must not hang the suite. */
const TIMEOUT = { timeout: 240_000 };
/** How many changes of releases each child tells of before it is killed, in another move each. */
const KILLED_AFTER_CHANGES = [5, 7, 8];

async function withWorld<T>(
  directory: string,
  look: (world: ReleaseWorld) => Promise<T>,
): Promise<T> {
  const store = await openReleaseStore(directory);
  try {
    return await look(new ReleaseWorld(store, KILLED_APP.accountId));
  } finally {
    await store.close();
  }
}

/** All functions of the app are published alike, and their aliases lead alike. */
async function assertTogether(world: ReleaseWorld): Promise<number> {
  const kept = await world.kept();
  assertWhole(kept);
  const published = new Set(kept.functions.map(({ last_version: last }) => last));
  assert.equal(published.size, 1, "published together");
  const led = await Promise.all(KILLED_APP.functions.map((name) => world.alias(name, "live")));
  assert.equal(new Set(led.map(({ target }) => target.version)).size, 1, "moved together");
  return [...published][0] ?? 0;
}

test(
  "who is killed in the middle of a publish or a rollback leaves the state before it or the one after",
  TIMEOUT,
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-releases-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    let last = 0;
    for (const more of KILLED_AFTER) {
      const acknowledged = await untilKilled({ child: CHILD, directory, last, more });
      last = await withWorld(directory, assertTogether);
      assert.ok(last >= acknowledged, "what was acknowledged is there");
      assert.ok(last <= acknowledged + 1, "and one at most that was not");
    }
    await withWorld(directory, async (world) => {
      await world.release(KILLED_APP.functions[0], "alone");
      await assert.rejects(assertTogether(world), /published together/, "the control");
    });
  },
);

/** Versions and routes are of one release at each stage. The number that was published last. */
async function assertWithRoutes(world: ReleaseWorld): Promise<number> {
  assertWhole(await world.kept());
  const [releases, apis] = [new AppReleases(world), new GatewayApis(world)];
  assertServed(await apis.kept());
  const led = await releases.led();
  for (const stage of STAGES) {
    const [to] = (await apis.told(stage))?.routes ?? [];
    const served = to !== undefined && "answer" in to.to ? Number(to.to.answer.body) : undefined;
    for (const name of FUNCTIONS) {
      const target = led[`${name}:${stage}`] as { readonly version: number } | null;
      assert.equal(target?.version, served, `${name} and the routes at ${stage}`);
    }
  }
  const { functions } = await world.kept();
  return functions[0]?.last_version ?? 0;
}

/** Carries on what is open, as a runner that comes later does. */
async function carryOn(world: ReleaseWorld): Promise<number> {
  const releases = new AppReleases(world);
  const isOpen = () =>
    releases.due().then(
      (record) => record,
      () => undefined,
    );
  for (let open = await isOpen(); open !== undefined; open = await isOpen()) {
    await releases.step(open, { kind: "step" });
    await assertWithRoutes(world);
  }
  return await assertWithRoutes(world);
}

test(
  "who is killed in the middle of a release leaves aliases and routes of one place, and it goes on",
  TIMEOUT,
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-releases-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    let last = 0;
    for (const more of KILLED_AFTER_CHANGES) {
      const killed = { child: "releasing-child.ts", directory, last, more };
      const acknowledged = await untilKilled(killed);
      await withWorld(directory, assertWithRoutes);
      last = await withWorld(directory, carryOn);
      assert.ok(last >= acknowledged && last <= acknowledged + 1, `${last} of ${acknowledged}`);
    }
    await withWorld(directory, async (world) => {
      await new GatewayApis(world).publish("release", { restore: 1 });
      await assert.rejects(assertWithRoutes(world), /the routes at release/, "the control");
    });
  },
);
