/**
 * Each driver has a directory of its own in its home: while one agent replaces another, the end of
 * the old one must not take away what the new one starts sandboxes with. Its name says whose it is,
 * so that a sweep removes only those of processes that have ended, and which part of the uids its
 * driver gives out, so that drivers that are open beside each other give out different ones.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readText } from "./listing.ts";
import { lifeMarkOf } from "./process-table.ts";

const START = "driver-";
const NAME = /^driver-((\d+)\.\d+)-(?:lane(\d+)-)?(?:boot([\da-f]+)-)?/;
/** A machine may start the same way each time: then pids and times since its start come again. */
const BOOT = readText("/proc/sys/kernel/random/boot_id").slice(0, 8);

/** Makes one for this process; `lane` is taken for as long as it exists and the process lives. */
export function makeWorkDirectory(home: string, lane: number | undefined): string {
  const owner = `${START}${lifeMarkOf(process.pid) ?? process.pid}-`;
  const boot = BOOT === "" ? "" : `boot${BOOT}-`;
  return mkdtempSync(join(home, `${owner}${lane === undefined ? "" : `lane${lane}-`}${boot}`));
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

/**
 * Other processes that have a driver open on this home. Those of an earlier version, which does not
 * say when the machine was started, are not among them: nobody may be taken for one by mistake.
 */
export function otherOwners(home: string): readonly number[] {
  const isCertain = (name: string): boolean => BOOT !== "" && NAME.exec(name)?.[4] === BOOT;
  const pids = readdirSync(home).filter(isCertain).filter(isOwnerAlive).map(ownerPid);
  return [...new Set(pids)].filter((pid) => pid !== process.pid);
}

function ownerPid(name: string): number {
  return Number(NAME.exec(name)?.[2]);
}

function isOwnerAlive(name: string): boolean {
  const [, mark, pid, , boot = BOOT] = NAME.exec(name) ?? [];
  return mark !== undefined && boot === BOOT && lifeMarkOf(Number(pid)) === mark;
}
