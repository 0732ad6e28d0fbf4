/** Names that say nothing, in file names and in what a module exports. */
import { isShipped } from "../house.ts";
import { child, children, nameOf, type Node, type Source } from "../syntax.ts";
import type { Tree } from "../tree.ts";
import { violation, type Violation } from "../violation.ts";

/** Words that mark a drawer instead of a thing. */
const BANNED = /^(utils?|helpers?|common|misc|managers?|data|info)$/;

/**
 * Words with several meanings here: they need a second word beside them (STYLE: never bare in a
 * public name).
 */
const NEVER_BARE = /^(server|service|session|tenant|process|data)$/i;

const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.(ts|mts|mjs|js)$/;

/**
 * CommonJS is a proper name. `BlankPoolOptions`, `blank-pool.test.ts`, `BLANK_POOL` → blank, pool,
 * …
 */
function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/common-?js/gi, "cjs")
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase());
}

function checkPath(path: string): Violation[] {
  if (!/^(packages|apps|testkit|tests|bench|tools)\//.test(path)) return [];
  const found: Violation[] = [];
  const banned = path
    .split("/")
    .flatMap(wordsOf)
    .find((word) => BANNED.test(word));
  if (banned !== undefined)
    found.push(
      violation("word", { path }, `"${banned}" in a file's path says nothing: name the thing`),
    );
  const file = path.slice(path.lastIndexOf("/") + 1);
  if (/\.(ts|mts|mjs|js)$/.test(file) && !FILE_NAME.test(file))
    found.push(violation("file-name", { path }, `${file}: file names are nouns in kebab-case`));
  return found;
}

function patternNames(pattern: Node | undefined): readonly string[] {
  if (pattern === undefined) return [];
  if (pattern.type === "Identifier") return [nameOf(pattern)];
  return [...children(pattern, "properties"), ...children(pattern, "elements")].flatMap((part) =>
    patternNames(child(part, "value") ?? child(part, "argument") ?? part),
  );
}

function exportedNames(statement: Node): readonly string[] {
  if (!/^Export(Named|Default)Declaration$/.test(statement.type)) return [];
  const declaration = child(statement, "declaration");
  return [
    ...children(statement, "specifiers").map((one) => nameOf(child(one, "exported"))),
    nameOf(child(declaration, "id")),
    ...children(declaration, "declarations").flatMap((one) => patternNames(child(one, "id"))),
  ].filter((name) => name !== "");
}

function checkExports(source: Source): Violation[] {
  return children(source.program, "body").flatMap((statement) => {
    const at = { path: source.path, line: source.lineAt(statement.start) };
    return exportedNames(statement).flatMap((name) => {
      const banned = wordsOf(name).find((word) => BANNED.test(word));
      if (banned !== undefined)
        return [violation("word", at, `export ${name}: "${banned}" says nothing: name the thing`)];
      if (NEVER_BARE.test(name))
        return [
          violation("word", at, `export ${name}: the word means several things here: add one`),
        ];
      return [];
    });
  });
}

/** Rules `word` and `file-name`. */
export function checkWords(tree: Tree, sources: readonly Source[]): readonly Violation[] {
  return [
    ...[...tree.keys()].flatMap(checkPath),
    ...sources.filter(({ path }) => isShipped(path)).flatMap(checkExports),
  ];
}
