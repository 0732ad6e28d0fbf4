/** Starts the runtimes of other languages as the agent does and gives them sources as artefacts. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FolderManifest, SpecialiseHead } from "@skerry/contracts";
import { LANGUAGE_RUNTIMES, warmArgument, type WarmKind } from "../src/index.ts";
import type { LanguageManifest } from "../src/language-manifest.ts";
import { Instance, scratch } from "./harness.ts";

interface Cleanup {
  readonly after: (run: () => void | Promise<void>) => void;
}

export interface LanguageOptions {
  readonly warm?: WarmKind;
  readonly files?: Readonly<Record<string, string>>;
  readonly entry?: string;
  readonly specialise?: Partial<SpecialiseHead>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface LanguageArtefact {
  readonly directory: string;
  readonly manifest: FolderManifest;
}

export interface Language {
  /** Why its tests cannot run on this machine; CI has to have it. */
  readonly missing: string | false;
  /** Starts a blank; it is killed when the test ends. */
  start(t: Cleanup, options?: LanguageOptions): Instance;
  /** Writes a source as the artefact of a build. */
  artefact(t: Cleanup, source: string, options?: LanguageOptions): LanguageArtefact;
  /** A fresh instance that runs this source; both end with the test. */
  run(t: Cleanup, source: string, options?: LanguageOptions): Promise<Instance>;
}

/** `complete` makes a whole file of a source. */
function createLanguage(options: {
  readonly kind: keyof typeof LANGUAGE_RUNTIMES;
  readonly entry: string;
  readonly program: string | undefined;
  readonly complete: (source: string) => string;
}): Language {
  const folder = fileURLToPath(LANGUAGE_RUNTIMES[options.kind]).replace(/\/$/, "");
  const manifestText = readFileSync(join(folder, "runtime.json"), "utf8");
  const manifest = JSON.parse(manifestText) as LanguageManifest;
  const program = options.program ?? manifest.programs.find((path) => existsSync(path));
  const isThere = program !== undefined || process.env["CI"] !== undefined;

  const start: Language["start"] = (t, { warm = "none", env = {} } = {}) => {
    const args = manifest.arguments.map((text) => text.replace("{runtime}", folder));
    const child = spawn(program ?? options.kind, [...args, warmArgument(warm)], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...env },
    });
    const instance = new Instance(child);
    t.after(async () => {
      child.kill("SIGKILL");
      await instance.exited;
      instance.link.close("the test is over");
    });
    return instance;
  };

  const artefact: Language["artefact"] = (t, source, { entry = options.entry, files } = {}) => {
    const root = scratch((run) => t.after(run));
    const directory = join(root, "code");
    for (const [name, text] of Object.entries({ ...files, [entry]: options.complete(source) })) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    const loaded = { handlerKind: null, initFailure: null };
    const written: FolderManifest = { format: 2, entry, program: null, ...loaded };
    writeFileSync(join(directory, "artefact.json"), JSON.stringify(written));
    return { directory, manifest: written };
  };

  return {
    missing: isThere ? false : `no ${manifest.title} here`,
    start,
    artefact,
    async run(t, source, asked = {}) {
      const instance = start(t, asked);
      await instance.load(artefact(t, source, asked), asked.specialise);
      return instance;
    },
  };
}

/** `SKERRY_TEST_PYTHON` tries another version than the machine's. */
export const python: Language = createLanguage({
  ...{ kind: "python3", entry: "index.py", complete: (source) => source },
  program: process.env["SKERRY_TEST_PYTHON"],
});

/** `<?php` goes before a source unless it has a tag. */
export const php: Language = createLanguage({
  ...{ kind: "php8", entry: "index.php", program: undefined },
  complete: (source) => (source.startsWith("<") ? source : `<?php ${source}`),
});
