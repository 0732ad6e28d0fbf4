/**
 * The build step: source in, artefact out. A recipe lays the artefact's files down; then a fresh
 * runtime loads them once, which tells the kind of handler and, of a bundle, yields V8's code cache
 * of what loading compiled. Handlers are never called. The artefact depends on source, recipe,
 * runtime build and the app that it is loaded for, and can be made again at any time. What loading
 * tells depends on the environment as well: with another one the artefact is loaded once more, but
 * not made again (ADR 0046).
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError, sortedEntries, Turns } from "@skerry/base";
import type { Clock, IdSource, Log, TurnLimits } from "@skerry/base";
import { artefactKey, type CodeStore } from "@skerry/code-store";
import {
  LATEST,
  readSpecialiseReply,
  type ArtefactManifest,
  type BuildHead,
  type BuildReply,
  type HandlerKind,
  type SpecialiseHead,
  type SpecialiseReply,
} from "@skerry/contracts";
import type { SandboxDriver } from "@skerry/sandbox";
import { SharedWork, type BuildReport } from "./build-reports.ts";
import { BUNDLE_RECIPE_VERSION, Bundler, CODE_CACHE } from "./bundle-recipe.ts";
import type { BuildTool } from "./build-tool.ts";
import type { Dependencies } from "./dependencies.ts";
import { syncConfigs } from "./config-files.ts";
import { fail } from "./errors.ts";
import { FOLDER_RECIPE_VERSION, layFolder } from "./folder-recipe.ts";
import { initFailureOf, withWhatLacked } from "./init-failure.ts";
import { keepEnds } from "./last-lines.ts";
import type { ConfigView } from "./ports.ts";
import { layersDirectory, layersEnvironment, prepareLayers } from "./layers.ts";
import type { RuntimeProcess } from "./runtime-process.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import { isNode, runtimeKindOf, type Runtimes } from "./runtimes.ts";
import { BUILD_TURNS } from "./turn-limits.ts";

export interface BuilderDeps {
  readonly dependencies: Pick<Dependencies, "admit" | "install">;
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  readonly sandboxes: SandboxDriver;
  readonly code: CodeStore;
  readonly runtimes: Runtimes;
  readonly config: Pick<ConfigView, "configsOf">;
  readonly tool: BuildTool;
  /** How many at once; BUILD_TURNS when absent. */
  readonly turns?: TurnLimits;
  /** Directory for the builds' own directories. */
  readonly buildsDirectory: string;
  startRuntime(options: {
    readonly runtime: RuntimeBuild;
    readonly memoryMb: number;
    readonly codeDirectory: string;
    readonly layersDirectory?: string | undefined;
  }): Promise<RuntimeProcess>;
}

/** One build: what is asked for, and the runtime it is for. */
interface Job {
  readonly head: BuildHead;
  readonly runtime: RuntimeBuild;
  readonly isBundle: boolean;
  readonly report: BuildReport;
}

const CODE_CACHE_BYTES_MAX = 64 << 20;

export class Builder {
  readonly #deps: BuilderDeps;
  readonly #bundler: Bundler;
  readonly #running = new SharedWork<BuildReply>();
  readonly #turns: Turns;
  #underWay = 0;

  constructor(deps: BuilderDeps) {
    this.#deps = deps;
    this.#bundler = new Bundler(deps);
    this.#turns = new Turns(deps.clock, deps.turns ?? BUILD_TURNS);
  }

  /** How many builds are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Builds unless the artefact is there. Equal builds at once are one. `report` is told what
   * happens. Never rejects.
   */
  async build(head: BuildHead, report: BuildReport = () => undefined): Promise<BuildReply> {
    this.#underWay += 1;
    try {
      const kind = runtimeKindOf(head);
      const runtime = await this.#deps.runtimes.of(kind);
      const job = { head, runtime, isBundle: isNode(kind) };
      const key = this.#keyOf(job);
      // Code may load with one environment and not with another.
      const work = JSON.stringify([key, head.env, head.secrets]);
      return await this.#running.run(work, report, (tell) => {
        return this.#build({ ...job, report: tell }, key);
      });
    } catch (error) {
      return { ok: false, error: PlatformError.from(error).toWire() };
    } finally {
      this.#underWay -= 1;
    }
  }

  #keyOf({ head, runtime, isBundle }: Omit<Job, "report">): string {
    const { sourceDigest, entry, handler, memoryMb, port, command, layers = [], app } = head;
    const version = isBundle ? BUNDLE_RECIPE_VERSION : FOLDER_RECIPE_VERSION;
    const recipe = isBundle
      ? { version, esbuild: this.#deps.tool.version, entry, handler, memoryMb }
      : { version, folder: true, entry, handler, memoryMb, command, port };
    // Loading runs the code with the app's environment and config objects, which may make of it
    // what they like, its code cache included: no other app may run what came of that.
    const owner = app === undefined ? null : [app.accountId, app.name];
    return artefactKey({
      sourceDigest,
      recipe: JSON.stringify({ ...recipe, layers, owner }),
      runtimeBuild: runtime.id,
    });
  }

  async #build(job: Job, key: string): Promise<BuildReply> {
    const { code } = this.#deps;
    const { sourceDigest } = job.head;
    const runtimeBuild = job.runtime.id;
    const account = job.head.app?.accountId ?? "";
    const reused = await code.hasArtefact(key);
    if (reused) {
      // What its layers were merged into goes by itself, and may have gone before.
      await prepareLayers(code, job.head.layers ?? []);
    } else {
      if (!(await code.has(sourceDigest))) throw fail("SOURCE_MISSING_ON_NODE", { sourceDigest });
      const initFailure = await this.#turns.run(account, () => this.#makeAndKeep(job, key));
      if (initFailure !== null) {
        return { ok: true, artefactKey: key, runtimeBuild, handlerKind: null, initFailure, reused };
      }
    }
    const directory = code.artefactDirectory(key);
    const text = await readFile(join(directory, "artefact.json"), "utf8");
    const manifest = JSON.parse(text) as ArtefactManifest;
    const isTold = manifest.loadedWith === environmentDigest(job.head);
    const { handlerKind, initFailure } = isTold
      ? manifest
      : await this.#turns.run(account, () => this.#loadAgain(job, directory));
    return { ok: true, artefactKey: key, runtimeBuild, handlerKind, initFailure, reused };
  }

  /** Code that failed to load is not kept: the same code may load with another environment. */
  async #makeAndKeep(job: Job, key: string): Promise<InitFailure | null> {
    let initFailure: InitFailure | null = null;
    let isOwn = false;
    const make = async (target: string): Promise<void> => {
      isOwn = true;
      initFailure = await this.#make(job, target);
      if (initFailure !== null) throw fail("BUILD_FAILED", { output: initFailure.message });
    };
    try {
      await this.#deps.code.putArtefact(key, make, { sourceDigest: job.head.sourceDigest });
    } catch (error) {
      // The store joined it to a build with another environment, whose failure says nothing here.
      const isOthers = !isOwn && PlatformError.from(error).reason === "BUILD_FAILED";
      if (isOthers) return await this.#makeAndKeep(job, key);
      if (initFailure === null) throw error;
    }
    return initFailure;
  }

  async #make(job: Job, target: string): Promise<InitFailure | null> {
    const { head, isBundle, report } = job;
    const { dependencies } = this.#deps;
    await dependencies.admit();
    const source = this.#deps.code.sourceDirectory(head.sourceDigest);
    const packages = await dependencies.install(source, runtimeKindOf(head), report);
    report(isBundle ? "bundling" : "laying the files down");
    const layers = await prepareLayers(this.#deps.code, head.layers ?? []);
    const unloaded = isBundle
      ? await this.#bundler.lay({ head, source, target, packages, layers })
      : await layFolder({ head, source, target, packages });
    const manifestPath = join(target, "artefact.json");
    await writeFile(manifestPath, JSON.stringify(unloaded));
    report("loading it once");
    const { codeCache, ...loaded } = await this.#load(job, target);
    if (codeCache !== undefined) await writeFile(join(target, CODE_CACHE), codeCache);
    const cached = codeCache === undefined ? {} : { codeCache: CODE_CACHE };
    const loadedWith = environmentDigest(head);
    const manifest = { ...unloaded, ...loaded, loadedWith, ...cached };
    await writeFile(manifestPath, JSON.stringify(manifest));
    return loaded.initFailure;
  }

  /** The artefact was made with another environment, of which its code may make what it likes. */
  async #loadAgain(job: Job, directory: string): Promise<Loaded> {
    job.report("built before; loading it once with this environment");
    return await this.#load({ ...job, isBundle: false }, directory);
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

  /** Code may read them while it is loaded, as it will in its instances. */
  #layConfigs(runtime: RuntimeProcess, { accountId, name }: NonNullable<BuildHead["app"]>): void {
    const objects = this.#deps.config.configsOf(accountId, name);
    syncConfigs(runtime.configDirectory, objects, new Map());
  }

  /** Loads the artefact once in a fresh runtime of the function's own memory class. */
  async #load(job: Job, directory: string): Promise<Loaded> {
    const { head, runtime: build, isBundle, report } = job;
    const { memoryMb, initTimeoutMs } = head;
    const runtime = await this.#deps.startRuntime({
      ...{ runtime: build, memoryMb, codeDirectory: directory },
      layersDirectory: layersDirectory(this.#deps.code, head.layers ?? []),
    });
    const printed: string[] = [];
    runtime.collector.listen((line) => keepEnds(printed, line));
    try {
      if (head.app !== undefined) this.#layConfigs(runtime, head.app);
      const reply = await specialiseOnce(runtime, head);
      if (!reply.ok) {
        const { name, message } = reply;
        // A revision that never was has no log of its own: its last words are the build's.
        await runtime.sandbox.kill();
        await runtime.collector.lastWords();
        for (const line of printed) report(line);
        return { handlerKind: null, initFailure: { name, message }, codeCache: undefined };
      }
      const codeCache = isBundle ? await this.#codeCacheOf(runtime, initTimeoutMs) : undefined;
      return { handlerKind: reply.handlerKind, initFailure: null, codeCache };
    } finally {
      await runtime.destroy();
    }
  }
}

type InitFailure = NonNullable<ArtefactManifest["initFailure"]>;

interface Loaded {
  readonly handlerKind: HandlerKind | null;
  readonly initFailure: InitFailure | null;
  readonly codeCache: Buffer | undefined;
}

async function specialiseOnce(runtime: RuntimeProcess, head: BuildHead): Promise<SpecialiseReply> {
  const specialise: SpecialiseHead = {
    op: "specialise",
    noInit: true,
    codeDirectory: runtime.codeDirectoryInside,
    handler: head.handler,
    names: { app: "build", fn: "build", revision: "build" },
    instanceId: runtime.id,
    env: layersEnvironment(runtime.layersDirectoryInside, {
      env: {
        ...standIns(head.secrets),
        ...head.env,
        SKERRY_CONFIG_DIR: runtime.configDirectoryInside,
        SKERRY_VERSION: LATEST,
      },
      code: runtime.codeDirectoryInside,
    }),
    memoryMb: head.memoryMb,
    timeoutMs: head.initTimeoutMs,
    payloadBytesMax: 0,
    ...(head.connect === undefined ? {} : { connect: head.connect }),
  };
  try {
    const question = { head: specialise, timeoutMs: head.initTimeoutMs, bodyBytesMax: 0 };
    return readSpecialiseReply((await runtime.ask(question)).head);
  } catch (error) {
    return withWhatLacked(await initFailureOf(runtime, error, head.initTimeoutMs), head);
  }
}

/** Names one environment; of secrets a build knows only the names. */
function environmentDigest({ env, secrets = [] }: BuildHead): string {
  const text = JSON.stringify([sortedEntries(env), secrets.toSorted()]);
  return createHash("sha256").update(text).digest("hex");
}

/** No build ever holds a secret; code that only asks whether there is one loads all the same. */
function standIns(variables: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(variables.map((variable) => [variable, "not-a-secret-in-a-build"]));
}
