/** All rules over one tree. */
import type { House } from "./house.ts";
import { readManifests } from "./manifests.ts";
import { checkAmbient } from "./rules/ambient.ts";
import { checkComments } from "./rules/comments.ts";
import { checkCycles } from "./rules/cycles.ts";
import { checkDependencies } from "./rules/dependencies.ts";
import { checkLayers } from "./rules/layers.ts";
import { checkPlaces } from "./rules/places.ts";
import { checkSizes } from "./rules/sizes.ts";
import { checkTests } from "./rules/tests.ts";
import { checkWords } from "./rules/words.ts";
import { parseTree, type Source } from "./syntax.ts";
import type { Tree } from "./tree.ts";
import { violation, type Violation } from "./violation.ts";

function checkSyntax(sources: readonly Source[]): readonly Violation[] {
  return sources.flatMap(({ path, errors }) =>
    errors.map((message) => violation("syntax", { path }, message)),
  );
}

/**
 * Everything that can be judged from the tree alone; reasons are checked beside it, for they need
 * the modules.
 */
export function checkTree(
  tree: Tree,
  house: House,
  sources: readonly Source[] = parseTree(tree),
): readonly Violation[] {
  const manifests = readManifests(tree);
  return [
    ...checkSyntax(sources),
    ...checkLayers(sources, { house, manifests }),
    ...checkCycles(sources),
    ...checkSizes(sources, house),
    ...checkWords(tree, sources),
    ...checkAmbient(sources, house),
    ...checkComments(sources),
    ...checkTests(sources),
    ...checkDependencies(tree, manifests),
    ...checkPlaces(tree, house, manifests),
  ];
}
