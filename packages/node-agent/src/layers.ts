/**
 * Layers: folders of an app that its functions share, seen at /opt. One layer is mounted from where
 * its source is kept; several are merged once, in their order, into a tree that every function with
 * the same list mounts. Names of places below /opt are those of SCF and Lambda.
 */
import { constants, copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { artefactKey, type CodeStore } from "@skerry/code-store";
import { fail } from "./errors.ts";

/** Where a sandbox sees them. */
export const LAYERS_MOUNT = "/opt";
/** Part of the name of every merged tree. */
const MERGE_VERSION = 1;
const PATH_DEFAULT = "/usr/local/bin:/usr/bin:/bin";

/** The tree that functions with these layers mount; undefined without layers. */
export function layersDirectory(code: CodeStore, layers: readonly string[]): string | undefined {
  const [only] = layers;
  if (only === undefined) return undefined;
  return layers.length === 1 ? code.sourceDirectory(only) : code.artefactDirectory(keyOf(layers));
}

/** What of the code store these layers use. */
export function layerNames(layers: readonly string[]): readonly string[] {
  return layers.length < 2 ? layers : [...layers, keyOf(layers)];
}

/** Makes the tree be there. Throws SOURCE_MISSING_ON_NODE, LAYERS_CLASH. */
export async function prepareLayers(
  code: CodeStore,
  layers: readonly string[],
): Promise<string | undefined> {
  for (const sourceDigest of layers) {
    if (!(await code.has(sourceDigest))) throw fail("SOURCE_MISSING_ON_NODE", { sourceDigest });
  }
  const [first] = layers;
  if (first !== undefined && layers.length > 1 && !(await code.hasArtefact(keyOf(layers)))) {
    const merge = async (target: string): Promise<void> => {
      for (const layer of layers) await mergeInto(target, code.sourceDirectory(layer));
    };
    await code.putArtefact(keyOf(layers), merge, { sourceDigest: first });
  }
  return layersDirectory(code, layers);
}

function keyOf(layers: readonly string[]): string {
  const recipe = JSON.stringify({ version: MERGE_VERSION, layers });
  return artefactKey({ sourceDigest: layers[0] ?? "", recipe, runtimeBuild: "" });
}

/** A file of a later layer takes the place of an earlier one's. */
async function mergeInto(target: string, layer: string): Promise<void> {
  for (const entry of await readdir(layer, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const path = relative(layer, from);
    const to = join(target, path);
    try {
      await mkdir(dirname(to), { recursive: true, mode: 0o755 });
      await rm(to, { force: true });
      await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A file stands where the other layer has a folder.
      if (code === "EEXIST" || code === "ENOTDIR" || code === "ERR_FS_EISDIR") {
        throw fail("LAYERS_CLASH", { path }, error);
      }
      throw error;
    }
  }
}

/** npm packages that the layers at `directory` bring along. */
export async function layerPackages(directory: string): Promise<readonly string[]> {
  const root = join(directory, "nodejs", "node_modules");
  const names: string[] = [];
  for (const name of await foldersIn(root)) {
    if (!name.startsWith("@")) names.push(name);
    else names.push(...(await foldersIn(join(root, name))).map((inner) => `${name}/${inner}`));
  }
  return names.filter((name) => /^(?:@[\w.~-]+\/)?[\w.~-]+$/.test(name) && name !== ".bin");
}

async function foldersIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path).catch((): string[] => []);
  const found = await Promise.all(
    entries.map(async (name) => ((await stat(join(path, name))).isDirectory() ? [name] : [])),
  );
  return found.flat();
}

/**
 * Where code and what it starts looks for libraries: in the layers before the machine, and after
 * what the function's own environment names. `inside` is where the process sees the layers.
 */
export function layersEnvironment(
  inside: string | undefined,
  { env, code }: { readonly env: Readonly<Record<string, string>>; readonly code: string },
): Readonly<Record<string, string>> {
  if (inside === undefined) return env;
  const after = (own: string | undefined, place: string): string =>
    own === undefined || own === "" ? join(inside, place) : `${own}:${join(inside, place)}`;
  const { PATH = PATH_DEFAULT, PYTHONPATH = join(code, "python_packages") } = env;
  return {
    ...env,
    SKERRY_LAYERS: inside,
    NODE_PATH: after(env["NODE_PATH"], "nodejs/node_modules"),
    PYTHONPATH: after(PYTHONPATH, "python"),
    PATH: `${join(inside, "bin")}:${PATH}`,
    LD_LIBRARY_PATH: after(env["LD_LIBRARY_PATH"], "lib"),
  };
}
