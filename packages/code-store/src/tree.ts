/**
 * Reading and sealing trees that are on the disk already. What a build leaves may have been written
 * by code that nobody trusts, so nothing is followed: links, devices and files with a second name
 * (whose mode and content somebody else could change) are refused, and everything ends up owned by
 * the platform, read-only and synced. Whoever wrote the tree must have ended before it is sealed.
 */
import { createHash } from "node:crypto";
import { constants, type Dirent, type Stats } from "node:fs";
import { open, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { SourceEntry } from "@skerry/contracts";
import { EXECUTABLE_MODE, FILE_MODE, FOLDER_MODE, forEachConcurrently } from "./durable.ts";
import { failCode } from "./errors.ts";
import type { CodeStoreLimits } from "./limits.ts";

const FILES_AT_ONCE = 4;
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const OWNER_EXECUTES = 0o100;

type TreeLimits = Pick<CodeStoreLimits, "artefactBytesMax" | "artefactFilesMax">;

/** For trees that were held against their limits when they were made. */
const UNLIMITED: TreeLimits = {
  artefactBytesMax: Number.POSITIVE_INFINITY,
  artefactFilesMax: Number.POSITIVE_INFINITY,
};

interface Listing {
  readonly files: string[];
  /** Parents before children; the root is "". */
  readonly folders: string[];
}

/**
 * Reads and hashes every file of a tree. What is neither a file nor a folder is
 * CODE_ARTEFACT_REFUSED.
 */
export async function readTree(root: string): Promise<SourceEntry[]> {
  const { files } = await listTree(root, UNLIMITED);
  const entries: SourceEntry[] = [];
  await forEachConcurrently(files, FILES_AT_ONCE, async (path) => {
    entries.push(await withFile(join(root, path), (file) => readEntry(file, path)));
  });
  return entries;
}

/** Makes a finished tree read-only, the platform's own and durable, and returns what it holds. */
export async function sealTree(root: string, limits: TreeLimits): Promise<SourceEntry[]> {
  const { artefactBytesMax: bytesMax, artefactFilesMax: filesMax } = limits;
  const { files, folders } = await listTree(root, limits);
  let bytes = 0;
  const entries: SourceEntry[] = [];
  await forEachConcurrently(files, FILES_AT_ONCE, async (path) => {
    await withFile(join(root, path), async (file) => {
      const stat = await file.stat();
      checkPlain(path, stat);
      bytes += stat.size;
      if (bytes > bytesMax) throw failCode("CODE_ARTEFACT_TOO_LARGE", { bytesMax, filesMax });
      await own(file, stat);
      await file.chmod((stat.mode & OWNER_EXECUTES) === 0 ? FILE_MODE : EXECUTABLE_MODE);
      entries.push(await readEntry(file, path));
      await file.sync();
    });
  });
  for (const path of folders.toReversed()) await sealFolder(join(root, path));
  return entries;
}

async function listTree(root: string, limits: TreeLimits): Promise<Listing> {
  const files: string[] = [];
  const folders = [""];
  for (const folder of folders) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) files.push(path);
      else throw failCode("CODE_ARTEFACT_REFUSED", { path, kind: kindOf(entry) });
    }
    const { artefactBytesMax: bytesMax, artefactFilesMax: filesMax } = limits;
    if (files.length + folders.length > filesMax + 1) {
      throw failCode("CODE_ARTEFACT_TOO_LARGE", { bytesMax, filesMax });
    }
  }
  return { files, folders };
}

function kindOf(entry: Dirent): string {
  return entry.isSymbolicLink() ? "symbolic link" : "device, pipe or socket";
}

function checkPlain(path: string, stat: Stats): void {
  if (!stat.isFile()) throw failCode("CODE_ARTEFACT_REFUSED", { path, kind: "not a file" });
  if (stat.nlink !== 1) throw failCode("CODE_ARTEFACT_REFUSED", { path, kind: "hard link" });
}

async function sealFolder(path: string): Promise<void> {
  const folder = await open(path, READ_ONLY | constants.O_DIRECTORY);
  try {
    await own(folder, await folder.stat());
    await folder.chmod(FOLDER_MODE);
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * An owner can change modes back, so a sandbox's user must not stay one. Before chmod, which it may
 * undo.
 */
async function own(file: FileHandle, stat: Stats): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? stat.uid, process.getgid?.() ?? stat.gid];
  if (stat.uid !== uid || stat.gid !== gid) await file.chown(uid, gid);
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, READ_ONLY);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readEntry(file: FileHandle, path: string): Promise<SourceEntry> {
  const hash = createHash("sha256");
  let bytes = 0;
  const content = file.createReadStream({ start: 0, autoClose: false });
  await pipeline(content, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      hash.update(chunk);
    }
  });
  const { mode } = await file.stat();
  const executable = (mode & OWNER_EXECUTES) !== 0;
  return { path, executable, bytes, sha256: hash.digest("hex") };
}
