/**
 * How Node's event and fetch handlers are built: esbuild makes one bundle in a sandbox without
 * network; every file that is no source lies beside it, where the code may read it.
 */
import { existsSync } from "node:fs";
import {
  constants,
  copyFile,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { dirname, extname, join, relative, sep } from "node:path";
import type { Clock, IdSource } from "@skerry/base";
import type { BuildHead, BundleManifest } from "@skerry/contracts";
import type { Sandbox, SandboxDriver, SandboxExit, SandboxMount } from "@skerry/sandbox";
import { bringsMachineCode } from "./brought-packages.ts";
import type { BuildTool } from "./build-tool.ts";
import type { PackagesFolder } from "./dependencies.ts";
import { findEntry } from "./entry.ts";
import { fail } from "./errors.ts";
import { layerPackages } from "./layers.ts";

export interface BundlerDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly sandboxes: SandboxDriver;
  readonly tool: BuildTool;
  /** Directory for the builds' own directories. */
  readonly buildsDirectory: string;
}

/** Where a recipe reads and writes. */
export interface RecipeJob {
  readonly head: BuildHead;
  readonly source: string;
  readonly target: string;
  /** What was installed for the source. */
  readonly packages: readonly PackagesFolder[];
}

/** Beside the rest, what the code will see at /opt. */
export interface BundleRecipeJob extends RecipeJob {
  readonly layers: string | undefined;
}

/** Lays installed packages beside the code, links as they are. */
export async function copyPackages(folder: PackagesFolder, target: string): Promise<void> {
  await cp(folder.path, join(target, folder.name), {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
  });
}

/** Part of every bundle's key: another one makes other artefacts. */
export const BUNDLE_RECIPE_VERSION = 1;
/** Beside the bundle, once it has been loaded. */
export const CODE_CACHE = "__skerry_bundle.cache";
const BUNDLE = "__skerry_bundle.cjs";
const ESM_BUNDLE = "__skerry_bundle.mjs";
const BUILD_TIMEOUT_MS = 60_000;
const BUILD_MEMORY_BYTES = 1 << 30;
const BUNDLE_BYTES_MAX = 64 << 20;
const OUTPUT_TEXT_MAX = 8 << 10;
const ENTRIES = ["index.ts", "index.mts", "index.mjs", "index.js", "index.cjs"];
/** Sources are in the bundle; everything else may be read by the code when it runs. */
const BUNDLED = new Set([".ts", ".mts", ".cts", ".tsx", ".jsx"]);
/** Read by the platform's tools, not by the code. */
const NOT_ASSETS = new Set(["skerry.yaml", "package-lock.json", "tsconfig.json"]);
/** Nobody can follow what esbuild advises for a package that is not there. */
const ADVICE = [
  /You can mark the path "[^"]*" as external to exclude it from the bundle, which .*? bundle\./g,
  'Name its package under "dependencies" in package.json: what stands there is installed.',
] as const;
const NO_TOP_LEVEL_AWAIT = /Top-level await is currently not supported/;

/**
 * A package that the source brought along asks for it by name; what was installed is known before.
 */
const ASKS_FOR_MACHINE_CODE = /No loader is configured for "\.node" files/;

type Format = BundleManifest["bundleFormat"];

type EsbuildResult =
  | { readonly ok: false; readonly output: string }
  | {
      readonly ok: true;
      /** What is in the bundle, relative to the folder that was deployed. */
      readonly files: readonly string[];
    };

interface BundleJob {
  readonly head: BuildHead;
  readonly source: string;
  readonly entry: string;
  readonly target: string;
  readonly installed: PackagesFolder | undefined;
  /** Packages are loaded from beside the bundle, because some of them are machine code. */
  readonly packagesBeside: boolean;
  /** Packages of layers, which are loaded from there. */
  readonly external: readonly string[];
}

/** Above the source, where Node's way of finding packages climbs to. */
function packagesMount({ path }: PackagesFolder): SandboxMount {
  return { kind: "ro", source: path, target: "/node_modules" };
}

export class Bundler {
  readonly #deps: BundlerDeps;

  constructor(deps: BundlerDeps) {
    this.#deps = deps;
  }

  /** Lays bundle and assets down. Throws BUILD_ENTRY_MISSING, BUILD_FAILED, BUILD_TIMEOUT. */
  async lay({ head, source, target, packages, layers }: BundleRecipeJob): Promise<BundleManifest> {
    const [installed] = packages;
    // Machine code cannot be bundled; its package is then loaded from beside the bundle.
    if (installed?.hasMachineCode === true) await copyPackages(installed, target);
    const entry = await findEntry(source, head.entry === null ? ENTRIES : [head.entry]);
    const own = [
      join(source, "node_modules"),
      ...(installed === undefined ? [] : [installed.path]),
    ];
    const external = (layers === undefined ? [] : await layerPackages(layers)).filter(
      (name) => !own.some((folder) => existsSync(join(folder, name))),
    );
    const packagesBeside = installed?.hasMachineCode === true;
    const job = { head, source, entry, target, installed, packagesBeside, external };
    const { format: bundleFormat, ...made } = await this.#bundle(job);
    return {
      format: 1,
      bundle: bundleFormat === "cjs" ? BUNDLE : ESM_BUNDLE,
      bundleFormat,
      codeCache: null,
      assetFiles: await copyAssets({ source, target, ...made }),
      handlerKind: null,
      initFailure: null,
    };
  }

  /**
   * CommonJS first, because V8 keeps a code cache for it; modules that await at top level stay
   * modules, also when a package that awaits so is no part of the bundle any more.
   */
  async #bundle(
    job: BundleJob,
    first: Format = "cjs",
  ): Promise<Pick<BundleJob, "packagesBeside"> & { format: Format }> {
    const { source, packagesBeside } = job;
    let format = first;
    let made = await this.#esbuild(job, format);
    if (!made.ok && NO_TOP_LEVEL_AWAIT.test(made.output))
      made = await this.#esbuild(job, (format = "esm"));
    const asksForMachineCode = made.ok
      ? !packagesBeside && (await bringsMachineCode(source, made.files))
      : !packagesBeside && ASKS_FOR_MACHINE_CODE.test(made.output);
    if (asksForMachineCode) return await this.#bundle({ ...job, packagesBeside: true }, format);
    if (!made.ok) throw fail("BUILD_FAILED", { output: made.output });
    return { format, packagesBeside };
  }

  async #esbuild(job: BundleJob, format: Format): Promise<EsbuildResult> {
    const id = this.#deps.ids.id("inst");
    const out = join(this.#deps.buildsDirectory, id);
    await mkdir(out, { recursive: true, mode: 0o755 });
    try {
      const sandbox = await this.#startEsbuild({ id, out, format, ...job });
      const output = collectText(sandbox);
      const exit = await this.#withTimeout(sandbox);
      if (exit.code !== 0) {
        const told = (await output).trim() || describeEnd(exit);
        return { ok: false, output: told.replaceAll(...ADVICE) };
      }
      const bundle = format === "cjs" ? BUNDLE : ESM_BUNDLE;
      await takeFile(join(out, bundle), join(job.target, bundle));
      const inside = relative(this.#inside("/out", out), this.#inside("/src", job.source));
      const map = `${bundle}.map`;
      const maps = { to: join(job.target, map), sources: inside };
      return { ok: true, files: await takeSourceMap(join(out, map), maps) };
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }

  /** The `process` rung has no mounts: files stand where the host has them. */
  #inside(mount: string, host: string): string {
    return this.#deps.sandboxes.level.rung === "process" ? host : mount;
  }

  #startEsbuild(
    job: BundleJob & {
      readonly id: string;
      readonly out: string;
      readonly format: Format;
    },
  ): Promise<Sandbox> {
    const { sandboxes, tool } = this.#deps;
    const { installed } = job;
    const source = this.#inside("/src", job.source);
    const bundle = job.format === "cjs" ? BUNDLE : ESM_BUNDLE;
    return sandboxes.start({
      id: job.id,
      command: [
        join(this.#inside("/tool", tool.directory), "esbuild"),
        join(source, job.entry),
        "--bundle",
        "--platform=node",
        `--target=${job.head.runtime}`,
        `--format=${job.format}`,
        `--outfile=${join(this.#inside("/out", job.out), bundle)}`,
        "--sourcemap",
        "--sources-content=false",
        "--keep-names",
        "--legal-comments=none",
        "--log-level=warning",
        "--color=false",
        ...(job.format === "cjs" ? CJS_META : ESM_REQUIRE),
        ...(job.packagesBeside ? ["--packages=external"] : []),
        ...job.external.map((name) => `--external:${name}`),
      ],
      // Where sandboxes have no mounts, packages are not found by climbing up.
      env: { HOME: "/tmp", GOMAXPROCS: "2", NODE_PATH: installed?.path ?? "" },
      cwd: source,
      mounts: [
        { kind: "ro", source: tool.directory, target: "/tool" },
        { kind: "ro", source: job.source, target: "/src" },
        { kind: "rw", source: job.out, target: "/out" },
        ...(installed === undefined ? [] : [packagesMount(installed)]),
      ],
      limits: {
        memoryBytes: BUILD_MEMORY_BYTES,
        processesMax: 64,
        openFilesMax: 4_096,
        cpuShares: 50,
        tmpBytes: 16 << 20,
        fileBytesMax: BUNDLE_BYTES_MAX,
      },
    });
  }

  async #withTimeout(sandbox: Sandbox): ReturnType<Sandbox["kill"]> {
    let late = false;
    const cancel = this.#deps.clock.schedule(BUILD_TIMEOUT_MS, () => {
      late = true;
      void sandbox.kill();
    });
    const exit = await sandbox.exited;
    cancel();
    if (late) throw fail("BUILD_TIMEOUT", { timeoutMs: BUILD_TIMEOUT_MS });
    return exit;
  }
}

/** `import.meta` has no meaning in CommonJS; esbuild is told what the file's own URL is. */
const CJS_META = [
  "--define:import.meta.url=__skerry_meta_url",
  "--define:import.meta.dirname=__dirname",
  "--define:import.meta.filename=__filename",
  "--banner:js=const __skerry_meta_url=require('node:url').pathToFileURL(__filename).href;",
];
const ESM_REQUIRE = [
  "--banner:js=import{createRequire as __skerry_require}from'node:module';const require=__skerry_require(import.meta.url);",
];

/** Copies what the code may read at run time beside the bundle, so that its relative paths hold. */
async function copyAssets({
  source,
  target,
  packagesBeside,
}: Pick<BundleJob, "source" | "target" | "packagesBeside">): Promise<number> {
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  let count = 0;
  for (const entry of entries) {
    if (!entry.isFile() || BUNDLED.has(extname(entry.name))) continue;
    if (NOT_ASSETS.has(entry.name)) continue;
    // The artefact's own files stand here; a source with these names keeps them to itself.
    if (entry.name === "artefact.json" || entry.name.startsWith("__skerry_")) continue;
    const path = relative(source, join(entry.parentPath, entry.name));
    // What the source brought along.
    if (!packagesBeside && path.split(sep).includes("node_modules")) continue;
    await mkdir(join(target, dirname(path)), { recursive: true, mode: 0o755 });
    await copyFile(join(source, path), join(target, path), constants.COPYFILE_FICLONE);
    count += 1;
  }
  return count;
}

/** What a sandbox wrote is taken only if it is a plain file of bounded size. */
async function takeFile(from: string, to: string): Promise<void> {
  const found = await lstat(from).catch(() => undefined);
  if (found?.isFile() !== true || found.size > BUNDLE_BYTES_MAX) {
    throw fail("BUILD_FAILED", { output: "the bundle is missing or too large" });
  }
  await copyFile(from, to);
}

/** Names the sources as the user knows them, relative to the folder that was deployed. */
async function takeSourceMap(
  from: string,
  { to, sources: folder }: { readonly to: string; readonly sources: string },
): Promise<readonly string[]> {
  await takeFile(from, to);
  const map = JSON.parse(await readFile(to, "utf8")) as { sources?: string[] };
  const sources = (map.sources ?? []).map((name) =>
    name.startsWith(`${folder}/`) ? name.slice(folder.length + 1) : name,
  );
  await writeFile(to, JSON.stringify({ ...map, sources }));
  return sources;
}

function describeEnd(exit: SandboxExit): string {
  if (exit.oomKilled || exit.reason === "memory")
    return `it needs more than ${BUILD_MEMORY_BYTES >> 20} MiB of memory`;
  return `esbuild ended (${exit.signal ?? exit.code})`;
}

async function collectText(sandbox: Sandbox): Promise<string> {
  sandbox.stdout.resume();
  let text = "";
  for await (const chunk of sandbox.stderr) {
    if (text.length < OUTPUT_TEXT_MAX) text += String(chunk);
  }
  return text.slice(0, OUTPUT_TEXT_MAX);
}
