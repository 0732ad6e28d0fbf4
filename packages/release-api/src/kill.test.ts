import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openReleaseStore } from "../test/open-release-store.ts";
import { assertWhole, KILLED_APP, ReleaseWorld } from "../test/release-world.ts";
import { untilKilled } from "../test/until-killed.ts";

const CHILD = "publishing-child.ts";
/** How many publishes each child acknowledges before it is killed, somewhere in its next. */
const KILLED_AFTER = [1, 4, 7];
/** A child that never begins must not hang the suite. */
const TIMEOUT = { timeout: 240_000 };

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
