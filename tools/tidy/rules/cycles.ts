/**
 * No file imports itself by way of others; types count, because a cycle of types is a module cut in
 * the wrong place.
 */
import { posix } from "node:path";
import type { Source } from "../syntax.ts";
import { violation, type Violation } from "../violation.ts";

type Graph = ReadonlyMap<string, readonly string[]>;

function graphOf(sources: readonly Source[]): Graph {
  const known = new Set(sources.map(({ path }) => path));
  return new Map(
    sources.map(({ path, imports }) => [
      path,
      imports
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier }) => posix.join(posix.dirname(path), specifier))
        .filter((target) => known.has(target)),
    ]),
  );
}

/** Depth first; a file met again while it is still on the stack closes a cycle. */
function findCycles(graph: Graph): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = [];
  const finished = new Set<string>();
  const stack: string[] = [];
  const enter = (path: string): void => {
    if (finished.has(path)) return;
    const at = stack.indexOf(path);
    if (at !== -1) {
      cycles.push(stack.slice(at));
      return;
    }
    stack.push(path);
    for (const next of graph.get(path) ?? []) enter(next);
    stack.pop();
    finished.add(path);
  };
  for (const path of graph.keys()) enter(path);
  return cycles;
}

/** Rule `cycle`. Cycles between packages are impossible where `layer` holds. */
export function checkCycles(sources: readonly Source[]): readonly Violation[] {
  return findCycles(graphOf(sources)).map((cycle) =>
    violation(
      "cycle",
      { path: cycle[0] ?? "" },
      `imports itself: ${[...cycle, cycle[0]].join(" → ")}`,
    ),
  );
}
