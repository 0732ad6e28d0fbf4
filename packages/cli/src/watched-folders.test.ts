import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WatchedFolders } from "./watched-folders.ts";

const CASES: readonly (readonly [title: string, wanted: readonly string[], watched: string])[] = [
  ["the project's folder", ["/a/app"], "/a/app"],
  ["a folder beside it", ["/a/app", "/a/other"], "/a/app /a/other"],
  ["no folder inside another", ["/a/app", "/a/app/fn", "/a/app/fn/x"], "/a/app"],
  ["the outer one alone", ["/a/app/fn", "/a"], "/a"],
  ["a folder once", ["/a/app", "/a/app"], "/a/app"],
  ["one whose name begins alike", ["/a/app", "/a/app2", "/a/..x"], "/a/..x /a/app /a/app2"],
  ["nothing", [], ""],
];

test("what is asked for is watched, and nothing else any more", () => {
  const open = new Set<string>();
  const folders = new WatchedFolders((folder) => {
    assert.ok(!open.has(folder), "watched twice");
    open.add(folder);
    return () => void open.delete(folder);
  });
  for (const [title, wanted, watched] of CASES) {
    folders.set(wanted);
    assert.equal([...open].toSorted().join(" "), watched, title);
  }
  folders.set(["/a"]);
  folders[Symbol.dispose]();
  assert.equal(open.size, 0);
});

test("a folder that was replaced by another of its name is watched anew, and one that stayed is not", (t) => {
  const top = mkdtempSync(join(tmpdir(), "skerry-watched-"));
  t.after(() => rmSync(top, { recursive: true }));
  const [built, other] = [join(top, "built"), join(top, "other")];
  const told: string[] = [];
  const folders = new WatchedFolders((folder) => {
    told.push(`watch ${folder.slice(top.length)}`);
    return () => told.push(`stop ${folder.slice(top.length)}`);
  });
  mkdirSync(built);
  folders.set([built]);
  mkdirSync(join(built, "inside"));
  folders.set([built]);
  mkdirSync(other);
  rmSync(built, { recursive: true });
  renameSync(other, built);
  folders.set([built]);
  assert.deepEqual(told, ["watch /built", "stop /built", "watch /built"]);
});
