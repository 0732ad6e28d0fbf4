/**
 * What a platform's home still has on this machine: processes, mounts, sockets and control groups.
 * Found from outside, by the home's path and the sandboxes' marks, so that a platform that forgot
 * something cannot hide it.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { findTraces } from "@skerry/sandbox";

export interface Leftovers {
  /** `pid command line` of processes that belong to the home or hold a mount of it. */
  readonly processes: readonly string[];
  /** Control groups of its sandboxes. */
  readonly groups: readonly string[];
  /** Unix sockets bound below the home. */
  readonly sockets: readonly string[];
  /** Mount points below the home in this mount namespace, without those that a test made itself. */
  readonly mounts: readonly string[];
}

export const NOTHING_LEFT: Leftovers = { processes: [], groups: [], sockets: [], mounts: [] };

/** Device name of mounts that tests make. */
export const TEST_MOUNT = "skerry-test";

/** Looks once. A test asks only about homes of its own, so that neighbours do not disturb. */
export function findLeftovers(home: string): Leftovers {
  const traces = findTraces(join(home, "sandboxes"));
  const marked = new Set<number>(traces.pids);
  const processes = pids()
    .filter((pid) => pid !== process.pid && (marked.has(pid) || belongsTo(pid, home)))
    .filter((pid) => !isZombie(pid))
    .map((pid) => `${pid} ${readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200)}`);
  return { processes, groups: traces.groups, sockets: socketsOf(home), mounts: mountsOf(home) };
}

/**
 * Ends the processes that say of themselves that they belong to the home: by environment or as its
 * sandboxes.
 */
export function killLeftovers(home: string): void {
  const marked = new Set<number>(findTraces(join(home, "sandboxes")).pids);
  for (const pid of pids()) {
    if (pid === process.pid || !(marked.has(pid) || isConfiguredFor(pid, home))) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}

function pids(): readonly number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

function isConfiguredFor(pid: number, home: string): boolean {
  const environment = readText(`/proc/${pid}/environ`).split("\0");
  return environment.some(
    (variable) =>
      variable === `SKERRY_HOME=${home}` ||
      (variable.startsWith("SKERRY_ROLE_CONFIG=") && variable.includes(`"home":"${home}"`)),
  );
}

/** By its environment, its working directory, or a mount of the home in its own namespace. */
function belongsTo(pid: number, home: string): boolean {
  return (
    isConfiguredFor(pid, home) ||
    isBelow(readLink(`/proc/${pid}/cwd`), home) ||
    mountsPartOf(pid, home)
  );
}

/** It holds a part of the home in a mount namespace of its own. */
function mountsPartOf(pid: number, home: string): boolean {
  const namespace = readLink(`/proc/${pid}/ns/mnt`);
  if (namespace === "" || namespace === readLink("/proc/self/ns/mnt")) return false;
  return readText(`/proc/${pid}/mountinfo`).includes(`${home}/`);
}

function socketsOf(home: string): readonly string[] {
  return readText("/proc/net/unix")
    .split("\n")
    .map((line) => line.split(/\s+/)[7] ?? "")
    .filter((path) => isBelow(path, home));
}

function mountsOf(home: string): readonly string[] {
  return readText("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => !line.includes(` ${TEST_MOUNT} `))
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${home}/`));
}

function isZombie(pid: number): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === "" || /\) [ZX] /.test(stat);
}

function isBelow(path: string, home: string): boolean {
  return path === home || path.startsWith(`${home}/`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function readLink(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
}
