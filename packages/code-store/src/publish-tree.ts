/**
 * Trees that others made and that are trusted by their name alone, such as packages that were
 * installed: all of one is on disk before it has that name, so that what a power cut leaves there
 * is whole or absent.
 */
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { forEachConcurrently, publishFolder, syncFolders } from "./durable.ts";

/** A file takes some tenths of a millisecond; the disk joins what comes together. */
const FILES_AT_ONCE = 16;

/**
 * Gives the tree `from` the name `to`, durably. It must be of plain files and folders that nobody
 * changes any more; its maker bounds it. False when `to` was there already; `from` is then left
 * where it is. Rejects when the disk does not take it; then there is no `to`.
 */
export async function publishTree(from: string, to: string): Promise<boolean> {
  const { files, folders } = await listTree(from);
  await forEachConcurrently(files, FILES_AT_ONCE, syncFile);
  await syncFolders(from, folders);
  return await publishFolder(from, to);
}

/** Files by their path, folders relative to `root` and parents first. */
async function listTree(root: string): Promise<Record<"files" | "folders", string[]>> {
  const files: string[] = [];
  const folders: string[] = [];
  const waiting = [""];
  for (const folder of waiting) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isFile()) files.push(join(root, path));
      else if (entry.isDirectory()) waiting.push(path);
    }
    if (folder !== "") folders.push(folder);
  }
  return { files, folders };
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
