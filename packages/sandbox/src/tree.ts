/**
 * Ways to hold a process tree: by control group, or by walking `/proc`. Each stops, counts and
 * kills all of it, and none is ever out of date: they ask the kernel each time.
 *
 * `kill` is one attempt and `isGone` one look; the sandbox repeats them until the tree is gone.
 */
import type { Hierarchy, SandboxGroup } from "./cgroups.ts";
import type { SandboxUsage } from "./ports.ts";
import {
  ancestorsOf,
  descendants,
  markerOf,
  pidsWithMarker,
  readOwnMemory,
  readProcess,
  readProcessTable,
  signalProcess,
  type ProcessRow,
} from "./process-table.ts";

export interface Tree {
  rest(): void;
  resume(): void;
  kill(): void;
  /** True when no process is left and what held them is removed. */
  isGone(): boolean;
  usage(): SandboxUsage;
  /** Processes that the memory limit killed. */
  oomKills(): number;
  /** All living processes. */
  rows(): readonly ProcessRow[];
}

/** Rounds of "stop what is new": each halves what a fork bomb can do, a bound all the same. */
const STOP_ROUNDS_MAX = 40;

export function createGroupTree(group: SandboxGroup, hierarchies: readonly Hierarchy[]): Tree {
  const countsMemory = hierarchies.some(({ roles }) => roles.includes("memory"));
  const rows = (): readonly ProcessRow[] => group.pids().flatMap((pid) => readProcess(pid) ?? []);
  let oomKills = 0;
  return {
    rows,
    rest: () => {
      if (!group.setFrozen(true)) stopAll(rows);
    },
    resume: () => {
      if (!group.setFrozen(false)) continueAll(rows());
    },
    kill: () => {
      if (!group.killAll()) for (const pid of group.pids()) signalProcess(pid, "SIGKILL");
    },
    isGone: () => {
      oomKills = Math.max(oomKills, group.oomKills());
      return group.pids().length === 0 && group.remove();
    },
    usage: () => {
      const usage = group.usage();
      return countsMemory ? usage : { ...usage, memoryBytes: ownMemory(rows()) };
    },
    oomKills: () => Math.max(oomKills, group.oomKills()),
  };
}

export interface TableTreeOptions {
  readonly rootPid: number;
  /** False once the root has been collected: its pid may then be anyone's. */
  readonly isRootAlive: () => boolean;
  /** Value of the marker variable that this tree carries. */
  readonly marker: string;
  /** A process table that may be a moment old, shared by all trees. */
  readonly recentTable: () => readonly ProcessRow[];
}

/** For the `process` rung: what descends from the root or carries its marker. */
export function createTableTree(options: TableTreeOptions): Tree {
  const { rootPid, marker, isRootAlive } = options;
  const root = (): readonly number[] => (isRootAlive() ? [rootPid] : []);
  const rows = (): readonly ProcessRow[] =>
    descendants(readProcessTable(), [...root(), ...pidsWithMarker(marker)]).filter(isLiving);
  // The root leads its own process group: all that can be reached where there is no `/proc`.
  const signalRootGroup = (signal: NodeJS.Signals): void => {
    if (isRootAlive()) signalProcess(-rootPid, signal);
  };
  return {
    rows,
    rest: () => {
      stopAll(rows);
      signalRootGroup("SIGSTOP");
    },
    resume: () => {
      continueAll(rows());
      signalRootGroup("SIGCONT");
    },
    kill: () => {
      for (const { pid } of stopAll(rows)) signalProcess(pid, "SIGKILL");
      signalRootGroup("SIGKILL");
    },
    isGone: () => rows().length === 0,
    usage: () => {
      const known = [...root(), ...orphansOf(options)];
      return usageOf(descendants(options.recentTable(), known).filter(isLiving));
    },
    oomKills: () => 0,
  };
}

export function isLiving(row: ProcessRow): boolean {
  return row.state !== "Z";
}

/** Processes that lost their parent are asked for their marker; the others are found by descent. */
function orphansOf({ recentTable, marker }: TableTreeOptions): readonly number[] {
  const table = recentTable();
  const reapers = ancestorsOf(table, process.pid);
  return table
    .filter((row) => reapers.has(row.parentPid) && markerOf(row.pid) === marker)
    .map((row) => row.pid);
}

/** Stops members until a look finds no new one and none running; returns them. */
export function stopAll(rows: () => readonly ProcessRow[]): readonly ProcessRow[] {
  let members = rows();
  for (let round = 0; round < STOP_ROUNDS_MAX; round += 1) {
    const running = members.filter((row) => row.state !== "T" && row.state !== "Z");
    if (running.length === 0) break;
    for (const row of running) signalProcess(row.pid, "SIGSTOP");
    members = rows();
  }
  return members;
}

/** Parents stand before their children in a walk; here the children go first. */
function continueAll(members: readonly ProcessRow[]): void {
  for (const row of members.toReversed()) signalProcess(row.pid, "SIGCONT");
}

function usageOf(members: readonly ProcessRow[]): SandboxUsage {
  return {
    memoryBytes: ownMemory(members),
    cpuUs: members.reduce((sum, row) => sum + row.cpuUs, 0),
    processes: members.length,
  };
}

function ownMemory(members: readonly ProcessRow[]): number {
  return members.reduce((sum, row) => sum + readOwnMemory(row.pid), 0);
}
