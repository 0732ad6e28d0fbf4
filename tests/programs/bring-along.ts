/** Packages of this checkout for folders that bring theirs along. */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));

/** Lays packages, and what they depend on, into a folder. */
export function bringAlong(folder: string, names: readonly string[]): void {
  const wanted = [...names];
  const brought = new Set<string>();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (brought.has(name)) continue;
    brought.add(name);
    const from = join(NODE_MODULES, name);
    cpSync(from, join(folder, "node_modules", name), { recursive: true });
    const manifest = readFileSync(join(from, "package.json"), "utf8");
    const { dependencies = {} } = JSON.parse(manifest) as { dependencies?: object };
    wanted.push(...Object.keys(dependencies));
  }
}
