/**
 * What a folder means: an app with `skerry.yaml`, or one function that its files tell how to run.
 * Names that nobody gave come from folders: the function's own, and `default` for the app.
 */
import { readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { nearestWord } from "@skerry/base";
import { readAppName, readFunctionName, type FunctionConfigInput } from "@skerry/contracts";
import { declaredBy, type Declared } from "@skerry/sdk";
import { fail } from "./errors.ts";
import { inferConfig, TELLING_FILES } from "./folder-kind.ts";

export interface ProjectFunction {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** Without its layers, whose digests nobody knows yet. */
  readonly config: Omit<FunctionConfigInput, "layers">;
  /** Absolute folders, in the order in which they are merged. */
  readonly layers: readonly string[];
}

export interface Project {
  readonly app: string;
  readonly functions: readonly ProjectFunction[];
  /** What runs them without a caller; undefined when the folder says nothing of it. */
  readonly declared: readonly Declared[] | undefined;
}

export interface ProjectChoice {
  readonly app: string | undefined;
  /** Of the function; with `skerry.yaml` the only one to deploy. */
  readonly name: string | undefined;
}

const MANIFEST = "skerry.yaml";
const APP_DEFAULT = "default";
const NAME_CHARACTERS_MAX = 40;

/**
 * Reads what is to be deployed. Rejects with PROJECT_… and INPUT_INVALID; nothing is read but names
 * and `skerry.yaml`.
 */
export async function readProject(folder: string, choice: ProjectChoice): Promise<Project> {
  const root = resolve(folder);
  if (!isFolder(root)) throw fail("PROJECT_UNREADABLE", { path: folder, why: whyNoFolder(root) });
  const manifest = readManifest(root);
  if (manifest !== undefined) return await fromManifest(root, manifest, choice);
  const config = inferConfig(root);
  if (config === undefined) {
    const entries = TELLING_FILES.join(", ").replace(/, ([^,]+)$/, " or $1");
    throw fail("PROJECT_EMPTY", { path: folder, entries });
  }
  const name = choice.name ?? nameFromFolder(basename(root));
  return {
    app: readAppName(choice.app ?? APP_DEFAULT),
    functions: [{ name: readFunctionName(name), folder: root, config, layers: [] }],
    declared: undefined,
  };
}

function readManifest(root: string): string | undefined {
  try {
    return readFileSync(join(root, MANIFEST), "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw fail("PROJECT_UNREADABLE", { path: join(root, MANIFEST), why: code ?? message }, error);
  }
}

async function fromManifest(root: string, text: string, choice: ProjectChoice): Promise<Project> {
  const path = join(root, MANIFEST);
  const written = await parseYaml(text, path);
  // Three of four modules of this command, and a folder that is one function needs none of them.
  const [{ projectManifest }, { parseInput }] = await Promise.all([
    import("@skerry/api-schema/project-manifest"),
    import("@skerry/contracts/problems"),
  ]);
  const manifest = parseInput(projectManifest, written, MANIFEST);
  const { app, functions, layers = {} } = manifest;
  const layerFolder = (layer: string): string => {
    const dir = layers[layer];
    if (dir !== undefined) return resolve(root, dir);
    throw fail("PROJECT_LAYER_UNKNOWN", { path, layer, layers: Object.keys(layers) });
  };
  const { name } = choice;
  const names = Object.keys(functions);
  if (name !== undefined && functions[name] === undefined) {
    const near = nearestWord(name, names);
    const suggestion = near === undefined ? "" : `Did you mean ${near}? `;
    throw fail("PROJECT_FUNCTION_UNKNOWN", { path, function: name, suggestion, functions: names });
  }
  return {
    app: readAppName(choice.app ?? app),
    functions: Object.entries(functions)
      .filter(([key]) => name === undefined || key === name)
      .map(([key, { dir, layers: wanted = [], ...config }]) => {
        const ownFolder = resolve(root, dir);
        // A function that does not say how it runs takes it from its folder.
        const inferred = saysHowItRuns(written, key) ? {} : inferConfig(ownFolder);
        const own = { folder: ownFolder, config: { ...config, ...inferred } };
        return { name: key, ...own, layers: wanted.map(layerFolder) };
      }),
    declared: name === undefined ? declaredBy(manifest) : undefined,
  };
}

/** Looks at what was written, before defaults were filled in; its shape has been checked. */
function saysHowItRuns(written: unknown, name: string): boolean {
  const { functions } = written as { readonly functions: Readonly<Record<string, object>> };
  const told = functions[name] ?? {};
  return ["runtime", "command", "entry"].some((key) => key in told);
}

async function parseYaml(text: string, path: string): Promise<unknown> {
  // A fifth of what a command loads, and most read no YAML.
  const { parseDocument } = await import("yaml");
  try {
    const document = parseDocument(text);
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const why = (message.split("\n")[0] ?? message).replace(/:$/, "");
    throw fail("PROJECT_UNREADABLE", { path, why }, error);
  }
}

/** `My_Function.v2` → `my-function-v2`. */
function nameFromFolder(folder: string): string {
  const name = folder
    .normalize("NFD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, NAME_CHARACTERS_MAX)
    .replace(/-+$/, "");
  if (name === "") throw fail("PROJECT_NAME_UNUSABLE", { folder });
  return name;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function whyNoFolder(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined
    ? "it does not exist"
    : "it is not a folder";
}
