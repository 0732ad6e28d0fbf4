/**
 * One supervisor per home. The lock names a process by pid and start time, so that a stale one is
 * recognised. It appears with its content, by a hard link: nobody can find it half-written and take
 * it for stale. A stale one is put aside by a rename and looked at again, because another start may
 * have replaced it in between.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { PlatformError } from "@skerry/base";
import { fail } from "./errors.ts";

interface Holder {
  readonly pid: number;
  readonly startTicks: string;
}

export interface HomeLock {
  /** The holder before was killed; what it had started may still be about to leave. */
  readonly isTakenOver: boolean;
  /** Removes the lock unless it is another's by now. */
  giveBack(): void;
}

const ATTEMPTS_MAX = 5;

/** Takes the lock or throws PLATFORM_RUNNING_ALREADY or HOME_UNUSABLE. */
export function lockHome(home: string, lockFile: string): HomeLock {
  const own = JSON.stringify({ pid: process.pid, startTicks: startTicks(process.pid) });
  const fresh = `${lockFile}.${process.pid}.new`;
  try {
    mkdirSync(dirname(lockFile), { recursive: true });
    writeFileSync(fresh, own, { mode: 0o600 });
    return take({ home, lockFile, own, fresh });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (PlatformError.is(error) || code === undefined) throw error;
    throw fail("HOME_UNUSABLE", { home, why: message }, error);
  } finally {
    if (existsSync(fresh)) rmSync(fresh, { force: true });
  }
}

interface Taking {
  readonly home: string;
  readonly lockFile: string;
  /** What the lock will say, and the file that says so already. */
  readonly own: string;
  readonly fresh: string;
}

function take({ home, lockFile, own, fresh }: Taking): HomeLock {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if (linked(fresh, lockFile)) {
      return { isTakenOver: attempt > 0, giveBack: () => removeOwn(lockFile, own) };
    }
    const found = readText(lockFile);
    const holder = parseHolder(found);
    if (holder !== undefined && isAlive(holder)) throw running(home, holder.pid);
    if (found !== undefined) putAside(lockFile, found);
  }
  throw running(home, parseHolder(readText(lockFile))?.pid ?? 0);
}

function running(home: string, pid: number): Error {
  return fail("PLATFORM_RUNNING_ALREADY", { home, pid });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Takes a stale lock away, but gives back one that is not the stale one any more. */
function putAside(lockFile: string, stale: string): void {
  const aside = `${lockFile}.${process.pid}.stale`;
  try {
    renameSync(lockFile, aside);
  } catch {
    return;
  }
  if (readText(aside) !== stale) linked(aside, lockFile);
  rmSync(aside, { force: true });
}

function removeOwn(lockFile: string, own: string): void {
  if (readText(lockFile) === own) rmSync(lockFile, { force: true });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function parseHolder(text: string | undefined): Holder | undefined {
  try {
    const holder = JSON.parse(text ?? "") as Partial<Holder> | null;
    const { pid, startTicks: ticks } = holder ?? {};
    const fits = Number.isInteger(pid) && (pid as number) > 0 && typeof ticks === "string";
    return fits ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // A process of another user lives too.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
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
