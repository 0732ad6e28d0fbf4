/**
 * The table of error reasons: unique over all packages, named alike, and the same in the code and
 * in `docs/reference/errors.md`, which is generated from it. A table may be built by functions, so
 * it is read from the running module; that no table is missed is read from the source.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { httpStatusOf, type ReasonSpec, type ReasonTable } from "@skerry/base";
import { isShipped, placeOf } from "../house.ts";
import { chainOf, child, walk, type Source } from "../syntax.ts";
import type { Tree } from "../tree.ts";
import { violation, type Violation } from "../violation.ts";

export interface DeclaredTable {
  readonly path: string;
  readonly table: ReasonTable;
}

/** Where the generated reference lies. */
export const REFERENCE = "docs/reference/errors.md";

function declarationsIn(source: Source): number {
  let count = 0;
  walk(source.program, (node) => {
    if (node.type === "CallExpression" && chainOf(child(node, "callee")) === "defineReasons")
      count += 1;
  });
  return count;
}

function tableOf(value: unknown): ReasonTable | undefined {
  if (typeof value !== "function" || !("table" in value)) return undefined;
  const { table } = value;
  return typeof table === "object" && table !== null ? (table as ReasonTable) : undefined;
}

/**
 * Loads every module that declares reasons. A table that is not exported cannot be documented: a
 * violation.
 */
export async function loadReasons(
  root: string,
  sources: readonly Source[],
): Promise<{ tables: readonly DeclaredTable[]; violations: readonly Violation[] }> {
  const tables: DeclaredTable[] = [];
  const violations: Violation[] = [];
  for (const source of sources) {
    const { path } = source;
    const count = isShipped(path) ? declarationsIn(source) : 0;
    if (count === 0) continue;
    try {
      const module = (await import(pathToFileURL(join(root, path)).href)) as Record<
        string,
        unknown
      >;
      const found = Object.values(module)
        .map(tableOf)
        .filter((table) => table !== undefined);
      tables.push(...found.map((table) => ({ path, table })));
      if (found.length !== count)
        violations.push(violation("reasons", { path }, "export what defineReasons returns"));
    } catch (error) {
      violations.push(violation("reasons", { path }, `cannot be loaded: ${String(error)}`));
    }
  }
  return { tables, violations };
}

function checkNames(tables: readonly DeclaredTable[]): Violation[] {
  const owners = new Map<string, string>();
  return tables.flatMap(({ path, table }) =>
    Object.keys(table).flatMap((reason) => {
      const owner = owners.get(reason);
      owners.set(reason, path);
      if (!/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(reason))
        return [
          violation("reasons", { path }, `${reason} is not UPPER_SNAKE of two words or more`),
        ];
      return owner === undefined
        ? []
        : [violation("reasons", { path }, `${reason} is declared in ${owner} too`)];
    }),
  );
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll(/[<>]/g, "\\$&");
}

function row(reason: string, spec: ReasonSpec): string {
  const status = String(spec.httpStatus ?? httpStatusOf(spec.code));
  const cells = [
    spec.code,
    status,
    spec.retryable ? "yes" : "no",
    spec.audience,
    spec.message,
    spec.hint,
  ];
  return `| \`${reason}\` | ${cells.map(cell).join(" | ")} |`;
}

/** The reference page for all reasons, by package and name. */
export function renderReference(tables: readonly DeclaredTable[]): string {
  const rooms = Map.groupBy(tables, ({ path }) => placeOf(path).name);
  const sections = [...rooms.keys()].sort().map((name) => {
    const rows = (rooms.get(name) ?? []).flatMap(({ table }) => Object.entries(table));
    rows.sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      `## ${name}`,
      "",
      "| Reason | Code | HTTP | Retry helps | For | What happened | What to do |",
      "|---|---|---|---|---|---|---|",
      ...rows.map(([reason, spec]) => row(reason, spec)),
      "",
    ].join("\n");
  });
  return [
    "# Errors",
    "",
    "Every error carries a code, a reason and a hint. A reason is stable: match on it, never on the message.",
    "Errors for operators reach users as `INTERNAL_ERROR` with the request id. Generated from the packages'",
    "`errors.ts` by `npm run docs`; do not edit.",
    "",
    sections.join("\n"),
  ].join("\n");
}

/** Rule `reasons`: names, uniqueness, and the generated reference. */
export function checkReasons(tree: Tree, tables: readonly DeclaredTable[]): readonly Violation[] {
  const found = checkNames(tables);
  if (tables.length > 0 && tree.get(REFERENCE) !== renderReference(tables))
    found.push(violation("reasons", { path: REFERENCE }, "is out of date: npm run docs"));
  return found;
}
