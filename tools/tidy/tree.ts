/**
 * The repository as tidy sees it: the text of every file that is, or is about to be, under version
 * control. Rules work on this map only, so that a test can plant a violation in a tree of three
 * lines.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Paths are relative to the root and use `/`. */
export type Tree = ReadonlyMap<string, string>;

const FILE_BYTES_MAX = 4 * 1024 * 1024;
const IGNORED = /(^|\/)(testdata|fixtures|templates)\//;

/** Reads the tree at `root`; files that are ignored, binary or removed are left out. */
export function readTree(root: string): Tree {
  const list = execFileSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const tree = new Map<string, string>();
  for (const path of new Set(list.split("\0"))) {
    if (path === "" || IGNORED.test(path)) continue;
    const file = join(root, path);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() !== true || found.size > FILE_BYTES_MAX) continue;
    const text = readFileSync(file, "utf8");
    if (!text.includes("\0")) tree.set(path, text);
  }
  return tree;
}

/** A tree for tests: paths to texts. */
export function treeOf(files: Readonly<Record<string, string>>): Tree {
  return new Map(Object.entries(files));
}
