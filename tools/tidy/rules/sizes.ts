/** Red lines: what is longer is cut, or stands in the allow-list until it is. */
import { isExcepted, isShipped, placeOf, type House } from "../house.ts";
import { child, nameOf, walk, type Node, type Source } from "../syntax.ts";
import { violation, type Rule, type Violation } from "../violation.ts";

const RED_LINES = {
  fileLines: 600,
  functionLines: 70,
  packageLines: 6000,
  packageFiles: 60,
} as const;

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const GROUPS = new Set(["describe", "suite"]);

function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

function over(rule: Rule, at: { path: string; line?: number }, size: [number, string]): Violation {
  return { ...violation(rule, at, size[1]), amount: size[0] };
}

function checkFile(source: Source): Violation[] {
  const lines = lineCount(source.text);
  if (lines <= RED_LINES.fileLines) return [];
  return [
    over("file-length", source, [lines, `${lines} lines; the red line is ${RED_LINES.fileLines}`]),
  ];
}

function functionName(node: Node, parent: Node | undefined): string {
  const own = nameOf(child(node, "id"));
  if (own !== "") return own;
  return nameOf(child(parent, "id")) || nameOf(child(parent, "key")) || "a function without a name";
}

function checkFunctions(source: Source): Violation[] {
  const found: Violation[] = [];
  walk(source.program, (node, ancestors) => {
    if (!FUNCTIONS.has(node.type)) return;
    const parent = ancestors.at(-1);
    // The body of describe() is a table of contents, not a function.
    if (parent?.type === "CallExpression" && GROUPS.has(nameOf(child(parent, "callee")))) return;
    const line = source.lineAt(node.start);
    const lines = source.lineAt(node.end) - line + 1;
    if (lines <= RED_LINES.functionLines) return;
    const name = functionName(node, parent);
    const why = `${name} has ${lines} lines; the red line is ${RED_LINES.functionLines}`;
    found.push(over("function-length", { path: source.path, line }, [lines, why]));
  });
  return found;
}

function checkPackages(sources: readonly Source[]): Violation[] {
  const rooms = Map.groupBy(
    sources.filter(({ path }) => isShipped(path)),
    ({ path }) => placeOf(path).folder,
  );
  return [...rooms].flatMap(([folder, files]) => {
    const lines = files.reduce((sum, { text }) => sum + lineCount(text), 0);
    const why = `${lines} lines in ${files.length} files; the red line is ${RED_LINES.packageLines} in ${RED_LINES.packageFiles}`;
    const red = lines > RED_LINES.packageLines || files.length > RED_LINES.packageFiles;
    return red ? [over("package-size", { path: folder }, [lines, why])] : [];
  });
}

/** Rules `file-length`, `function-length`, `package-size`; generated files are exempt by name. */
export function checkSizes(sources: readonly Source[], house: House): readonly Violation[] {
  const judged = sources.filter(({ path }) => !isExcepted(path, house.exceptions.generated));
  return [
    ...judged.flatMap((source) => [...checkFile(source), ...checkFunctions(source)]),
    ...checkPackages(judged),
  ];
}
