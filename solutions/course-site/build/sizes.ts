/** How large each page is, against one bundle of them all. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Built } from "./build.ts";
import { bundleFunction, functionEntry } from "./bundle.ts";

export interface PageSize {
  readonly name: string;
  readonly functionBytes: number;
  /** Scripts that a browser fetches for it, compressed by gzip. */
  readonly scriptBytes: number;
}

/** A row for each page, and two for all of them in one bundle. */
export async function sizesOf(built: Built, folder: string): Promise<readonly PageSize[]> {
  const scripts = new Map(
    built.browser.files.map(({ path, contents }) => [
      path.replace(/^.*\//, ""),
      gzipSync(contents).length,
    ]),
  );
  const scriptBytesOf = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + (scripts.get(name) ?? 0), 0);
  const rows = built.pages.map(({ name }) => ({
    name,
    functionBytes: readFileSync(join(folder, "functions", name, "index.mjs")).length,
    scriptBytes: scriptBytesOf(built.browser.byPage[name] ?? []),
  }));
  const entry = functionEntry(built.pages);
  const [pruned, whole] = await Promise.all([bundleFunction(entry), bundleFunction(entry, false)]);
  const scriptBytes = scriptBytesOf(scripts.keys());
  return [
    ...rows,
    { name: "all in one", functionBytes: pruned.length, scriptBytes },
    { name: "all in one, nothing pruned", functionBytes: whole.length, scriptBytes },
  ];
}

export function showSizes(sizes: readonly PageSize[]): string {
  const lines = sizes.map(
    ({ name, functionBytes, scriptBytes }) =>
      `| ${name} | ${kilobytes(functionBytes)} | ${kilobytes(scriptBytes)} |`,
  );
  return ["| page | function | scripts, gzip |", "| --- | --- | --- |", ...lines, ""].join("\n");
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1_000).toFixed(1)} kB`;
}
