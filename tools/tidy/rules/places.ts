/**
 * Nothing under version control depends on one machine or one registry; each package has what a
 * reader needs.
 */
import type { House } from "../house.ts";
import { SCOPE, type Manifest } from "../manifests.ts";
import type { Tree } from "../tree.ts";
import { violation, type Violation } from "../violation.ts";

/** Written with character classes, so that this file does not match itself. */
const MACHINE_PATH = /(?<![\w./])\/(work|root|Users\/\w+)\/[\w.]/;
const REGISTRY_HOST = /\bregistry\.[a-z]+[a-z.-]*\.[a-z]{2,}|\b[\w-]+\.(pkg\.dev|jfrog\.io)\b/;

function checkText([path, text]: [string, string]): Violation[] {
  const lines = text.split("\n");
  return [
    ["machine-path", MACHINE_PATH, "names a folder of one machine"] as const,
    ["registry-host", REGISTRY_HOST, "names a package registry"] as const,
  ].flatMap(([rule, pattern, message]) =>
    lines.flatMap((line, index) =>
      pattern.test(line) ? [violation(rule, { path, line: index + 1 }, message)] : [],
    ),
  );
}

function checkPackage(folder: string, tree: Tree, manifest: Manifest | undefined): Violation[] {
  const name = folder.slice("packages/".length);
  const missing = ["README.md", "src/index.ts"].filter((file) => !tree.has(`${folder}/${file}`));
  const found = missing.map((file) =>
    violation("package-shape", { path: folder }, `has no ${file}`),
  );
  if (manifest?.name !== SCOPE + name)
    found.push(violation("package-shape", { path: folder }, `is not named ${SCOPE}${name}`));
  return found;
}

/** Rules `machine-path`, `registry-host`, `package-shape`. */
export function checkPlaces(
  tree: Tree,
  house: House,
  manifests: ReadonlyMap<string, Manifest>,
): readonly Violation[] {
  const folders = [...manifests.keys()].filter((folder) => folder.startsWith("packages/"));
  const unplanned = folders.filter(
    (folder) => !(folder.slice("packages/".length) in house.packages),
  );
  return [
    ...[...tree].flatMap(checkText),
    ...folders.flatMap((folder) => checkPackage(folder, tree, manifests.get(folder))),
    ...unplanned.map((path) =>
      violation("package-shape", { path }, "has no layer in tools/tidy/layers.json"),
    ),
  ];
}
