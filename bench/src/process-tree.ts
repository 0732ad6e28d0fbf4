/** CPU time and memory of process trees, from /proc. proc(5). */
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuTicks: number;
}

function readStats(): readonly Stat[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const text = readFileSync(`/proc/${name}/stat`, "latin1");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const cpuTicks = Number(fields[11]) + Number(fields[12]);
      return [{ pid: Number(name), parent: Number(fields[1]), cpuTicks }];
    } catch {
      return [];
    }
  });
}

/** The process and all its descendants that live now. */
export function treeOf(root: number): readonly number[] {
  const stats = readStats();
  const found = [root];
  for (let i = 0; i < found.length; i += 1) {
    for (const { pid, parent } of stats) if (parent === found[i]) found.push(pid);
  }
  return found;
}

/** User and system seconds of the trees so far; processes that ended are not counted. */
export function cpuSecondsOf(roots: readonly number[]): number {
  const pids = new Set(roots.flatMap(treeOf));
  const ticks = readStats().filter(({ pid }) => pids.has(pid));
  return ticks.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0) / TICKS_PER_SECOND;
}

/** Proportional set size of a tree in bytes: shared pages are split among those who share them. */
export function pssBytesOf(root: number): number {
  return treeOf(root).reduce((sum, pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      return sum + Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1_024;
    } catch {
      return sum;
    }
  }, 0);
}
