/**
 * What runs on this machine, from `/proc` (proc(5)). It stands in for control groups where there
 * are none: finding a tree, counting it, stopping and killing it. Nothing here may rely on
 * `/proc/<pid>/task/<tid>/children`, which many kernels are built without.
 *
 * A tree is what descends from a root process or carries the sandbox's marker in its environment.
 * Inside bubblewrap the former is complete: orphans fall to the init of their own pid namespace.
 */
import { readdirSync } from "node:fs";
import { readText } from "./listing.ts";

/** Environment variable that the platform sets on every sandbox's outermost process. */
export const MARKER = "SKERRY_SANDBOX";

/** The marker's value for the sandbox `id` of an owner. */
export function markerFor(ownerName: string, id: string): string {
  return `${ownerName}/${id}/`;
}

/** The id that `markerFor` put into a value; undefined for any other value. */
export function idOfMarker(ownerName: string, marker: string): string | undefined {
  const [owner, id, rest] = marker.split("/");
  return owner === ownerName && rest === "" ? id : undefined;
}

export interface ProcessRow {
  readonly pid: number;
  readonly parentPid: number;
  /** One letter; `T` is stopped, `Z` ended but not collected. */
  readonly state: string;
  /** Own CPU time and that of collected children. */
  readonly cpuUs: number;
}

/** USER_HZ is 100 in every Linux ABI that Node runs on. */
const TICK_US = 10_000;

/** One line of `/proc/<pid>/stat`; the name in brackets may hold blanks and brackets itself. */
export function parseStat(text: string): ProcessRow | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(" ");
  // fields[0] is field 3 (state) of proc(5).
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  return {
    pid: Number(text.slice(0, open)),
    state: fields[0] ?? "?",
    parentPid: field(4),
    cpuUs: (field(14) + field(15) + field(16) + field(17)) * TICK_US,
  };
}

/**
 * Every process that could be read. With another `procfs` it is what that one shows: the processes
 * of its own pid namespace, under the pids they have there.
 */
export function readProcessTable(procfs = "/proc"): readonly ProcessRow[] {
  return listPids(procfs).flatMap((pid) => readProcess(pid, procfs) ?? []);
}

export function readProcess(pid: number, procfs = "/proc"): ProcessRow | undefined {
  return parseStat(readText(`${procfs}/${pid}/stat`));
}

/**
 * Tells a living process from every other one, also from a later one with the same pid; undefined
 * for one that has ended.
 */
export function lifeMarkOf(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/stat`);
  const [state, ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // fields[0] is field 4 of proc(5); 22 is when it was started, in ticks since the boot.
  const started = fields[22 - 4];
  return state === "Z" || started === undefined ? undefined : `${pid}.${started}`;
}

/** The roots that live and all that descends from them. Pure. */
export function descendants(
  table: readonly ProcessRow[],
  roots: Iterable<number>,
): readonly ProcessRow[] {
  const children = Map.groupBy(table, (row) => row.parentPid);
  const byPid = new Map(table.map((row) => [row.pid, row]));
  const found = new Map<number, ProcessRow>();
  const waiting = [...roots].flatMap((pid) => byPid.get(pid) ?? []);
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    if (found.has(row.pid)) continue;
    found.set(row.pid, row);
    waiting.push(...(children.get(row.pid) ?? []));
  }
  return [...found.values()];
}

/**
 * The parents of a process, theirs, and so on, and 1. An orphan falls to one of them that has asked
 * for it (PR_SET_CHILD_SUBREAPER, as `systemd --user` does), else to 1. Pure.
 */
export function ancestorsOf(table: readonly ProcessRow[], pid: number): ReadonlySet<number> {
  const parents = new Map(table.map((row) => [row.pid, row.parentPid]));
  const found = new Set([1]);
  for (let at = parents.get(pid); at !== undefined && at > 0; at = parents.get(at)) {
    if (at !== 1 && found.has(at)) break;
    found.add(at);
  }
  return found;
}

/** Processes whose environment says `SKERRY_SANDBOX=<value>`, or any value that starts with it. */
export function pidsWithMarker(start: string): readonly number[] {
  return listPids("/proc").filter((pid) => markerOf(pid)?.startsWith(start) === true);
}

/** The marker of a process as it was started; undefined without one or without permission. */
export function markerOf(pid: number): string | undefined {
  const variable = readText(`/proc/${pid}/environ`)
    .split("\0")
    .find((candidate) => candidate.startsWith(`${MARKER}=`));
  return variable?.slice(MARKER.length + 1);
}

/**
 * Memory that is the process's own: resident without files, plus what is swapped out. Shared memory
 * counts in each process that has it mapped. 0 when the process is gone.
 */
export function readOwnMemory(pid: number, procfs = "/proc"): number {
  return parseOwnMemory(readText(`${procfs}/${pid}/status`));
}

/** The same from the text of `/proc/<pid>/status`. */
export function parseOwnMemory(status: string): number {
  const kilobytes = ["RssAnon", "RssShmem", "VmSwap"].map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0),
  );
  return kilobytes.reduce((sum, part) => sum + part, 0) * 1024;
}

/** Sends a signal; false when the process is gone or not ours. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function listPids(procfs: string): readonly number[] {
  try {
    return readdirSync(procfs).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

/** Thread ids of a process; the process itself where they cannot be listed. */
export function listThreads(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [pid];
  }
}
