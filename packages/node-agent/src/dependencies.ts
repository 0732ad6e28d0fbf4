/**
 * Installs what a source depends on, in a sandbox of its own that reaches the network only through
 * this agent. What comes of it depends on the manifests, the package manager and the runtime alone;
 * it is kept under their digest and used by every build that has the same.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { PlatformError, type Clock, type IdSource, type Log } from "@skerry/base";
import { publishTree } from "@skerry/code-store";
import { failReach, type RunHead, type RunReply } from "@skerry/contracts";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import type { BuildDisk } from "./build-disk.ts";
import { SharedWork, type BuildReport } from "./build-reports.ts";
import { certificateEnvironment } from "./certificates.ts";
import { askedEcosystems, type Ecosystem } from "./ecosystems.ts";
import { fail } from "./errors.ts";
import { assertBounded, holds, MACHINE_CODE, takeOver } from "./installed-tree.ts";
import { keepEnds } from "./last-lines.ts";
import type { NpmTool } from "./npm-tool.ts";
import { removeTree } from "./remove-tree.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import type { RuntimeProcess } from "./runtime-process.ts";
import type { RuntimeKind, Runtimes } from "./runtimes.ts";
import { toolVersion } from "./tool-versions.ts";

/** Takes the connections that a build's process asks for. Throws why one is refused. */
export type BuildNetwork = (opened: OpenedStream) => StreamHandler;

export interface DependenciesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  readonly runtimes: Runtimes;
  readonly npm: NpmTool;
  /** For one build alone; `refused` hears of each refusal that naming the host would end. */
  networkOfBuild(refused: (why: PlatformError) => void): BuildNetwork;
  /** True when nothing can be fetched: what is not kept cannot be installed. */
  isOffline(): boolean;
  readonly disk: BuildDisk;
  /** What a package manager of the machine says it is; asks it when absent. */
  readonly toolVersion?: typeof toolVersion;
  /** Where builds have directories of their own. */
  readonly buildsDirectory: string;
  /** Where finished ones are kept; sandboxes of any uid must be able to read them. */
  readonly dependenciesDirectory: string;
  startRuntime(options: {
    readonly runtime: RuntimeBuild;
    readonly memoryMb: number;
    readonly codeDirectory: string;
    readonly build: { readonly directory: string; readonly accept: BuildNetwork };
  }): Promise<RuntimeProcess>;
}

/** One folder of packages, to lie beside the code. */
export interface PackagesFolder {
  readonly name: string;
  /** Where it is kept. */
  readonly path: string;
  /** Some of it is machine code, which no bundle can hold. */
  readonly hasMachineCode: boolean;
}

const INSTALL_TIMEOUT_MS = 240_000;
const INSTALL_MEMORY_MB = 1_024;
const KEPT_MS = 30 * 86_400_000;
/** A build that was given a kept folder has copied it by then. */
const IN_USE_MS = 3_600_000;
/** Part of every key: what is kept is laid out differently with another one. */
const KEPT_FORMAT = 4;
const TEMPORARY = ".tmp";

export class Dependencies {
  readonly #deps: DependenciesDeps;
  readonly #installing = new SharedWork<string>();

  constructor(deps: DependenciesDeps) {
    this.#deps = deps;
  }

  /** Throws BUILD_DISK_LOW; before that, kept folders go that no build has used lately. */
  async admit(): Promise<void> {
    try {
      await this.#deps.disk.admit();
    } catch (error) {
      if (!(await this.#makeRoom())) throw error;
    }
  }

  /**
   * The folders that the source asks for. Throws DEPENDENCIES_FAILED, DEPENDENCIES_REFUSED,
   * TOOL_MISSING, BUILD_OFFLINE, BUILD_DISK_LOW, BUILD_TREE_TOO_LARGE.
   */
  async install(
    source: string,
    kind: RuntimeKind,
    report: BuildReport,
  ): Promise<readonly PackagesFolder[]> {
    const folders: PackagesFolder[] = [];
    for (const ecosystem of await askedEcosystems(source, kind)) {
      const key = await this.#key(ecosystem, { source, kind });
      const root = await this.#once(ecosystem, { key, source, report });
      const path = join(root, ecosystem.folder);
      const hasMachineCode = ecosystem.name === "npm" && (await holds(path, MACHINE_CODE));
      folders.push({ name: ecosystem.folder, path, hasMachineCode });
    }
    return folders;
  }

  /** Removes what no build has used for a month. */
  async #sweep(): Promise<void> {
    for (const { path, unusedMs } of await this.#kept()) {
      if (unusedMs > KEPT_MS) await removeTree(path);
    }
  }

  /** Removes kept folders, the longest unused first, until a build may begin; false if none may. */
  async #makeRoom(): Promise<boolean> {
    const kept = (await this.#kept()).filter(({ unusedMs }) => unusedMs > IN_USE_MS);
    for (const { path } of kept.toSorted((a, b) => b.unusedMs - a.unusedMs)) {
      this.#deps.log.warn("the disk is low: packages kept for builds go", { path });
      await removeTree(path);
      const hasRoom = await this.#deps.disk.admit().then(
        () => true,
        () => false,
      );
      if (hasRoom) return true;
    }
    return false;
  }

  async #kept(): Promise<readonly { readonly path: string; readonly unusedMs: number }[]> {
    const { clock, dependenciesDirectory } = this.#deps;
    const kept: { path: string; unusedMs: number }[] = [];
    for (const name of await readdir(dependenciesDirectory)) {
      const path = join(dependenciesDirectory, name);
      // Another install may just have given its folder a name.
      const found = await lstat(path).catch(() => undefined);
      if (found !== undefined) kept.push({ path, unusedMs: clock.wallMs() - found.mtimeMs });
    }
    return kept;
  }

  async #key(ecosystem: Ecosystem, { source, kind }: Asked): Promise<string> {
    const { npm, runtimes, toolVersion: versionOf = toolVersion } = this.#deps;
    const { name, versionCommand } = ecosystem;
    const hash = createHash("sha256");
    // What is missing is told by the install.
    const missing = (): { readonly id: string } => ({ id: "" });
    const { id } = await runtimes.of(ecosystem.interpreter(kind)).catch(missing);
    const version = versionCommand === null ? npm.version : await versionOf(versionCommand);
    hash.update(JSON.stringify([KEPT_FORMAT, name, version, id]));
    for (const manifest of await manifestsOf(ecosystem, source)) {
      hash.update(`${manifest.name} ${manifest.bytes.length} `).update(manifest.bytes);
    }
    return `${name}-${hash.digest("hex").slice(0, 32)}`;
  }

  async #once(ecosystem: Ecosystem, job: Job): Promise<string> {
    const kept = join(this.#deps.dependenciesDirectory, job.key);
    if (existsSync(kept)) {
      const now = new Date(this.#deps.clock.wallMs());
      await utimes(kept, now, now);
      job.report(`${ecosystem.name}: the same was installed before; nothing is fetched`);
      return kept;
    }
    return await this.#installing.run(job.key, job.report, (report) =>
      this.#install(ecosystem, { ...job, report, kept }),
    );
  }

  async #install(ecosystem: Ecosystem, job: Job & { readonly kept: string }): Promise<string> {
    const { buildsDirectory, ids, isOffline, log } = this.#deps;
    const { folder, name: tool, needs } = ecosystem;
    if (needs !== null && !existsSync(needs.program)) throw fail("TOOL_MISSING", needs);
    if (isOffline()) throw fail("BUILD_OFFLINE", { tool, folder });
    const id = ids.id("inst");
    const work = join(buildsDirectory, id);
    // The driver gives it to the sandbox's uid; nobody else may write what is kept for others.
    await mkdir(work, { recursive: true, mode: 0o700 });
    try {
      await copyManifests(ecosystem, job.source, work);
      await this.#run(ecosystem, work, job.report);
      await assertBounded(join(work, folder), tool);
      await takeOver(join(work, folder));
      const fresh = `${job.kept}.new-${process.pid}-${id}`;
      await mkdir(fresh, { mode: 0o755 });
      await rename(join(work, folder), join(fresh, folder));
      let hasName = false;
      try {
        // False when another agent was faster; what it installed is the same.
        hasName = await publishTree(fresh, job.kept);
      } finally {
        if (!hasName) await removeTree(fresh);
      }
      log.info("installed dependencies", { kind: tool, key: job.key });
      await this.#sweep();
      return job.kept;
    } finally {
      if (!(await removeTree(work))) log.error("a build's directory was not removed", { work });
    }
  }

  async #run(ecosystem: Ecosystem, work: string, report: BuildReport): Promise<void> {
    const { disk, networkOfBuild, npm, runtimes, startRuntime } = this.#deps;
    await makeTemporary(work);
    let refusal: PlatformError | undefined;
    const process = await startRuntime({
      runtime: await runtimes.of("program"),
      memoryMb: INSTALL_MEMORY_MB,
      codeDirectory: await npm.directory(),
      build: { directory: work, accept: networkOfBuild((why) => (refusal ??= why)) },
    });
    const words = new LastWords(ecosystem.complaint);
    process.collector.listen((line) => {
      words.add(line);
      report(line);
    });
    let over: PlatformError | undefined;
    const unwatch = disk.watch(work, (why) => {
      over = why;
      void process.sandbox.kill();
    });
    try {
      const how = await this.#ask(ecosystem, process, work);
      await process.collector.lastWords();
      if (over !== undefined) throw over;
      if (how === undefined) return;
      const output = [words.text, how].filter((text) => text !== "").join("\n");
      const tool = ecosystem.name;
      if (refusal !== undefined) {
        throw failReach("DEPENDENCIES_REFUSED", { tool, why: refusal.message, output });
      }
      throw fail("DEPENDENCIES_FAILED", { tool, output });
    } finally {
      unwatch();
      await process.destroy();
    }
  }

  /** Undefined when it did what it was asked, else how it ended. */
  async #ask(
    ecosystem: Ecosystem,
    process: RuntimeProcess,
    work: string,
  ): Promise<string | undefined> {
    const build = process.buildDirectoryInside;
    const places = { npm: process.codeDirectoryInside, build };
    const command = ecosystem.command(places, (name) => existsSync(join(work, name)));
    const head: RunHead = { op: "run", command, directory: build, env: environment(build) };
    try {
      const question = { head, timeoutMs: INSTALL_TIMEOUT_MS, bodyBytesMax: 0 };
      const reply = (await process.ask(question)).head as RunReply | undefined;
      if (reply?.ok === true) return undefined;
      return typeof reply?.how === "string" ? reply.how : "it gave no answer";
    } catch (error) {
      return PlatformError.from(error).message;
    }
  }
}

interface Asked {
  readonly source: string;
  readonly kind: RuntimeKind;
}

interface Job {
  readonly key: string;
  readonly source: string;
  readonly report: BuildReport;
}

/** Both ends of what was printed, and of what of it complains: that is what a person needs. */
class LastWords {
  readonly #complaint: RegExp;
  readonly #all: string[] = [];
  readonly #complaints: string[] = [];

  constructor(complaint: RegExp) {
    this.#complaint = complaint;
  }

  add(line: string): void {
    keepEnds(this.#all, line);
    if (this.#complaint.test(line)) keepEnds(this.#complaints, line);
  }

  get text(): string {
    return (this.#complaints.length > 0 ? this.#complaints : this.#all).join("\n");
  }
}

/** Where the build's disk is watched, and larger than what a sandbox has in memory. */
async function makeTemporary(work: string): Promise<void> {
  const path = join(work, TEMPORARY);
  await mkdir(path);
  await chmod(path, 0o777);
}

/** Homes of caches, and the machine's certificates. */
function environment(build: string): Readonly<Record<string, string>> {
  return {
    HOME: build,
    TMPDIR: join(build, TEMPORARY),
    COMPOSER_HOME: join(build, ".composer"),
    COMPOSER_ALLOW_SUPERUSER: "1",
    COMPOSER_NO_AUDIT: "1",
    ...certificateEnvironment(),
  };
}

/** Those that are there and say something: an empty file is as good as none. */
async function manifestsOf(
  { manifests }: Ecosystem,
  source: string,
): Promise<readonly { readonly name: string; readonly bytes: Buffer }[]> {
  const found: { name: string; bytes: Buffer }[] = [];
  for (const name of manifests) {
    const path = join(source, name);
    const isFile = (await lstat(path).catch(() => undefined))?.isFile() === true;
    const bytes = isFile ? await readFile(path) : Buffer.alloc(0);
    if (bytes.length > 0) found.push({ name, bytes });
  }
  return found;
}

/** Writable for the build's own uid, which the driver gives only the directory itself. */
async function copyManifests(ecosystem: Ecosystem, source: string, work: string): Promise<void> {
  for (const { name, bytes } of await manifestsOf(ecosystem, source)) {
    await writeFile(join(work, name), bytes);
    await chmod(join(work, name), 0o666);
  }
}
