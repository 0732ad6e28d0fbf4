/**
 * Packages that a folder brings along in its `node_modules`. Machine code cannot be bundled, and
 * many a package looks for its own only while it runs, by a name that it puts together then. What
 * source maps and manifests say is anybody's: it may name what is not there, and as much as fits.
 */
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { holds, MACHINE_CODE } from "./installed-tree.ts";

/** The innermost package of a path. */
const PACKAGE = /^(.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+)\//;
/** Names lead nowhere but to a folder of packages. */
const NAME = /^(?:@[\w-][\w.-]*\/)?[\w-][\w.-]*$/;
const MANIFEST_BYTES_MAX = 1 << 20;
/** Places of a build; each takes some tens of microseconds. */
const LOOKS_MAX = 20_000;

/**
 * True when a package of which there is something in the bundle holds machine code, or depends on
 * one that does; also when that takes too long to find out, for packages beside the bundle are
 * found in either case. `bundled`: files in the bundle, relative to `source`.
 */
export async function bringsMachineCode(
  source: string,
  bundled: readonly string[],
): Promise<boolean> {
  const inside = bundled.filter((path) => !path.split("/").includes(".."));
  const packages = new Set(inside.flatMap((path) => PACKAGE.exec(path)?.[1] ?? []));
  const looked = new Set<string>();
  for (const folder of packages) {
    const names = await dependenciesOf(join(source, folder));
    for (const one of placesOf(folder, names)) {
      if (looked.has(one)) continue;
      if (looked.size === LOOKS_MAX) return true;
      looked.add(one);
      if (await holdsMachineCode(join(source, one))) return true;
    }
  }
  return false;
}

/** A package's own folder, and those where Node would look for what it names. */
function* placesOf(folder: string, names: readonly string[]): Generator<string> {
  yield folder;
  for (let [at, below] = [folder, ""]; at !== below; [at, below] = [dirname(at), at]) {
    for (const name of names) yield join(at, "node_modules", name);
  }
}

async function holdsMachineCode(folder: string): Promise<boolean> {
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder && (await holds(folder, MACHINE_CODE));
}

/** What a package's manifest names; one that is missing, or cannot be read, names nothing. */
async function dependenciesOf(folder: string): Promise<readonly string[]> {
  const path = join(folder, "package.json");
  try {
    if ((await stat(path)).size > MANIFEST_BYTES_MAX) return [];
    const { dependencies, optionalDependencies } = JSON.parse(await readFile(path, "utf8")) as {
      readonly dependencies?: object;
      readonly optionalDependencies?: object;
    };
    const names = Object.keys({ ...dependencies, ...optionalDependencies });
    return names.filter((name) => NAME.test(name));
  } catch {
    return [];
  }
}
