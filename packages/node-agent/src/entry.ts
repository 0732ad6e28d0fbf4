/** Finds the file that a build begins with. */
import { lstat } from "node:fs/promises";
import { isAbsolute, join, normalize, sep } from "node:path";
import { fail } from "./errors.ts";

/**
 * The first of `names` that is a plain file inside the source, as a plain relative path. Throws
 * BUILD_ENTRY_MISSING.
 */
export async function findEntry(source: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const path = normalize(name);
    const isInside = !isAbsolute(path) && path !== ".." && !path.startsWith(`..${sep}`);
    const found = isInside ? await lstat(join(source, path)).catch(() => undefined) : undefined;
    if (found?.isFile() === true) return path;
  }
  throw fail("BUILD_ENTRY_MISSING", { entry: names.join(", ") });
}
