/**
 * The few file system steps from which everything here gets its durability: content is synced
 * through the descriptor that wrote it, folders are synced after their entries are in, and a tree
 * becomes visible by one rename whose parent is synced before anybody is told. After a failed sync
 * nothing is retried on the same file: the whole attempt is thrown away (see "Can applications
 * recover from fsync failures?", USENIX ATC 2020).
 */
import { constants } from "node:fs";
import { chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "./errors.ts";

/** Sandboxes run under other users: folders can be traversed, files read and never written. */
export const FOLDER_MODE = 0o755;
export const FILE_MODE = 0o444;
export const EXECUTABLE_MODE = 0o555;

/** Makes a folder with exactly FOLDER_MODE, whatever the umask. It must not exist. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path);
  await chmod(path, FOLDER_MODE);
}

/** Makes the entries of a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Writes a new file durably, readable to all. Its folder is not synced. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, "wx", FILE_MODE);
  try {
    await file.writeFile(content);
    await file.chmod(FILE_MODE);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Gives a finished folder its final name, durably. False when another folder has that name already;
 * `from` is then left where it is. When the name cannot be made durable it is taken back.
 */
export async function publishFolder(from: string, to: string): Promise<boolean> {
  await syncFolder(from);
  try {
    await rename(from, to);
  } catch (error) {
    if (isErrno(error, "ENOTEMPTY", "EEXIST", "ENOTDIR")) return false;
    throw error;
  }
  try {
    await syncFolder(dirname(to));
  } catch (error) {
    await rename(to, from);
    throw error;
  }
  return true;
}

/** Removes a tree and all below it. Missing is fine. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/**
 * Runs `each` over all items, at most `concurrency` at a time. Rejects with the first failure,
 * after all ended.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  concurrency: number,
  each: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    for (let next = queue.next(); !next.done && failure === undefined; next = queue.next()) {
      try {
        await each(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  if (failure !== undefined) throw failure.error;
}

/** Every folder on the way to the given paths, parents first, relative like the paths. */
export function foldersOf(paths: Iterable<string>): string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      folders.add(path.slice(0, at));
    }
  }
  return [...folders].sort((a, b) => a.length - b.length);
}

/** Syncs the given folders below `root`, deepest first, then `root`. */
export async function syncFolders(root: string, folders: readonly string[]): Promise<void> {
  await forEachConcurrently(folders.toReversed(), 4, (folder) => syncFolder(join(root, folder)));
  await syncFolder(root);
}
