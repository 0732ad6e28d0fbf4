import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { publishTree } from "./publish-tree.ts";

interface Scene {
  readonly root: string;
  readonly from: string;
  readonly to: string;
  /** What was synced, in order; with `*` once the name was there. */
  readonly synced: string[];
}

/** A tree that is to be published, and a look at what the disk was asked to keep. */
async function sceneOf(t: TestContext, failing?: string): Promise<Scene> {
  const root = mkdtempSync(join(tmpdir(), "publish-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [from, to] = [join(root, "new"), join(root, "kept")];
  mkdirSync(join(from, "a", "b"), { recursive: true });
  writeFileSync(join(from, "top.js"), "top");
  writeFileSync(join(from, "a", "b", "deep.js"), "deep");
  const synced: string[] = [];
  const probe = await open(root);
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const sync = handles.sync;
  t.mock.method(handles, "sync", async function (this: FileHandle) {
    const path = readlinkSync(`/proc/self/fd/${this.fd}`).slice(root.length);
    if (path === failing) throw Object.assign(new TypeError("the disk is broken"), { code: "EIO" });
    synced.push(existsSync(to) ? `${path}*` : path);
    await sync.call(this);
  });
  return { root, from, to, synced };
}

test("all of a tree is on disk before it has its name, and the name before anybody is told", async (t) => {
  const { from, to, synced } = await sceneOf(t);
  assert.equal(await publishTree(from, to), true);
  assert.deepEqual(synced.slice(0, 2).toSorted(), ["/new/a/b/deep.js", "/new/top.js"]);
  assert.deepEqual(new Set(synced.slice(2, -1)), new Set(["/new/a/b", "/new/a", "/new"]));
  assert.equal(synced.at(-1), "*");
  assert.equal(readFileSync(join(to, "a", "b", "deep.js"), "utf8"), "deep");
});

for (const failing of ["/new/a/b/deep.js", "/new/a", ""]) {
  test(`a tree of which the disk does not take ${failing || "the name"} has no name`, async (t) => {
    const { from, to } = await sceneOf(t, failing);
    await assert.rejects(publishTree(from, to), { code: "EIO" });
    assert.equal(existsSync(to), false);
  });
}

test("a tree that is there already stays, and the new one is left to its maker", async (t) => {
  const { from, to } = await sceneOf(t);
  mkdirSync(to);
  writeFileSync(join(to, "first.js"), "first");
  assert.equal(await publishTree(from, to), false);
  assert.equal(readFileSync(join(to, "first.js"), "utf8"), "first");
  assert.equal(existsSync(join(from, "top.js")), true);
});
