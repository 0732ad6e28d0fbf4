/**
 * What a folder's files say about how it runs, so that usual folders need no configuration. What
 * `skerry.yaml` says wins; a folder with a file that Node's builds begin with is left to them.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FunctionConfigInput } from "@skerry/contracts";

const NODE = ["index.ts", "index.mjs", "index.js"];
const PROGRAMS = ["scf_bootstrap", "bootstrap"];
const PYTHON = ["index.py", "main.py", "app.py"];
const PHP = ["index.php"];
const PROCFILE = "Procfile";
const PACKAGE = "package.json";

/** Everything that makes a folder a function, as people are told. */
export const TELLING_FILES: readonly string[] = [
  ...NODE,
  ...PROGRAMS,
  ...PYTHON,
  ...PHP,
  PROCFILE,
  `${PACKAGE} with a start script`,
];

/** The configuration that follows from the folder's files; undefined when none of them tells. */
export function inferConfig(folder: string): FunctionConfigInput | undefined {
  const has = (name: string): boolean => isFile(join(folder, name));
  if (PROGRAMS.some(has)) return { runtime: "custom" };
  const command = procfileCommand(folder);
  if (command !== undefined) return { command };
  if (NODE.some(has)) return {};
  if (PYTHON.some(has)) return { runtime: "python3" };
  if (PHP.some(has)) return { runtime: "php8" };
  const start = startScript(folder);
  return start === undefined ? undefined : { command: start };
}

/** As Heroku's Procfile has it: the line `web: COMMAND`. */
function procfileCommand(folder: string): string | undefined {
  return /^web:[ \t]*(\S.*?)[ \t]*$/m.exec(readText(join(folder, PROCFILE)))?.[1];
}

/** A package that cannot be read is its author's to find out, when the platform builds it. */
function startScript(folder: string): string | undefined {
  try {
    const { scripts } = JSON.parse(readText(join(folder, PACKAGE))) as {
      readonly scripts?: { readonly start?: unknown };
    };
    return typeof scripts?.start === "string" ? scripts.start : undefined;
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function readText(path: string): string {
  return isFile(path) ? readFileSync(path, "utf8") : "";
}
