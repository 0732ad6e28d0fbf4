/**
 * Each dependency from npm is exact and has a written reason; the lock file tells nothing about a
 * machine.
 */
import { SCOPE, type Manifest } from "../manifests.ts";
import type { Tree } from "../tree.ts";
import { violation, type Violation } from "../violation.ts";

interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly integrity?: string;
  /** It comes inside the package above it. */
  readonly inBundle?: boolean;
}

/** The names that a DEPS.md gives a reason for: lines of the form "- `name` anything: reason". */
function reasonedIn(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^- `([^`]+)`[^:\n]*: \S.*$/gm)].map((match) => match[1] ?? ""));
}

function checkManifest(manifest: Manifest, tree: Tree): Violation[] {
  const declared = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  }).filter(([name]) => !name.startsWith(SCOPE));
  const path = manifest.folder === "" ? "DEPS.md" : `${manifest.folder}/DEPS.md`;
  const reasoned = reasonedIn(tree.get(path) ?? "");
  const names = new Set(declared.map(([name]) => name));
  return [
    ...declared
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) =>
        violation("exact-version", manifest, `${name} ${version} is no exact version`),
      ),
    ...[...names]
      .filter((name) => !reasoned.has(name))
      .map((name) => violation("reason", { path }, `write why: - \`${name}\`: reason`)),
    ...[...reasoned]
      .filter((name) => !names.has(name))
      .map((name) => violation("reason", { path }, `${name} is no dependency (any more)`)),
  ];
}

function checkLock(tree: Tree): Violation[] {
  const path = "package-lock.json";
  const text = tree.get(path);
  if (text === undefined) return [];
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  return Object.entries(packages).flatMap(([name, { resolved, link, integrity, inBundle }]) => {
    if (link !== true && resolved !== undefined)
      return [violation("lock", { path }, `${name} has a download address`)];
    // What a package bundles is under that package's own checksum.
    const installed = name.includes("node_modules/") && link !== true && inBundle !== true;
    return installed && integrity === undefined
      ? [violation("lock", { path }, `${name} has no checksum`)]
      : [];
  });
}

/** Rules `exact-version`, `reason`, `lock`. */
export function checkDependencies(
  tree: Tree,
  manifests: ReadonlyMap<string, Manifest>,
): readonly Violation[] {
  return [
    ...[...manifests.values()].flatMap((manifest) => checkManifest(manifest, tree)),
    ...checkLock(tree),
  ];
}
