/**
 * What a platform's home still has on this machine: processes, mounts, sockets and control groups. Found from outside,
 * by the home's path and the sandboxes' marks, so that a platform that forgot something cannot hide it.
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
  /** Mount points below the home in this mount namespace. */
  readonly mounts: readonly string[];
}

export const NOTHING_LEFT: Leftovers = { processes: [], groups: [], sockets: [], mounts: [] };

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

function pids(): readonly number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** By its environment, its working directory, or a mount of the home in its own namespace. */
function belongsTo(pid: number, home: string): boolean {
  const environment = readText(`/proc/${pid}/environ`).split("\0");
  const configured = environment.some(
    (variable) =>
      variable === `SKERRY_HOME=${home}` ||
      (variable.startsWith("SKERRY_ROLE_CONFIG=") && variable.includes(`"home":"${home}"`)),
  );
  return (
    configured ||
    isBelow(readLink(`/proc/${pid}/cwd`), home) ||
    readText(`/proc/${pid}/mountinfo`).includes(`${home}/`)
  );
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
