/**
 * What a package manager left behind, made fit to be kept: within bounds, the platform's own,
 * readable by all, and of plain files and folders only.
 */
import { constants } from "node:fs";
import {
  chmod,
  lchown,
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  readlink,
  rm,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fail } from "./errors.ts";

const BYTES_MAX = 1 << 30;
const FILES_MAX = 100_000;
const DEPTH_MAX = 64;
const COMMANDS = ".bin";
/** The longest first line that Linux looks at. */
const FIRST_LINE_MAX = 256;
const PLAIN_COMMAND = /^\.\.\/[\w@./-]+$/;

/** Looks at what was installed, folder by folder, before any of it is touched or copied. */
export async function assertBounded(path: string, tool: string): Promise<void> {
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
export async function takeOver(path: string): Promise<void> {
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
  const starter = (await startsItself(join(dirname(path), target))) ? "" : "node ";
  const script = `#!/bin/sh\nexec ${starter}"$(dirname "$0")/${target}" "$@"\n`;
  await writeFile(path, script, { mode: 0o755 });
}

/**
 * Whether a command is machine code, or a script for something else than Node. Scripts for Node are
 * started by the Node that is there, by no path that they name.
 */
async function startsItself(path: string): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE_MAX), 0, FIRST_LINE_MAX);
    const first = buffer.toString("latin1", 0, bytesRead).split("\n", 1)[0] ?? "";
    return first.startsWith("\x7fELF") || (first.startsWith("#!") && !/\bnode\b/.test(first));
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/** Names of files that no bundle can hold. */
export const MACHINE_CODE = /\.(?:node|so(?:\.\d+)*)$/;

/** True when a file anywhere below has such a name. */
export async function holds(folder: string, pattern: RegExp): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.some((entry) => entry.isFile() && pattern.test(entry.name));
}
