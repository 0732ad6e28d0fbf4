/**
 * Our own checker: STYLE's rules that no tool knows. Prints one line per violation and exits with 1
 * if there is any. `--write-docs` regenerates docs/reference/errors.md first; `--wrap` only breaks
 * long comment lines, in place. Paths narrow what is printed or wrapped.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkTree } from "./check.ts";
import { readHouse } from "./house.ts";
import { applyRatchet, type Allowance } from "./ratchet.ts";
import { checkReasons, loadReasons, REFERENCE, renderReference } from "./rules/reasons.ts";
import { parseTree, type Source } from "./syntax.ts";
import { readTree } from "./tree.ts";
import type { Violation } from "./violation.ts";
import { wrapComments } from "./wrap.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function lineOf({ path, line, rule, message }: Violation): string {
  return `${path}${line > 0 ? `:${line}` : ""}: ${message} [${rule}]\n`;
}

function wrapAll(sources: readonly Source[]): number {
  for (const source of sources) {
    const wrapped = wrapComments(source);
    if (wrapped !== source.text) writeFileSync(join(ROOT, source.path), wrapped);
  }
  return 0;
}

async function main(args: readonly string[]): Promise<number> {
  const paths = args.filter((arg) => !arg.startsWith("-"));
  const isNamed = ({ path }: { path: string }): boolean =>
    paths.length === 0 || paths.some((prefix) => path.startsWith(prefix));
  const tree = new Map(readTree(ROOT));
  const sources = parseTree(tree);
  if (args.includes("--wrap")) return wrapAll(sources.filter(isNamed));
  const { tables, violations } = await loadReasons(ROOT, sources);
  if (args.includes("--write-docs")) {
    const reference = renderReference(tables);
    mkdirSync(dirname(join(ROOT, REFERENCE)), { recursive: true });
    writeFileSync(join(ROOT, REFERENCE), reference);
    tree.set(REFERENCE, reference);
  }
  const found = [
    ...checkTree(tree, readHouse(), sources),
    ...violations,
    ...checkReasons(tree, tables),
  ];
  const list = readFileSync(new URL("./allowed.json", import.meta.url), "utf8");
  const remaining = applyRatchet(found, JSON.parse(list) as Allowance[]).filter(isNamed);
  for (const one of remaining) process.stdout.write(lineOf(one));
  if (remaining.length > 0) process.stdout.write(`\ntidy: ${remaining.length} violations\n`);
  return remaining.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
