/**
 * Installs what a source depends on, in a sandbox of its own that reaches the network only through
 * this agent. What comes of it depends on the manifests, the package manager and the runtime alone;
 * it is kept under their digest and used by every build that has the same.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  opendir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  utimes,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Clock, IdSource, Log } from "@skerry/base";
import type { RunHead, RunReply } from "@skerry/contracts";
import type { OpenedStream, StreamHandler } from "@skerry/link";
import { certificateEnvironment } from "./certificates.ts";
import { askedEcosystems, type Ecosystem } from "./ecosystems.ts";
import { fail } from "./errors.ts";
import type { NpmTool } from "./npm-tool.ts";
import { removeTree } from "./remove-tree.ts";
import type { RuntimeBuild } from "./runtime-build.ts";
import type { RuntimeProcess } from "./runtime-process.ts";
import type { RuntimeKind, Runtimes } from "./runtimes.ts";

/** Takes the connections that a build's process asks for. Throws why one is refused. */
export type BuildNetwork = (opened: OpenedStream) => StreamHandler;

export interface DependenciesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  readonly runtimes: Runtimes;
  readonly npm: NpmTool;
  readonly network: BuildNetwork;
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
const BYTES_MAX = 1 << 30;
const FILES_MAX = 100_000;
const DEPTH_MAX = 64;
const KEPT_MS = 30 * 86_400_000;
const COMMANDS = ".bin";
const PLAIN_COMMAND = /^\.\.\/[\w@./-]+$/;
const MACHINE_CODE = /\.(?:node|so(?:\.\d+)*)$/;

export class Dependencies {
  readonly #deps: DependenciesDeps;
  readonly #installing = new Map<string, Promise<string>>();

  constructor(deps: DependenciesDeps) {
    this.#deps = deps;
  }

  /** The folders that the source asks for. Throws DEPENDENCIES_FAILED, TOOL_MISSING. */
  async install(source: string, kind: RuntimeKind): Promise<readonly PackagesFolder[]> {
    const folders: PackagesFolder[] = [];
    for (const ecosystem of await askedEcosystems(source, kind)) {
      const key = await this.#key(ecosystem, { source, kind });
      const path = join(await this.#once(ecosystem, { key, source }), ecosystem.folder);
      const hasMachineCode = ecosystem.name === "npm" && (await holds(path, MACHINE_CODE));
      folders.push({ name: ecosystem.folder, path, hasMachineCode });
    }
    return folders;
  }

  /** Removes what no build has used for a month. */
  async #sweep(): Promise<void> {
    const { clock, dependenciesDirectory } = this.#deps;
    for (const name of await readdir(dependenciesDirectory)) {
      const path = join(dependenciesDirectory, name);
      // Another install may just have given its folder a name.
      const found = await lstat(path).catch(() => undefined);
      if (found !== undefined && clock.wallMs() - found.mtimeMs > KEPT_MS) await removeTree(path);
    }
  }

  async #key(ecosystem: Ecosystem, { source, kind }: Asked): Promise<string> {
    const { npm, runtimes } = this.#deps;
    const hash = createHash("sha256");
    const runtime = ecosystem.name === "pip" ? "python3" : kind;
    // The interpreter that machine code is for; one that is missing is told by the install.
    const { id = "" } = await runtimes.of(runtime).catch((): { id?: string } => ({}));
    hash.update(JSON.stringify([ecosystem.name, npm.version, id]));
    for (const { name, bytes } of await manifestsOf(ecosystem, source)) {
      hash.update(`${name} ${bytes.length} `).update(bytes);
    }
    return `${ecosystem.name}-${hash.digest("hex").slice(0, 32)}`;
  }

  /** Equal ones at once are one. */
  async #once(ecosystem: Ecosystem, job: Job): Promise<string> {
    const kept = join(this.#deps.dependenciesDirectory, job.key);
    if (existsSync(kept)) {
      const now = new Date(this.#deps.clock.wallMs());
      await utimes(kept, now, now);
      return kept;
    }
    const running = this.#installing.get(job.key);
    if (running !== undefined) return await running;
    const started = this.#install(ecosystem, { ...job, kept }).finally(() => {
      this.#installing.delete(job.key);
    });
    this.#installing.set(job.key, started);
    return await started;
  }

  async #install(ecosystem: Ecosystem, job: Job & { readonly kept: string }): Promise<string> {
    const { buildsDirectory, ids, log } = this.#deps;
    if (ecosystem.needs !== null && !existsSync(ecosystem.needs.program)) {
      throw fail("TOOL_MISSING", ecosystem.needs);
    }
    const id = ids.id("inst");
    const work = join(buildsDirectory, id);
    // The driver gives it to the sandbox's uid; nobody else may write what is kept for others.
    await mkdir(work, { recursive: true, mode: 0o700 });
    try {
      await copyManifests(ecosystem, job.source, work);
      await this.#run(ecosystem, work);
      await assertBounded(join(work, ecosystem.folder), ecosystem.name);
      await takeOver(join(work, ecosystem.folder));
      const fresh = `${job.kept}.new-${id}`;
      await mkdir(fresh, { mode: 0o755 });
      await rename(join(work, ecosystem.folder), join(fresh, ecosystem.folder));
      await rename(fresh, job.kept);
      log.info("installed dependencies", { kind: ecosystem.name, key: job.key });
      await this.#sweep();
      return job.kept;
    } finally {
      if (!(await removeTree(work))) log.error("a build's directory was not removed", { work });
    }
  }

  async #run(ecosystem: Ecosystem, work: string): Promise<void> {
    const { network, npm, runtimes, startRuntime } = this.#deps;
    const process = await startRuntime({
      runtime: await runtimes.of("program"),
      memoryMb: INSTALL_MEMORY_MB,
      codeDirectory: await npm.directory(),
      build: { directory: work, accept: network },
    });
    try {
      const build = process.buildDirectoryInside;
      const places = { npm: process.codeDirectoryInside, build };
      const command = ecosystem.command(places, (name) => existsSync(join(work, name)));
      const head: RunHead = { op: "run", command, directory: build, env: environment(build) };
      const question = { head, timeoutMs: INSTALL_TIMEOUT_MS, bodyBytesMax: 0 };
      const reply = (await process.ask(question)).head as RunReply | undefined;
      if (reply?.ok === true) return;
      await process.collector.lastWords();
      const words = process.collector.tail.join("\n");
      const how = typeof reply?.how === "string" ? reply.how : "it gave no answer";
      throw fail("DEPENDENCIES_FAILED", { tool: ecosystem.name, output: words || how });
    } finally {
      await process.destroy();
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
}

/** Homes of caches, and the machine's certificates. */
function environment(build: string): Readonly<Record<string, string>> {
  return { HOME: build, COMPOSER_HOME: join(build, ".composer"), ...certificateEnvironment() };
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

/** Looks at what was installed, folder by folder, before any of it is touched or copied. */
async function assertBounded(path: string, tool: string): Promise<void> {
  const waiting = [{ path, depth: 0 }];
  let files = 0;
  let bytes = 0;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at.depth > DEPTH_MAX) throw tooLarge(tool);
    const folder = await opendir(at.path).catch((error: NodeJS.ErrnoException) => error.code);
    // Nothing may have been installed at all; what else cannot be entered is no package's folder.
    if (folder === "ENOENT") continue;
    if (typeof folder !== "object") throw tooLarge(tool);
    for await (const entry of folder) {
      files += 1;
      const entryPath = join(at.path, entry.name);
      if (entry.isDirectory()) waiting.push({ path: entryPath, depth: at.depth + 1 });
      else if (entry.isFile()) bytes += (await lstat(entryPath)).size;
      if (files > FILES_MAX || bytes > BYTES_MAX) throw tooLarge(tool);
    }
  }
}

function tooLarge(tool: string): Error {
  const output = `it made more than ${BYTES_MAX >> 20} MiB, ${FILES_MAX} files or ${DEPTH_MAX} folders in folders`;
  return fail("DEPENDENCIES_FAILED", { tool, output });
}

/**
 * Makes a tree the platform's own, readable by all and writable by nobody else, of plain files and
 * folders only.
 */
async function takeOver(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    await rm(path, { force: true });
    await mkdir(path);
  }
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const at = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) await replaceLink(at);
    else if (!entry.isDirectory() && !entry.isFile()) await rm(at, { force: true });
    else await own(at);
  }
  await own(path);
}

async function own(path: string): Promise<void> {
  if (process.getuid?.() === 0) await lchown(path, 0, 0);
  const { mode } = await lstat(path);
  await chmod(path, (mode & 0o111) === 0 ? 0o644 : 0o755);
}

/** A package's command becomes a script that starts it; other links go. */
async function replaceLink(path: string): Promise<void> {
  const target = await readlink(path);
  await rm(path);
  if (basename(dirname(path)) !== COMMANDS || !PLAIN_COMMAND.test(target)) return;
  const script = `#!/bin/sh\nexec node "$(dirname "$0")/${target}" "$@"\n`;
  await writeFile(path, script, { mode: 0o755 });
}

async function holds(folder: string, pattern: RegExp): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.some((entry) => entry.isFile() && pattern.test(entry.name));
}
