/**
 * The directory of an embedded store: `store.json` says which format it has, `store.lock` keeps a
 * second platform out. The lock is a transaction in a SQLite file of its own, so that the system
 * drops it however its holder dies, and tools may still read the other files.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PlatformError } from "@skerry/base";
import { storeError } from "./errors.ts";
import { STORE_LIMITS } from "./limits.ts";
import { STORE_FORMAT } from "./migrations.ts";
import { isBusy } from "./sqlite-faults.ts";

/** Held while the store is open. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Creates the directory where needed, takes its lock (waiting for a predecessor that is closing)
 * and checks the format before any database is touched. Throws `STORE_IN_USE`,
 * `STORE_FORMAT_NEWER`, `STORE_FORMAT_UNREADABLE`, or `STORE_UNAVAILABLE` when the directory cannot
 * be used.
 */
export function openDirectory(directory: string): DirectoryLock {
  let lock: DirectoryLock | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    lock = takeLock(directory);
    ensureManifest(directory);
    return lock;
  } catch (error) {
    lock?.release();
    if (PlatformError.is(error)) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw storeError("STORE_UNAVAILABLE", { engine: "SQLite", problem }, error);
  }
}

function takeLock(directory: string): DirectoryLock {
  const database = new DatabaseSync(join(directory, "store.lock"), {
    timeout: STORE_LIMITS.lockWaitMs,
  });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw isBusy(error) ? storeError("STORE_IN_USE", { directory }, error) : error;
  }
  return { release: () => database.close() };
}

function ensureManifest(directory: string): void {
  const file = join(directory, "store.json");
  const text = readIfPresent(file);
  if (text === undefined) return writeManifest(directory, file);
  const found = formatOf(text, file);
  if (found > STORE_FORMAT) {
    throw storeError("STORE_FORMAT_NEWER", { what: file, found, known: STORE_FORMAT });
  }
}

function formatOf(text: string, file: string): number {
  const format = (parseJson(text, file) as { format?: unknown } | null)?.format;
  if (typeof format === "number" && Number.isSafeInteger(format) && format >= 1) return format;
  throw storeError("STORE_FORMAT_UNREADABLE", { file, problem: "it states no format" });
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw storeError("STORE_FORMAT_UNREADABLE", { file, problem: "it is not JSON" }, error);
  }
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Whole or not at all, also over a power cut: written aside, flushed, renamed, and the directory
 * flushed.
 */
function writeManifest(directory: string, file: string): void {
  const aside = `${file}.new`;
  const handle = openSync(aside, "w", 0o600);
  try {
    writeSync(handle, `${JSON.stringify({ format: STORE_FORMAT })}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(aside, file);
  flushDirectory(directory);
}

function flushDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
