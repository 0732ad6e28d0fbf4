import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { open, writeFile, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { prepareBuildTool } from "./build-tool.ts";
import { layDownOnce } from "./lay-down.ts";

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "lay-down-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Has each sync told by its path; throws what `onSync` throws. */
async function watchSyncs(t: TestContext, onSync: (path: string) => void): Promise<void> {
  const probe = await open("/dev/null");
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const { sync } = handles;
  t.mock.method(handles, "sync", async function (this: FileHandle) {
    onSync(readlinkSync(`/proc/self/fd/${this.fd}`));
    await sync.call(this);
  });
}

const write = (text: string) => (fresh: string) => writeFile(join(fresh, "file"), text);

test("what is laid down first stays, and nothing else", async (t) => {
  const tools = directoryOf(t);
  await layDownOnce(join(tools, "one"), write("first"));
  await layDownOnce(join(tools, "one"), write("second"));
  assert.equal(readFileSync(join(tools, "one", "file"), "utf8"), "first");
  assert.deepEqual(readdirSync(tools), ["one"]);
});

test("what the disk does not take has no name and leaves nothing", async (t) => {
  const tools = directoryOf(t);
  await watchSyncs(t, (path) => {
    if (path.endsWith("/file")) throw Object.assign(new TypeError("broken"), { code: "EIO" });
  });
  await assert.rejects(layDownOnce(join(tools, "one"), write("first")), { code: "EIO" });
  assert.deepEqual(readdirSync(tools), []);
});

test("the bundler is on disk before it has its name, also where one was cut off", async (t) => {
  const tools = directoryOf(t);
  const { directory } = await prepareBuildTool(tools);
  rmSync(join(directory, "esbuild"));
  await writeFile(join(directory, "esbuild.new-1"), "half");
  const synced: string[] = [];
  await watchSyncs(t, (path) => void synced.push(path));
  await prepareBuildTool(tools);
  const binary = `${directory}.new-${process.pid}/esbuild`;
  assert.ok(synced.includes(binary), synced.join());
  assert.deepEqual(readdirSync(directory), ["esbuild"]);
});
