/**
 * The build step: source in, artefact out, both steps inside a sandbox without network. First
 * esbuild makes one bundle; then a fresh runtime loads it once, which tells the kind of handler and
 * yields V8's code cache of what loading compiled. Handlers are never called. The artefact depends
 * on source, recipe and runtime build alone and can be made again at any time.
 */
import {
  constants,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { dirname, extname, isAbsolute, join, normalize, relative, sep } from "node:path";
import { PlatformError, type Clock, type IdSource, type Log } from "@skerry/base";
import { artefactKey, type CodeStore } from "@skerry/code-store";
import type {
  ArtefactManifest,
  BuildHead,
  BuildReply,
  HandlerKind,
  SpecialiseHead,
  SpecialiseReply,
} from "@skerry/contracts";
import type { Sandbox, SandboxDriver, SandboxExit } from "@skerry/sandbox";
import type { BuildTool } from "./build-tool.ts";
import { fail } from "./errors.ts";
import { initFailureOf } from "./init-failure.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import type { RuntimeProcess } from "./runtime-process.ts";
import { readSpecialiseReply } from "./specialise-reply.ts";

export interface BuilderDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  readonly sandboxes: SandboxDriver;
  readonly code: CodeStore;
  readonly runtime: RuntimeBuild;
  readonly tool: BuildTool;
  /** Directory for the builds' own directories. */
  readonly buildsDirectory: string;
  startRuntime(options: {
    readonly memoryMb: number;
    readonly codeDirectory: string;
  }): Promise<RuntimeProcess>;
}

const BUNDLE = "__skerry_bundle.cjs";
const ESM_BUNDLE = "__skerry_bundle.mjs";
const CODE_CACHE = "__skerry_bundle.cache";
const RECIPE_VERSION = 1;
const BUILD_TIMEOUT_MS = 60_000;
const BUILD_MEMORY_BYTES = 1 << 30;
const BUNDLE_BYTES_MAX = 64 << 20;
const CODE_CACHE_BYTES_MAX = 64 << 20;
const OUTPUT_TEXT_MAX = 8 << 10;
const ENTRIES = ["index.ts", "index.mts", "index.mjs", "index.js", "index.cjs"];
/** Sources are in the bundle; everything else may be read by the code when it runs. */
const BUNDLED = new Set([".ts", ".mts", ".cts", ".tsx", ".jsx"]);
/** Read by the platform's tools, not by the code. */
const NOT_ASSETS = new Set(["skerry.yaml", "package-lock.json", "tsconfig.json"]);
const NO_TOP_LEVEL_AWAIT = /Top-level await is currently not supported/;

export class Builder {
  readonly #deps: BuilderDeps;
  readonly #running = new Map<string, Promise<BuildReply>>();

  constructor(deps: BuilderDeps) {
    this.#deps = deps;
  }

  /** How many builds are under way. */
  get underWay(): number {
    return this.#running.size;
  }

  /** Builds unless the artefact is there. Equal builds at once are one. Never rejects. */
  build(head: BuildHead): Promise<BuildReply> {
    const key = this.#keyOf(head);
    const running = this.#running.get(key) ?? this.#build(head, key).catch(failed);
    this.#running.set(key, running);
    void running.finally(() => this.#running.delete(key));
    return running;
  }

  #keyOf(head: BuildHead): string {
    const recipe = JSON.stringify({
      version: RECIPE_VERSION,
      esbuild: this.#deps.tool.version,
      entry: head.entry,
      handler: head.handler,
      memoryMb: head.memoryMb,
    });
    const { sourceDigest } = head;
    return artefactKey({ sourceDigest, recipe, runtimeBuild: this.#deps.runtime.id });
  }

  async #build(head: BuildHead, key: string): Promise<BuildReply> {
    const { code } = this.#deps;
    const reused = await code.hasArtefact(key);
    if (!reused) {
      if (!(await code.has(head.sourceDigest))) {
        throw fail("SOURCE_MISSING_ON_NODE", { sourceDigest: head.sourceDigest });
      }
      const initFailure = await this.#makeAndKeep(head, key);
      if (initFailure !== null) {
        const runtimeBuild = this.#deps.runtime.id;
        return { ok: true, artefactKey: key, runtimeBuild, handlerKind: null, initFailure, reused };
      }
    }
    const text = await readFile(join(code.artefactDirectory(key), "artefact.json"), "utf8");
    const { handlerKind, initFailure } = JSON.parse(text) as ArtefactManifest;
    const runtimeBuild = this.#deps.runtime.id;
    return { ok: true, artefactKey: key, runtimeBuild, handlerKind, initFailure, reused };
  }

  /** Code that failed to load is not kept: the same code may load with another environment. */
  async #makeAndKeep(head: BuildHead, key: string): Promise<InitFailure | null> {
    let initFailure: InitFailure | null = null;
    const make = async (target: string): Promise<void> => {
      initFailure = await this.#make(head, target);
      if (initFailure !== null) throw fail("BUILD_FAILED", { output: initFailure.message });
    };
    try {
      await this.#deps.code.putArtefact(key, make, { sourceDigest: head.sourceDigest });
    } catch (error) {
      if (initFailure === null) throw error;
    }
    return initFailure;
  }

  async #make(head: BuildHead, target: string): Promise<InitFailure | null> {
    const source = this.#deps.code.sourceDirectory(head.sourceDigest);
    const entry = await findEntry(source, head.entry);
    const bundleFormat = await this.#bundle({ source, entry, target });
    const assetFiles = await copyAssets(source, target);
    const bundle = bundleFormat === "cjs" ? BUNDLE : ESM_BUNDLE;
    const unloaded: ArtefactManifest = {
      format: 1,
      bundle,
      bundleFormat,
      codeCache: null,
      assetFiles,
      handlerKind: null,
      initFailure: null,
    };
    const manifestPath = join(target, "artefact.json");
    await writeFile(manifestPath, JSON.stringify(unloaded));
    const loaded = await this.#load(head, target);
    if (loaded.codeCache !== undefined) await writeFile(join(target, CODE_CACHE), loaded.codeCache);
    const manifest: ArtefactManifest = {
      ...unloaded,
      codeCache: loaded.codeCache === undefined ? null : CODE_CACHE,
      handlerKind: loaded.handlerKind,
      initFailure: loaded.initFailure,
    };
    await writeFile(manifestPath, JSON.stringify(manifest));
    return loaded.initFailure;
  }

  /**
   * CommonJS first, because V8 keeps a code cache for it; modules that await at top level stay
   * modules.
   */
  async #bundle(job: {
    readonly source: string;
    readonly entry: string;
    readonly target: string;
  }): Promise<"cjs" | "esm"> {
    const first = await this.#esbuild(job, "cjs");
    if (first.ok) return "cjs";
    if (!NO_TOP_LEVEL_AWAIT.test(first.output))
      throw fail("BUILD_FAILED", { output: first.output });
    const second = await this.#esbuild(job, "esm");
    if (!second.ok) throw fail("BUILD_FAILED", { output: second.output });
    return "esm";
  }

  async #esbuild(
    job: { readonly source: string; readonly entry: string; readonly target: string },
    format: "cjs" | "esm",
  ): Promise<{ readonly ok: boolean; readonly output: string }> {
    const id = this.#deps.ids.id("inst");
    const out = join(this.#deps.buildsDirectory, id);
    await mkdir(out, { recursive: true, mode: 0o755 });
    try {
      const sandbox = await this.#startEsbuild({ id, out, format, ...job });
      const output = collectText(sandbox);
      const exit = await this.#withTimeout(sandbox);
      if (exit.code !== 0) {
        return { ok: false, output: (await output).trim() || describeEnd(exit) };
      }
      const bundle = format === "cjs" ? BUNDLE : ESM_BUNDLE;
      await takeFile(join(out, bundle), join(job.target, bundle));
      const inside = relative(this.#inside("/out", out), this.#inside("/src", job.source));
      const map = `${bundle}.map`;
      await takeSourceMap(join(out, map), { to: join(job.target, map), sources: inside });
      return { ok: true, output: await output };
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }

  /** The `process` rung has no mounts: files stand where the host has them. */
  #inside(mount: string, host: string): string {
    return this.#deps.sandboxes.level.rung === "process" ? host : mount;
  }

  #startEsbuild(job: {
    readonly id: string;
    readonly out: string;
    readonly source: string;
    readonly entry: string;
    readonly format: "cjs" | "esm";
  }): Promise<Sandbox> {
    const { sandboxes, tool } = this.#deps;
    const source = this.#inside("/src", job.source);
    const bundle = job.format === "cjs" ? BUNDLE : ESM_BUNDLE;
    return sandboxes.start({
      id: job.id,
      command: [
        join(this.#inside("/tool", tool.directory), "esbuild"),
        join(source, job.entry),
        "--bundle",
        "--platform=node",
        "--target=node26",
        `--format=${job.format}`,
        `--outfile=${join(this.#inside("/out", job.out), bundle)}`,
        "--sourcemap",
        "--sources-content=false",
        "--keep-names",
        "--legal-comments=none",
        "--log-level=warning",
        "--color=false",
        ...(job.format === "cjs" ? CJS_META : ESM_REQUIRE),
      ],
      env: { HOME: "/tmp", GOMAXPROCS: "2" },
      cwd: source,
      mounts: [
        { kind: "ro", source: tool.directory, target: "/tool" },
        { kind: "ro", source: job.source, target: "/src" },
        { kind: "rw", source: job.out, target: "/out" },
      ],
      limits: {
        memoryBytes: BUILD_MEMORY_BYTES,
        processesMax: 64,
        openFilesMax: 4_096,
        cpuShares: 50,
        tmpBytes: 16 << 20,
      },
    });
  }

  /** Code that loads and then ends or hangs has no cache; whether it runs is for its requests. */
  async #codeCacheOf(runtime: RuntimeProcess, timeoutMs: number): Promise<Buffer | undefined> {
    try {
      const { body } = await runtime.ask({
        head: { op: "code-cache" },
        timeoutMs,
        bodyBytesMax: CODE_CACHE_BYTES_MAX,
      });
      return body.length > 0 ? body : undefined;
    } catch (error) {
      this.#deps.log.warn("no code cache", { error: PlatformError.from(error).message });
      return undefined;
    }
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

  /** Loads the bundle once in a fresh runtime of the function's own memory class. */
  async #load(head: BuildHead, directory: string): Promise<Loaded> {
    const runtime = await this.#deps.startRuntime({
      memoryMb: head.memoryMb,
      codeDirectory: directory,
    });
    try {
      const reply = await specialiseOnce(runtime, head);
      if (!reply.ok) {
        const { name, message } = reply;
        return { handlerKind: null, initFailure: { name, message }, codeCache: undefined };
      }
      const codeCache = await this.#codeCacheOf(runtime, head.initTimeoutMs);
      return { handlerKind: reply.handlerKind, initFailure: null, codeCache };
    } finally {
      await runtime.destroy();
    }
  }
}

/** `wanted` or the first of the usual names, as a plain file inside the source. */
async function findEntry(source: string, wanted: string | null): Promise<string> {
  for (const name of wanted === null ? ENTRIES : [wanted]) {
    const path = normalize(name);
    const isInside = !isAbsolute(path) && path !== ".." && !path.startsWith(`..${sep}`);
    const found = isInside ? await lstat(join(source, path)).catch(() => undefined) : undefined;
    if (found?.isFile() === true) return path;
  }
  throw fail("BUILD_ENTRY_MISSING", { entry: wanted ?? "index.ts, index.mjs or index.js" });
}

type InitFailure = NonNullable<ArtefactManifest["initFailure"]>;

interface Loaded {
  readonly handlerKind: HandlerKind | null;
  readonly initFailure: InitFailure | null;
  readonly codeCache: Buffer | undefined;
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

function failed(error: unknown): BuildReply {
  return { ok: false, error: PlatformError.from(error).toWire() };
}

async function specialiseOnce(runtime: RuntimeProcess, head: BuildHead): Promise<SpecialiseReply> {
  const specialise: SpecialiseHead = {
    op: "specialise",
    codeDirectory: runtime.codeDirectoryInside,
    handler: head.handler,
    names: { app: "build", fn: "build", revision: "build" },
    instanceId: runtime.id,
    env: head.env,
    memoryMb: head.memoryMb,
    timeoutMs: head.initTimeoutMs,
    payloadBytesMax: 0,
  };
  try {
    const question = { head: specialise, timeoutMs: head.initTimeoutMs, bodyBytesMax: 0 };
    return readSpecialiseReply((await runtime.ask(question)).head);
  } catch (error) {
    return await initFailureOf(runtime, error, head.initTimeoutMs);
  }
}

/** Copies what the code may read at run time beside the bundle, so that its relative paths hold. */
async function copyAssets(source: string, target: string): Promise<number> {
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  let count = 0;
  for (const entry of entries) {
    if (!entry.isFile() || BUNDLED.has(extname(entry.name))) continue;
    if (NOT_ASSETS.has(entry.name)) continue;
    // The artefact's own files stand here; a source with these names keeps them to itself.
    if (entry.name === "artefact.json" || entry.name.startsWith("__skerry_")) continue;
    const path = relative(source, join(entry.parentPath, entry.name));
    if (path.split(sep).includes("node_modules")) continue;
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
): Promise<void> {
  await takeFile(from, to);
  const map = JSON.parse(await readFile(to, "utf8")) as { sources?: string[] };
  const sources = (map.sources ?? []).map((name) =>
    name.startsWith(`${folder}/`) ? name.slice(folder.length + 1) : name,
  );
  await writeFile(to, JSON.stringify({ ...map, sources }));
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
