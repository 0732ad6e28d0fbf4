/** Starts the PHP runtime as the agent does and gives it PHP sources as artefacts. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FolderManifest, SpecialiseHead } from "@skerry/contracts";
import { LANGUAGE_RUNTIMES, warmArgument, type WarmKind } from "../src/index.ts";
import type { LanguageManifest } from "../src/language-manifest.ts";
import { Instance, scratch } from "./harness.ts";

const FOLDER = fileURLToPath(LANGUAGE_RUNTIMES.php8);
const MANIFEST = JSON.parse(readFileSync(join(FOLDER, "runtime.json"), "utf8")) as LanguageManifest;
const PROGRAM = MANIFEST.programs.find((path) => existsSync(path));

/** Why PHP's tests cannot run on this machine; CI has to have it. */
export const phpMissing: string | false =
  PROGRAM === undefined && process.env["CI"] === undefined ? "no PHP 8 here" : false;

interface Cleanup {
  readonly after: (run: () => void | Promise<void>) => void;
}

export interface PhpOptions {
  readonly warm?: WarmKind;
  readonly files?: Readonly<Record<string, string>>;
  readonly entry?: string;
  readonly specialise?: Partial<SpecialiseHead>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a blank; it is killed when the test ends. */
export function startPhp(t: Cleanup, options: PhpOptions = {}): Instance {
  const folder = FOLDER.replace(/\/$/, "");
  const args = MANIFEST.arguments.map((text) => text.replace("{runtime}", folder));
  const child = spawn(PROGRAM ?? "php", [...args, warmArgument(options.warm ?? "none")], {
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

/** Writes a source as the artefact of a build; `<?php` goes before it unless it has a tag. */
export function phpArtefact(
  t: Cleanup,
  source: string,
  options: PhpOptions = {},
): { readonly directory: string; readonly manifest: FolderManifest } {
  const directory = join(
    scratch((run) => t.after(run)),
    "code",
  );
  const entry = options.entry ?? "index.php";
  const tagged = source.startsWith("<") ? source : `<?php ${source}`;
  for (const [name, text] of Object.entries({ ...options.files, [entry]: tagged })) {
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
export async function runPhp(
  t: Cleanup,
  source: string,
  options: PhpOptions = {},
): Promise<Instance> {
  const instance = startPhp(t, options);
  await instance.load(phpArtefact(t, source, options), options.specialise);
  return instance;
}
