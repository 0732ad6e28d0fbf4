/**
 * Keeps a folded config log on disk, replaced whole by rename, so that a restart serves without
 * control.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CONFIG_FORMAT, type ConfigEntry, type ConfigSnapshot } from "@skerry/contracts";
import { fail } from "./errors.ts";

/**
 * The snapshot at `path`; undefined when there is none or it is torn. Throws CONFIG_FORMAT_NEWER.
 */
export function readSnapshot(path: string): ConfigSnapshot | undefined {
  if (!existsSync(path)) return undefined;
  const snapshot = parse(readFileSync(path, "utf8"));
  if (snapshot !== undefined && snapshot.format > CONFIG_FORMAT) {
    throw fail("CONFIG_FORMAT_NEWER", { path, found: snapshot.format, known: CONFIG_FORMAT });
  }
  return snapshot;
}

/** Replaces the snapshot at `path`; when that fails, the old one stays and nothing else is left. */
export async function writeSnapshot(path: string, snapshot: ConfigSnapshot): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    await writeFlushed(fresh, JSON.stringify(snapshot));
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/**
 * Removes what processes that were killed while they wrote the snapshot left beside it. Several
 * write the same one while a role is replaced, so what belongs to a living process stays.
 */
export function removeAbandoned(path: string): void {
  const directory = dirname(path);
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(`${basename(path)}.`)) continue;
    const [, pid] = /\.([1-9]\d*)\.new$/.exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(directory, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function parse(text: string): ConfigSnapshot | undefined {
  try {
    const value = JSON.parse(text) as Partial<ConfigSnapshot>;
    const fits =
      typeof value.format === "number" &&
      typeof value.seq === "number" &&
      Array.isArray(value.entries) &&
      value.entries.every(isEntry);
    return fits ? (value as ConfigSnapshot) : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): boolean {
  const { seq, key } = (value ?? {}) as Partial<ConfigEntry>;
  return typeof seq === "number" && typeof key === "string";
}
