/**
 * Each driver has a directory of its own in its home: while one agent replaces another, the end of
 * the old one must not take away what the new one starts sandboxes with. Its name says whose it is,
 * so that a sweep removes only those of processes that have ended, and which part of the uids its
 * driver gives out, so that drivers that are open beside each other give out different ones.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lifeMarkOf } from "./process-table.ts";

const START = "driver-";
const NAME = /^driver-((\d+)\.\d+)-(?:lane(\d+)-)?/;

/** Makes one for this process; `lane` is taken for as long as it exists and the process lives. */
export function makeWorkDirectory(home: string, lane: number | undefined): string {
  const owner = `${START}${lifeMarkOf(process.pid) ?? process.pid}-`;
  return mkdtempSync(join(home, lane === undefined ? owner : `${owner}lane${lane}-`));
}

/** Removes those whose process has ended. */
export function removeAbandonedDirectories(home: string): void {
  for (const name of readdirSync(home)) {
    if (!name.startsWith(START) || isOwnerAlive(name)) continue;
    rmSync(join(home, name), { recursive: true, force: true });
  }
}

/** Lanes of the drivers that are open on this home, in this process or another. */
export function lanesInUse(home: string): ReadonlySet<number> {
  const names = readdirSync(home).filter(isOwnerAlive);
  return new Set(names.flatMap((name) => NAME.exec(name)?.[3] ?? []).map(Number));
}

/** Other processes that have a driver open on this home. */
export function otherOwners(home: string): readonly number[] {
  const pids = readdirSync(home).filter(isOwnerAlive).map(ownerPid);
  return [...new Set(pids)].filter((pid) => pid !== process.pid);
}

function ownerPid(name: string): number {
  return Number(NAME.exec(name)?.[2]);
}

function isOwnerAlive(name: string): boolean {
  const [, mark, pid] = NAME.exec(name) ?? [];
  return mark !== undefined && lifeMarkOf(Number(pid)) === mark;
}
