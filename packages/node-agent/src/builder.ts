/**
 * The build step: source in, artefact out. A recipe lays the artefact's files down; then a fresh
 * runtime loads them once, which tells the kind of handler and, of a bundle, yields V8's code cache
 * of what loading compiled. Handlers are never called. The artefact depends on source, recipe and
 * runtime build alone and can be made again at any time.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
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
import type { SandboxDriver } from "@skerry/sandbox";
import { BUNDLE_RECIPE_VERSION, Bundler, CODE_CACHE } from "./bundle-recipe.ts";
import type { BuildTool } from "./build-tool.ts";
import type { Dependencies } from "./dependencies.ts";
import { fail } from "./errors.ts";
import { FOLDER_RECIPE_VERSION, layFolder } from "./folder-recipe.ts";
import { initFailureOf } from "./init-failure.ts";
import type { RuntimeProcess } from "./runtime-process.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import { isNode, runtimeKindOf, type Runtimes } from "./runtimes.ts";
import { readSpecialiseReply } from "./specialise-reply.ts";

export interface BuilderDeps {
  readonly dependencies: Pick<Dependencies, "install">;
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  readonly sandboxes: SandboxDriver;
  readonly code: CodeStore;
  readonly runtimes: Runtimes;
  readonly tool: BuildTool;
  /** Directory for the builds' own directories. */
  readonly buildsDirectory: string;
  startRuntime(options: {
    readonly runtime: RuntimeBuild;
    readonly memoryMb: number;
    readonly codeDirectory: string;
  }): Promise<RuntimeProcess>;
}

/** One build: what is asked for, and the runtime it is for. */
interface Job {
  readonly head: BuildHead;
  readonly runtime: RuntimeBuild;
  readonly isBundle: boolean;
}

const CODE_CACHE_BYTES_MAX = 64 << 20;

export class Builder {
  readonly #deps: BuilderDeps;
  readonly #bundler: Bundler;
  readonly #running = new Map<string, Promise<BuildReply>>();
  #underWay = 0;

  constructor(deps: BuilderDeps) {
    this.#deps = deps;
    this.#bundler = new Bundler(deps);
  }

  /** How many builds are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Builds unless the artefact is there. Equal builds at once are one. Never rejects. */
  async build(head: BuildHead): Promise<BuildReply> {
    this.#underWay += 1;
    try {
      const kind = runtimeKindOf(head);
      const runtime = await this.#deps.runtimes.of(kind);
      return await this.#buildOnce({ head, runtime, isBundle: isNode(kind) });
    } catch (error) {
      return { ok: false, error: PlatformError.from(error).toWire() };
    } finally {
      this.#underWay -= 1;
    }
  }

  #buildOnce(job: Job): Promise<BuildReply> {
    const key = this.#keyOf(job);
    const known = this.#running.get(key);
    if (known !== undefined) return known;
    const running = this.#build(job, key).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }

  #keyOf({ head, runtime, isBundle }: Job): string {
    const { sourceDigest, entry, handler, memoryMb, port, command } = head;
    const version = isBundle ? BUNDLE_RECIPE_VERSION : FOLDER_RECIPE_VERSION;
    const recipe = isBundle
      ? { version, esbuild: this.#deps.tool.version, entry, handler, memoryMb }
      : { version, folder: true, entry, handler, memoryMb, command, port };
    return artefactKey({
      sourceDigest,
      recipe: JSON.stringify(recipe),
      runtimeBuild: runtime.id,
    });
  }

  async #build(job: Job, key: string): Promise<BuildReply> {
    const { code } = this.#deps;
    const { sourceDigest } = job.head;
    const runtimeBuild = job.runtime.id;
    const reused = await code.hasArtefact(key);
    if (!reused) {
      if (!(await code.has(sourceDigest))) throw fail("SOURCE_MISSING_ON_NODE", { sourceDigest });
      const initFailure = await this.#makeAndKeep(job, key);
      if (initFailure !== null) {
        return { ok: true, artefactKey: key, runtimeBuild, handlerKind: null, initFailure, reused };
      }
    }
    const text = await readFile(join(code.artefactDirectory(key), "artefact.json"), "utf8");
    const { handlerKind, initFailure } = JSON.parse(text) as ArtefactManifest;
    return { ok: true, artefactKey: key, runtimeBuild, handlerKind, initFailure, reused };
  }

  /** Code that failed to load is not kept: the same code may load with another environment. */
  async #makeAndKeep(job: Job, key: string): Promise<InitFailure | null> {
    let initFailure: InitFailure | null = null;
    const make = async (target: string): Promise<void> => {
      initFailure = await this.#make(job, target);
      if (initFailure !== null) throw fail("BUILD_FAILED", { output: initFailure.message });
    };
    try {
      await this.#deps.code.putArtefact(key, make, { sourceDigest: job.head.sourceDigest });
    } catch (error) {
      if (initFailure === null) throw error;
    }
    return initFailure;
  }

  async #make(job: Job, target: string): Promise<InitFailure | null> {
    const { head, isBundle } = job;
    const source = this.#deps.code.sourceDirectory(head.sourceDigest);
    const packages = await this.#deps.dependencies.install(source, runtimeKindOf(head));
    const unloaded = isBundle
      ? await this.#bundler.lay({ head, source, target, packages })
      : await layFolder({ head, source, target, packages });
    const manifestPath = join(target, "artefact.json");
    await writeFile(manifestPath, JSON.stringify(unloaded));
    const { codeCache, ...loaded } = await this.#load(job, target);
    if (codeCache !== undefined) await writeFile(join(target, CODE_CACHE), codeCache);
    const cached = codeCache === undefined ? {} : { codeCache: CODE_CACHE };
    await writeFile(manifestPath, JSON.stringify({ ...unloaded, ...loaded, ...cached }));
    return loaded.initFailure;
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

  /** Loads the artefact once in a fresh runtime of the function's own memory class. */
  async #load({ head, runtime: build, isBundle }: Job, directory: string): Promise<Loaded> {
    const { memoryMb, initTimeoutMs } = head;
    const options = { runtime: build, memoryMb, codeDirectory: directory };
    const runtime = await this.#deps.startRuntime(options);
    try {
      const reply = await specialiseOnce(runtime, head);
      if (!reply.ok) {
        const { name, message } = reply;
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
    codeDirectory: runtime.codeDirectoryInside,
    handler: head.handler,
    names: { app: "build", fn: "build", revision: "build" },
    instanceId: runtime.id,
    env: head.env,
    memoryMb: head.memoryMb,
    timeoutMs: head.initTimeoutMs,
    payloadBytesMax: 0,
    ...(head.connect === undefined ? {} : { connect: head.connect }),
  };
  try {
    const question = { head: specialise, timeoutMs: head.initTimeoutMs, bodyBytesMax: 0 };
    return readSpecialiseReply((await runtime.ask(question)).head);
  } catch (error) {
    return await initFailureOf(runtime, error, head.initTimeoutMs);
  }
}
