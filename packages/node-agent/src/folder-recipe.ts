/**
 * How code is built that is not Node's handlers: the source's files as they are, with what the
 * runtime is to load or the program that it is to start.
 */
import { chmod, constants, copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { BuildHead, FolderManifest, ProgramManifest } from "@skerry/contracts";
import { LANGUAGE_RUNTIMES } from "@skerry/instance-runtime";
import { copyPackages, type RecipeJob } from "./bundle-recipe.ts";
import { findEntry } from "./entry.ts";
import { readLanguageManifest } from "./language-runtime.ts";

/** Part of every folder's key: another one makes other artefacts. */
export const FOLDER_RECIPE_VERSION = 1;
const EXECUTABLE = 0o111;
/** Read by the platform's tools, not by the code. */
const LEFT_OUT = new Set(["skerry.yaml", "artefact.json"]);
/** Starts a web server: SCF's name, and its port. */
const WEB_BOOTSTRAP = "scf_bootstrap";
/** Fetches its events: the name in SCF and Lambda. */
const EVENTS_BOOTSTRAP = "bootstrap";

/** Copies the files and finds what to start. Throws BUILD_ENTRY_MISSING. */
export async function layFolder(job: RecipeJob): Promise<FolderManifest> {
  const { head, source, target, packages } = job;
  const started = await whatStarts(head, source);
  await copyFiles(source, target);
  for (const folder of packages) await copyPackages(folder, target);
  const [program] = started.program?.command ?? [];
  // An archive from a system without this mark has lost it.
  if (program?.startsWith("./") === true) await chmod(join(target, program), 0o755);
  return { format: 2, ...started, handlerKind: null, initFailure: null };
}

async function whatStarts(
  head: BuildHead,
  source: string,
): Promise<Pick<FolderManifest, "entry" | "program">> {
  const { command, port, runtime } = head;
  if (command !== null) {
    return { entry: null, program: { command: ["/bin/sh", "-c", command], serves: "http", port } };
  }
  if (runtime === "custom") return { entry: null, program: await findProgram(head, source) };
  const entries = head.entry === null ? await usualEntries(runtime) : [head.entry];
  return { entry: await findEntry(source, entries), program: null };
}

async function findProgram({ port, entry }: BuildHead, source: string): Promise<ProgramManifest> {
  const names = entry === null ? [WEB_BOOTSTRAP, EVENTS_BOOTSTRAP] : [entry];
  const name = await findEntry(source, names);
  const serves = name === WEB_BOOTSTRAP ? "http" : "events";
  return { command: [`./${name}`], serves, port };
}

async function usualEntries(runtime: BuildHead["runtime"]): Promise<readonly string[]> {
  if (runtime !== "python3" && runtime !== "php8") return [];
  return (await readLanguageManifest(LANGUAGE_RUNTIMES[runtime])).entries;
}

/** Plain files only; what may be executed stays so. */
async function copyFiles(source: string, target: string): Promise<void> {
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const path = relative(source, from);
    if (LEFT_OUT.has(path)) continue;
    const to = join(target, path);
    await mkdir(dirname(to), { recursive: true, mode: 0o755 });
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    const { mode } = await stat(from);
    await chmod(to, (mode & EXECUTABLE) === 0 ? 0o644 : 0o755);
  }
}
