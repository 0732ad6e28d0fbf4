/**
 * The instance runtime as one file. Bundling takes a quarter of a second, so what it gave stays in
 * use while none of the files that went in has changed; who cannot tell bundles again.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { RUNTIME_ENTRY } from "@skerry/instance-runtime";
import { fail } from "./errors.ts";

/** Grows with the options of the bundler below. */
const RECIPE = 1;
/** Behind the name of the folder that a bundle was laid down in. */
export const INPUTS_SUFFIX = ".inputs.json";

export interface RuntimeBundle {
  readonly bytes: Uint8Array;
  /** Of its bytes. */
  readonly digest: string;
  /** What it was made from. */
  readonly inputs: BundleInputs;
}

/** Files by absolute path, each with what changes when it does. */
export interface BundleInputs {
  readonly recipe: number;
  readonly files: Readonly<Record<string, string>>;
}

export async function bundleRuntime(): Promise<RuntimeBundle> {
  const { build, stop } = await import("esbuild");
  const absWorkingDir = fileURLToPath(new URL("..", import.meta.url));
  const result = await build({
    absWorkingDir,
    entryPoints: [fileURLToPath(RUNTIME_ENTRY)],
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    minifySyntax: true,
    legalComments: "none",
    logLevel: "silent",
  });
  // It runs a process of its own, which nobody needs until the next start.
  await stop();
  const [file] = result.outputFiles;
  if (file === undefined) throw fail("RUNTIME_UNUSABLE", { runtime: "node", why: "no bundle" });
  const paths = Object.keys(result.metafile.inputs).map((path) => resolve(absWorkingDir, path));
  const digest = createHash("sha256").update(file.contents).digest("hex").slice(0, 8);
  const inputs = { recipe: RECIPE, files: await stampsOf([...paths, esbuildManifest()]) };
  return { bytes: file.contents, digest, inputs };
}

/** The bundler's version is an input, too. */
function esbuildManifest(): string {
  return fileURLToPath(import.meta.resolve("esbuild/package.json"));
}

/**
 * The folder below `directory`, of those that begin with `prefix`, whose bundle is what bundling
 * would give now; undefined when that is not certain.
 */
export async function findBundled(directory: string, prefix: string): Promise<string | undefined> {
  const names = await readdir(directory).catch(() => []);
  const noted = names.filter((name) => name.startsWith(prefix) && name.endsWith(INPUTS_SUFFIX));
  for (const name of noted) {
    const folder = name.slice(0, -INPUTS_SUFFIX.length);
    const isThere = existsSync(join(directory, folder, "runtime.cjs"));
    if (isThere && (await isUnchanged(join(directory, name)))) return folder;
  }
  return undefined;
}

async function isUnchanged(note: string): Promise<boolean> {
  try {
    const { recipe, files } = JSON.parse(await readFile(note, "utf8")) as BundleInputs;
    if (recipe !== RECIPE) return false;
    const now = await stampsOf(Object.keys(files));
    return Object.entries(files).every(([path, stamp]) => now[path] === stamp);
  } catch {
    return false;
  }
}

/** Notes what the bundle in `folder` was made from; without the note it is only made again. */
export async function noteInputs(folder: string, inputs: BundleInputs): Promise<void> {
  const fresh = `${folder}${INPUTS_SUFFIX}.new-${process.pid}`;
  try {
    await writeFile(fresh, JSON.stringify(inputs), { mode: 0o600 });
    await rename(fresh, `${folder}${INPUTS_SUFFIX}`);
  } catch {
    await rm(fresh, { force: true });
  }
}

/** The time of the last change cannot be set, unlike that of the last write. */
async function stampsOf(paths: readonly string[]): Promise<Record<string, string>> {
  const stamps = await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs, ctimeMs, ino } = await stat(path);
      return [path, `${size}.${mtimeMs}.${ctimeMs}.${ino}`] as const;
    }),
  );
  return Object.fromEntries(stamps);
}
