/**
 * One supervisor per home. The lock names a process by pid and start time, so that a stale one is
 * recognised.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fail } from "./errors.ts";

interface Holder {
  readonly pid: number;
  readonly startTicks: string;
}

export interface HomeLock {
  /** The holder before was killed; what it had started may still be about to leave. */
  readonly isTakenOver: boolean;
  giveBack(): void;
}

/** Takes the lock or throws PLATFORM_RUNNING_ALREADY. */
export function lockHome(home: string, lockFile: string): HomeLock {
  mkdirSync(dirname(lockFile), { recursive: true });
  const own: Holder = { pid: process.pid, startTicks: startTicks(process.pid) };
  for (let attempt = 0; ; attempt += 1) {
    try {
      writeFileSync(lockFile, JSON.stringify(own), { flag: "wx", mode: 0o600 });
      return { isTakenOver: attempt > 0, giveBack: () => rmSync(lockFile, { force: true }) };
    } catch (error) {
      const holder = readHolder(lockFile);
      if (attempt > 2 || (holder !== undefined && isAlive(holder))) {
        throw fail("PLATFORM_RUNNING_ALREADY", { home, pid: holder?.pid ?? 0 }, error);
      }
      rmSync(lockFile, { force: true });
    }
  }
}

function readHolder(lockFile: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lockFile, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch {
    return false;
  }
  return startTicks(holder.pid) === holder.startTicks;
}

/**
 * Field 22 of /proc/<pid>/stat; empty where there is no /proc, and for a process that has ended and
 * was not collected. proc(5).
 */
function startTicks(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  } catch {
    return "";
  }
}
