/**
 * Keeps builds from filling the disk while they run. A build begins only when the disk has room,
 * and what writes is watched: by the disk's free space, which also sees files that have no name any
 * more, and by the size of its own tree, so that one build cannot take all the room there is. A
 * look at the tree is dear; it is repeated after a pause in proportion to what it took, or when the
 * disk lost as much as the tree may still grow.
 */
import type { Dirent } from "node:fs";
import { lstat, opendir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError, type Clock } from "@skerry/base";
import { fail } from "./errors.ts";

export interface FreeSpace {
  readonly bytes: number;
  readonly bytesTotal: number;
  /** Files that can still be made. */
  readonly files: number;
  /** 0 where the file system has no such number. */
  readonly filesTotal: number;
}

export interface BuildDiskDeps {
  readonly clock: Clock;
  /** Of the file system that holds the builds. */
  readonly freeSpace: () => Promise<FreeSpace>;
}

export interface BuildDiskOptions {
  /** Builds begin and go on only with this much free, or a twentieth of a small disk. */
  readonly freeBytesMin: number;
  readonly freeFilesMin: number;
  /** What one build's tree may take on the disk. */
  readonly treeBytesMax: number;
  readonly treeFilesMax: number;
  readonly treeDepthMax: number;
}

/** What builds are held to; only the free space is the operator's to set. */
export const BUILD_TREE_LIMITS = {
  freeFilesMin: 20_000,
  treeBytesMax: 3 * 2 ** 30,
  treeFilesMax: 300_000,
  treeDepthMax: 64,
} as const satisfies Partial<BuildDiskOptions>;

const MEBIBYTE = 1 << 20;
const SMALL_SHARE = 20;
const LOOK_MS = 100;
const TREE_PAUSE_MS_MIN = 500;
const TREE_PAUSE_FACTOR = 9;

/** Of the file system of `directory`, as this process may use it. */
export async function freeSpaceOf(directory: string): Promise<FreeSpace> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(directory);
  return {
    bytes: bavail * bsize,
    bytesTotal: blocks * bsize,
    files: ffree,
    filesTotal: files,
  };
}

export class BuildDisk {
  readonly #deps: BuildDiskDeps;
  readonly #options: BuildDiskOptions;

  constructor(deps: BuildDiskDeps, options: BuildDiskOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Throws BUILD_DISK_LOW unless there is room to begin. */
  async admit(): Promise<void> {
    const problem = this.#lowness(await this.#deps.freeSpace());
    if (problem !== undefined) throw problem;
  }

  /**
   * Looks at what is written below `directory` until the returned function is called. `over` is
   * called at most once, with BUILD_DISK_LOW or BUILD_TREE_TOO_LARGE.
   */
  watch(directory: string, over: (why: PlatformError) => void): () => void {
    const watching: Watching = { directory, treeDueMs: 0, spareBytes: 0, freeAtTree: 0 };
    let isOver = false;
    let cancel = (): void => undefined;
    const look = async (): Promise<void> => {
      const problem = await this.#look(watching).catch((error) => PlatformError.from(error));
      if (isOver) return;
      if (problem === undefined) cancel = this.#deps.clock.schedule(LOOK_MS, () => void look());
      else over(problem);
    };
    void look();
    return () => {
      isOver = true;
      cancel();
    };
  }

  async #look(watching: Watching): Promise<PlatformError | undefined> {
    const { clock, freeSpace } = this.#deps;
    const free = await freeSpace();
    const low = this.#lowness(free);
    if (low !== undefined) return low;
    const startedMs = clock.monotonicMs();
    const hasGrown = watching.freeAtTree - free.bytes > watching.spareBytes;
    if (startedMs < watching.treeDueMs && !hasGrown) return undefined;
    const size = await treeSize(watching.directory, this.#options);
    if (typeof size === "string") return fail("BUILD_TREE_TOO_LARGE", { what: size });
    watching.freeAtTree = free.bytes;
    watching.spareBytes = this.#options.treeBytesMax - size.bytes;
    const nowMs = clock.monotonicMs();
    const pauseMs = (nowMs - startedMs) * TREE_PAUSE_FACTOR;
    watching.treeDueMs = nowMs + Math.max(TREE_PAUSE_MS_MIN, pauseMs);
    return undefined;
  }

  #lowness({ bytes, bytesTotal, files, filesTotal }: FreeSpace): PlatformError | undefined {
    const bytesMin = Math.min(this.#options.freeBytesMin, bytesTotal / SMALL_SHARE);
    const filesMin = Math.min(this.#options.freeFilesMin, filesTotal / SMALL_SHARE);
    const freeMbMin = Math.ceil(bytesMin / MEBIBYTE);
    if (bytes < bytesMin) {
      return fail("BUILD_DISK_LOW", { left: `${Math.floor(bytes / MEBIBYTE)} MiB`, freeMbMin });
    }
    if (files >= filesMin) return undefined;
    return fail("BUILD_DISK_LOW", { left: `${files} files`, freeMbMin });
  }
}

interface Watching {
  readonly directory: string;
  treeDueMs: number;
  /** How much the tree could still grow at the last look, and what the disk had free then. */
  spareBytes: number;
  freeAtTree: number;
}

type TreeLimits = Pick<BuildDiskOptions, "treeBytesMax" | "treeFilesMax" | "treeDepthMax">;

/** What the tree takes on the disk, or what there is too much of; looks no further than that. */
export async function treeSize(
  root: string,
  { treeBytesMax, treeFilesMax, treeDepthMax }: TreeLimits,
): Promise<{ readonly bytes: number; readonly files: number } | string> {
  const waiting = [{ path: root, depth: 0 }];
  let files = 0;
  let bytes = 0;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at.depth > treeDepthMax) return `more than ${treeDepthMax} folders in folders`;
    const entries = await namesIn(at.path);
    if (entries === undefined) return "folders that nobody can enter";
    for await (const entry of entries) {
      files += 1;
      const path = join(at.path, entry.name);
      if (entry.isDirectory()) waiting.push({ path, depth: at.depth + 1 });
      else bytes += await bytesOnDisk(path);
      if (files > treeFilesMax) return `more than ${treeFilesMax} files`;
      if (bytes > treeBytesMax) return `more than ${Math.floor(treeBytesMax / MEBIBYTE)} MiB`;
    }
  }
  return { bytes, files };
}

/** None of a folder that is gone, as folders of a running build may be at any moment. */
async function namesIn(path: string): Promise<AsyncIterable<Dirent> | undefined> {
  try {
    return await opendir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? nothing() : undefined;
  }
}

async function* nothing(): AsyncGenerator<Dirent> {
  // A generator without values is an iterable of none.
}

/** POSIX counts in blocks of 512 bytes, whatever the file system's own are. */
const BLOCK_BYTES = 512;

async function bytesOnDisk(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  return (found?.blocks ?? 0) * BLOCK_BYTES;
}
