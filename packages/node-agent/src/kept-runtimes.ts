/**
 * Runtime builds of earlier releases. A revision goes on with the build that it recorded as long as
 * that build's folder is kept: the platform's own runtime, and for Node the interpreter too. The
 * machine's interpreters (Python, PHP) are always those of now. How a build is started and spoken
 * to is a contract for that reason: the link's handshake tells versions, all else grows by
 * additions.
 */
import { existsSync } from "node:fs";
import { readdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Log } from "@skerry/base";
import { languageBuild, readLanguageManifest } from "./language-runtime.ts";
import { nodeBuild, prepareProgramRuntime, PROGRAM_SUFFIX } from "./node-runtime.ts";
import { removeTree } from "./remove-tree.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import { INPUTS_SUFFIX } from "./runtime-bundle.ts";

/** One folder name; what a revision recorded came over a wire. */
const BUILD_ID = /^[a-z][\w.-]{1,120}$/i;

/** The build `id` from its kept files; undefined when they are gone or of another kind. */
export async function keptBuild(
  runtimesDirectory: string,
  id: string,
  now: RuntimeBuild,
): Promise<RuntimeBuild | undefined> {
  if (!BUILD_ID.test(id) || languageOf(id) !== languageOf(now.id)) return undefined;
  const directory = join(runtimesDirectory, folderOf(id));
  const holds = (name: string): boolean => existsSync(join(directory, name));
  if (id.startsWith("node")) {
    if (!holds("node") || !holds("runtime.cjs")) return undefined;
    const node = nodeBuild(folderOf(id), directory);
    return id.endsWith(PROGRAM_SUFFIX) ? prepareProgramRuntime(node) : node;
  }
  if (!holds("runtime.json")) return undefined;
  const manifest = await readLanguageManifest(pathToFileURL(`${directory}/`));
  const [program] = now.command({ inside: directory, memoryMb: 0, warmFor: "none" });
  return program === undefined ? undefined : languageBuild({ id, directory, manifest, program });
}

/** `node26`, `python3`; for a program's shim `node26-program`. */
function languageOf(id: string): string {
  const [name = ""] = /^[a-z]+\d+/i.exec(id) ?? [];
  return id.endsWith(PROGRAM_SUFFIX) ? name + PROGRAM_SUFFIX : name;
}

/** What lies beside a folder goes with it. */
function buildOf(name: string): string {
  return name.endsWith(INPUTS_SUFFIX) ? name.slice(0, -INPUTS_SUFFIX.length) : name;
}

function folderOf(id: string): string {
  return id.endsWith(PROGRAM_SUFFIX) ? id.slice(0, -PROGRAM_SUFFIX.length) : id;
}

/** A folder of the runtimes' directory, and when it was needed last. */
export interface RuntimeFolder {
  readonly name: string;
  readonly neededWallMs: number;
}

/** A revision that is not in force may come back, by a rollback, for this long. */
export const RUNTIME_GRACE_MS = 7 * 24 * 3_600_000;

/** Which folders go: those that nothing has named for the whole grace. Pure. */
export function decideRuntimeSweep(
  folders: readonly RuntimeFolder[],
  named: Iterable<string>,
  nowWallMs: number,
): readonly string[] {
  const needed = new Set([...named].map(folderOf));
  return folders
    .filter(({ name, neededWallMs }) => {
      return !needed.has(buildOf(name)) && nowWallMs - neededWallMs >= RUNTIME_GRACE_MS;
    })
    .map(({ name }) => name);
}

export interface RuntimeSweepDeps {
  readonly log: Log;
  readonly wallMs: () => number;
}

/**
 * Removes builds that no revision in force has named for a while, and notes which are named now.
 * `named` must be all of them. Never rejects.
 */
export async function sweepRuntimes(
  { log, wallMs }: RuntimeSweepDeps,
  { directory, named }: { readonly directory: string; readonly named: ReadonlySet<string> },
): Promise<void> {
  try {
    const now = new Date(wallMs());
    for (const id of named) {
      if (BUILD_ID.test(id)) await utimes(join(directory, folderOf(id)), now, now).catch(ignore);
    }
    const names = await readdir(directory);
    const folders: RuntimeFolder[] = [];
    for (const name of names) {
      // What is being laid down may just have been given its name.
      const found = await stat(join(directory, name)).catch(ignore);
      if (found !== undefined) folders.push({ name, neededWallMs: found.mtimeMs });
    }
    for (const name of decideRuntimeSweep(folders, named, wallMs())) {
      if (await removeTree(join(directory, name))) log.info("removed a runtime", { name });
    }
  } catch (error) {
    log.warn("runtimes could not be swept", { error: String(error) });
  }
}

function ignore(): undefined {
  // A build that is named and not there is told when it is wanted.
  return undefined;
}
