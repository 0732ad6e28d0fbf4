/** Starts the Python runtime as the agent does and gives it Python sources as artefacts. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FolderManifest, SpecialiseHead } from "@skerry/contracts";
import { LANGUAGE_RUNTIMES, warmArgument, type WarmKind } from "../src/index.ts";
import type { LanguageManifest } from "../src/language-manifest.ts";
import { Instance, scratch } from "./harness.ts";

const FOLDER = fileURLToPath(LANGUAGE_RUNTIMES.python3);
const MANIFEST = JSON.parse(readFileSync(join(FOLDER, "runtime.json"), "utf8")) as LanguageManifest;
/** `SKERRY_TEST_PYTHON` tries another version than the machine's. */
const PROGRAM =
  process.env["SKERRY_TEST_PYTHON"] ?? MANIFEST.programs.find((path) => existsSync(path));

/** Why Python's tests cannot run on this machine; CI has to have it. */
export const pythonMissing: string | false =
  PROGRAM === undefined && process.env["CI"] === undefined ? "no Python 3 here" : false;

interface Cleanup {
  readonly after: (run: () => void | Promise<void>) => void;
}

export interface PythonOptions {
  readonly warm?: WarmKind;
  readonly files?: Readonly<Record<string, string>>;
  readonly entry?: string;
  readonly specialise?: Partial<SpecialiseHead>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a blank; it is killed when the test ends. */
export function startPython(t: Cleanup, options: PythonOptions = {}): Instance {
  const args = MANIFEST.arguments.map((text) => text.replace("{runtime}", FOLDER));
  const child = spawn(PROGRAM ?? "python3", [...args, warmArgument(options.warm ?? "none")], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...options.env },
  });
  const instance = new Instance(child);
  t.after(async () => {
    child.kill("SIGKILL");
    await instance.exited;
    instance.link.close("the test is over");
  });
  return instance;
}

/** Writes a source as the artefact of a build. */
export function pythonArtefact(
  t: Cleanup,
  source: string,
  options: PythonOptions = {},
): { readonly directory: string; readonly manifest: FolderManifest } {
  const directory = join(
    scratch((run) => t.after(run)),
    "code",
  );
  const entry = options.entry ?? "index.py";
  for (const [name, text] of Object.entries({ ...options.files, [entry]: source })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  const manifest: FolderManifest = {
    format: 2,
    entry,
    program: null,
    handlerKind: null,
    initFailure: null,
  };
  writeFileSync(join(directory, "artefact.json"), JSON.stringify(manifest));
  return { directory, manifest };
}

/** A fresh instance that runs this source; both end with the test. */
export async function runPython(
  t: Cleanup,
  source: string,
  options: PythonOptions = {},
): Promise<Instance> {
  const instance = startPython(t, options);
  await instance.load(pythonArtefact(t, source, options), options.specialise);
  return instance;
}
