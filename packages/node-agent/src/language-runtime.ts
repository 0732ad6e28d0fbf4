/**
 * The runtime of a language whose interpreter is the machine's own: a folder of the instance
 * runtime with a manifest, copied once under the platform's home. What is missing is told with the
 * command that installs it.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { warmArgument, type LanguageManifest } from "@skerry/instance-runtime";
import { fail } from "./errors.ts";
import { layDownOnce } from "./lay-down.ts";
import type { RuntimeBuild } from "./runtime-build.ts";

const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 10_000;
/** Where a manifest's arguments name the directory as the process sees it. */
const INSIDE = "{runtime}";

/** Rejects with RUNTIME_MISSING. */
export async function prepareLanguageRuntime(options: {
  readonly runtimesDirectory: string;
  /** The folder with `runtime.json`. */
  readonly source: URL;
}): Promise<RuntimeBuild> {
  const source = fileURLToPath(options.source);
  const manifest = await readLanguageManifest(options.source);
  const { program, version } = await findInterpreter(manifest);
  const id = `${manifest.name}-${version}-${await digestOf(source)}`;
  const directory = join(options.runtimesDirectory, id);
  const prepare = async (fresh: string): Promise<void> => {
    if (manifest.prepare === undefined) return;
    // It only saves time at each start.
    await run(program, pathsIn(manifest.prepare, fresh)).catch(() => undefined);
  };
  if (!existsSync(directory)) await layDown({ source, directory, prepare });
  return languageBuild({ id, directory, manifest, program });
}

/** What `directory` holds, laid down by this release or an earlier one. */
export function languageBuild(options: {
  readonly id: string;
  readonly directory: string;
  readonly manifest: LanguageManifest;
  /** The interpreter. */
  readonly program: string;
}): RuntimeBuild {
  const { id, directory, manifest, program } = options;
  return {
    id,
    directory,
    system: manifest.system,
    command: ({ inside, warmFor }) => [
      program,
      ...pathsIn(manifest.arguments, inside),
      warmArgument(manifest.warms ? warmFor : "none"),
    ],
  };
}

function pathsIn(args: readonly string[], inside: string): string[] {
  return args.map((argument) => argument.replaceAll(INSIDE, inside));
}

export async function readLanguageManifest(source: URL): Promise<LanguageManifest> {
  const text = await readFile(join(fileURLToPath(source), "runtime.json"), "utf8");
  return JSON.parse(text) as LanguageManifest;
}

async function findInterpreter(
  manifest: LanguageManifest,
): Promise<{ readonly program: string; readonly version: string }> {
  const { title, install, versionMin } = manifest;
  const found: string[] = [];
  for (const program of manifest.programs.filter((path) => existsSync(path))) {
    const { stdout, stderr } = await run(program, [...manifest.versionArguments], {
      timeout: VERSION_TIMEOUT_MS,
    }).catch(() => ({ stdout: "", stderr: "" }));
    const [version] = /\d+(?:\.\d+)+/.exec(stdout + stderr) ?? [];
    if (version === undefined) continue;
    if (isAtLeast(version, versionMin)) return { program, version };
    found.push(`${program} is ${version}`);
  }
  const why = found.length === 0 ? "it is not installed" : found.join(", ");
  throw fail("RUNTIME_MISSING", { title, versionMin, why, install });
}

/** Compares numbers between dots, as far as `least` goes. */
export function isAtLeast(version: string, least: string): boolean {
  const have = version.split(".").map(Number);
  for (const [index, wanted] of least.split(".").map(Number).entries()) {
    const difference = (have[index] ?? 0) - wanted;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Of all its files, by name and content. */
async function digestOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !isLitter(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const name of names.toSorted()) {
    hash.update(`${name.slice(folder.length)}\0`).update(await readFile(name));
  }
  return hash.digest("hex").slice(0, 8);
}

/** What an interpreter leaves beside its sources. */
function isLitter(path: string): boolean {
  return path.endsWith("__pycache__");
}

/** Every user of the machine may read it, because sandboxes have users of their own. */
async function layDown({
  source,
  directory,
  prepare,
}: {
  readonly source: string;
  readonly directory: string;
  readonly prepare: (fresh: string) => Promise<void>;
}): Promise<void> {
  await layDownOnce(directory, async (fresh) => {
    await cp(source, fresh, { recursive: true, filter: (path) => !isLitter(path) });
    await prepare(fresh);
    for (const entry of await readdir(fresh, { recursive: true, withFileTypes: true })) {
      await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o444);
    }
    await chmod(fresh, 0o755);
  });
}
