import { lstat, mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A fresh folder that is removed when the test ends. */
export async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "skerry-code-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/**
 * Everything below a folder, with kind and mode: `a/b -444 12`, `a/ d755`, `l -> target`. Sorted.
 */
export async function everythingBelow(root: string): Promise<string[]> {
  const found: string[] = [];
  const folders = [""];
  for (const folder of folders) {
    for (const name of await readdir(join(root, folder))) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const stat = await lstat(join(root, path));
      const mode = (stat.mode & 0o7777).toString(8);
      if (stat.isDirectory()) folders.push(path);
      if (stat.isDirectory()) found.push(`${path}/ d${mode}`);
      else if (stat.isSymbolicLink()) found.push(`${path} -> ${await readlink(join(root, path))}`);
      else found.push(`${path} -${mode} ${stat.size}`);
    }
  }
  return found.sort();
}
