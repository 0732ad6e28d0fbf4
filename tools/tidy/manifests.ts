/** package.json files, read for what they declare. */
import type { Tree } from "./tree.ts";

export interface Manifest {
  readonly path: string;
  /** The folder it governs; empty is the root. */
  readonly folder: string;
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  /** Doors beside the main one, as `exports` lists them: `./pack`. */
  readonly subpaths: readonly string[];
}

/** The scope of our own packages. */
export const SCOPE = "@skerry/";

/**
 * All manifests of workspaces and of the root, by folder. Examples and test data are users'
 * folders, not ours.
 */
export function readManifests(tree: Tree): ReadonlyMap<string, Manifest> {
  const found = new Map<string, Manifest>();
  for (const [path, content] of tree) {
    const match = /^(?:((?:packages|apps)\/[^/]+|testkit|bench)\/)?package\.json$/.exec(path);
    if (match === null) continue;
    const folder = match[1] ?? "";
    const declared = JSON.parse(content) as Partial<Manifest> & { exports?: object };
    found.set(folder, {
      path,
      folder,
      name: declared.name ?? "",
      dependencies: declared.dependencies ?? {},
      devDependencies: declared.devDependencies ?? {},
      optionalDependencies: declared.optionalDependencies ?? {},
      subpaths: Object.keys(declared.exports ?? {}).filter((door) => door !== "."),
    });
  }
  return found;
}

/**
 * `@scope/name` or `name` of a bare import; undefined for relative paths and Node's own modules.
 */
export function packageOf(specifier: string): string | undefined {
  if (/^(\.|\/|node:|#)/.test(specifier)) return undefined;
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}
