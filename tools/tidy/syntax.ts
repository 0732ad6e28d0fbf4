/** Source files as syntax trees, and the few questions that several rules ask of them. */
import { parseSync, visitorKeys } from "oxc-parser";

/** A syntax node (TS-ESTree); its fields are read through `child`, `children` and `text`. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

export interface Comment {
  readonly value: string;
  readonly start: number;
}

export interface Source {
  readonly path: string;
  readonly text: string;
  readonly program: Node;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
  /** Syntax errors, if any; the tree is then empty. */
  readonly errors: readonly string[];
  lineAt(offset: number): number;
}

export interface Import {
  readonly specifier: string;
  /** Erased at run time as a whole. */
  readonly typeOnly: boolean;
  readonly names: readonly string[];
  readonly start: number;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

/** The node's child in `field`, if there is one. */
export function child(node: Node | undefined, field: string): Node | undefined {
  const value: unknown = node === undefined ? undefined : Reflect.get(node, field);
  return isNode(value) ? value : undefined;
}

/** The node's children in the list `field`. */
export function children(node: Node | undefined, field: string): readonly Node[] {
  const value: unknown = node === undefined ? undefined : Reflect.get(node, field);
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** The node's own text in `field`: a name, a kind, an operator or a string literal's value. */
export function text(node: Node | undefined, field: string): string {
  const value: unknown = node === undefined ? undefined : Reflect.get(node, field);
  return typeof value === "string" ? value : "";
}

export function flag(node: Node | undefined, field: string): boolean {
  return node !== undefined && Reflect.get(node, field) === true;
}

/** The name of an identifier, private name or string key; empty for anything else. */
export function nameOf(node: Node | undefined): string {
  if (node?.type === "Identifier" || node?.type === "PrivateIdentifier") return text(node, "name");
  return node?.type === "Literal" ? text(node, "value") : "";
}

/**
 * `a.b.c` as text for plain member chains and identifiers; `?.` counts as `.`; empty for anything
 * else.
 */
export function chainOf(node: Node | undefined): string {
  if (node?.type === "ChainExpression") return chainOf(child(node, "expression"));
  if (node?.type === "ParenthesizedExpression") return chainOf(child(node, "expression"));
  if (node?.type === "Identifier") return text(node, "name");
  if (node?.type !== "MemberExpression") return "";
  const [object, property] = [chainOf(child(node, "object")), nameOf(child(node, "property"))];
  const readable = !flag(node, "computed") || child(node, "property")?.type === "Literal";
  return object === "" || property === "" || !readable ? "" : `${object}.${property}`;
}

/** Visits `node` and all below it, parents first; `ancestors` is nearest last. */
export function walk(
  node: Node,
  visit: (node: Node, ancestors: readonly Node[]) => void,
  ancestors: readonly Node[] = [],
): void {
  visit(node, ancestors);
  const below = [...ancestors, node];
  for (const key of visitorKeys[node.type] ?? []) {
    const value: unknown = Reflect.get(node, key);
    for (const next of Array.isArray(value) ? (value as unknown[]) : [value])
      if (isNode(next)) walk(next, visit, below);
  }
}

const IMPORTING = new Set(["ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration"]);
const EXPRESSIONS = new Set(["ImportExpression", "TSImportType"]);

function importOf(node: Node): Import | undefined {
  if (!IMPORTING.has(node.type) && !EXPRESSIONS.has(node.type)) return undefined;
  const source = child(node, "source");
  // What is computed at run time cannot be judged here.
  if (source === undefined || source.type !== "Literal") return undefined;
  const specifiers = children(node, "specifiers");
  const allTypes =
    specifiers.length > 0 &&
    specifiers.every((one) => [text(one, "importKind"), text(one, "exportKind")].includes("type"));
  const kinds = [text(node, "importKind"), text(node, "exportKind")];
  return {
    specifier: text(source, "value"),
    typeOnly: kinds.includes("type") || node.type === "TSImportType" || allTypes,
    names: specifiers.map((one) => nameOf(child(one, "imported") ?? child(one, "local"))),
    start: node.start,
  };
}

function lineFinder(content: string): (offset: number) => number {
  const starts = [0];
  for (let at = content.indexOf("\n"); at !== -1; at = content.indexOf("\n", at + 1))
    starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

export function parseSource(path: string, content: string): Source {
  const parsed = parseSync(path, content, { sourceType: "module" });
  const program: Node = parsed.program;
  const imports: Import[] = [];
  walk(program, (node) => {
    const found = importOf(node);
    if (found !== undefined) imports.push(found);
  });
  return {
    path,
    text: content,
    program,
    comments: parsed.comments,
    imports,
    errors: parsed.errors.map((error) => error.message),
    lineAt: lineFinder(content),
  };
}

/** Parses every script of the tree that is ours to judge. */
export function parseTree(tree: ReadonlyMap<string, string>): readonly Source[] {
  return [...tree]
    .filter(([path]) => /\.(ts|mts|mjs|js)$/.test(path))
    .map(([path, content]) => parseSource(path, content));
}
