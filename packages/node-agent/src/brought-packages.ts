/**
 * Packages that a folder brings along in its `node_modules`. Machine code cannot be bundled, and
 * many a package looks for its own only while it runs, by a name that it puts together then.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { holds, MACHINE_CODE } from "./installed-tree.ts";

/** The innermost package of a path. */
const PACKAGE = /^(.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+)\//;
/** Names lead nowhere but to a folder of packages. */
const NAME = /^(?:@[\w-][\w.-]*\/)?[\w-][\w.-]*$/;

/**
 * True when a package of which there is something in the bundle holds machine code, or depends on
 * one that does. `bundled`: files in the bundle, relative to `source`.
 */
export async function bringsMachineCode(
  source: string,
  bundled: readonly string[],
): Promise<boolean> {
  // The packages' own source maps have a say in these names.
  const inside = bundled.filter((path) => !path.split("/").includes(".."));
  const packages = new Set(inside.flatMap((path) => PACKAGE.exec(path)?.[1] ?? []));
  const looked = new Set<string>();
  for (const folder of packages) {
    for (const one of [folder, ...(await dependenciesOf(source, folder))]) {
      if (looked.has(one)) continue;
      looked.add(one);
      if (await holds(join(source, one), MACHINE_CODE)) return true;
    }
  }
  return false;
}

/** Folders of what a package names, where Node would find it. */
async function dependenciesOf(source: string, folder: string): Promise<readonly string[]> {
  const { dependencies, optionalDependencies } = await readManifest(join(source, folder));
  const names = Object.keys({ ...dependencies, ...optionalDependencies });
  return names
    .filter((name) => NAME.test(name))
    .flatMap((name) => {
      for (let at = folder; at !== "."; at = dirname(at)) {
        const path = join(at, "node_modules", name);
        if (existsSync(join(source, path))) return path;
      }
      const path = join("node_modules", name);
      return existsSync(join(source, path)) ? path : [];
    });
}

interface Manifest {
  readonly dependencies?: object;
  readonly optionalDependencies?: object;
}

/** One that is missing, or cannot be read, names nothing. */
async function readManifest(folder: string): Promise<Manifest> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    return typeof manifest === "object" && manifest !== null ? manifest : {};
  } catch {
    return {};
  }
}
