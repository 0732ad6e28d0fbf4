/**
 * A bubblewrap tree without control groups. Its handle is the init of its pid namespace: everything
 * in the sandbox descends from it and dies with it, and it cannot be collected, nor its pid be
 * given to anyone else, while bubblewrap above it lives.
 *
 * The sandbox's own `/proc`, seen through the init's root, lists just its few processes; a look at
 * the whole machine's is needed only to stop them, because signals take the host's pids. Nothing in
 * the sandbox can put anything else in that place: it may not mount, and its root is read-only.
 */
import { statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SandboxUsage } from "./ports.ts";
import {
  descendants,
  markerOf,
  pidsWithMarker,
  readOwnMemory,
  readProcess,
  readProcessTable,
  signalProcess,
  type ProcessRow,
} from "./process-table.ts";
import { isLiving, stopAll, type Tree } from "./tree.ts";

export interface InitTreeOptions {
  /** bubblewrap's outer process. */
  readonly rootPid: number;
  /** False once the root has been collected: its pid may then be anyone's. */
  readonly isRootAlive: () => boolean;
  /** The init's pid on the host; undefined until bubblewrap has told it. */
  readonly initPid: () => number | undefined;
  /** Value of the marker variable that root and init carry. */
  readonly marker: string;
}

export function createInitTree(options: InitTreeOptions): Tree {
  const { rootPid, isRootAlive, marker } = options;
  /** The init, if it lives and is surely ours. */
  const livingInit = (): number | undefined => {
    const pid = options.initPid();
    if (pid === undefined || !isLiving(readProcess(pid) ?? GONE)) return undefined;
    return isRootAlive() || markerOf(pid) === marker ? pid : undefined;
  };
  const handles = (): readonly number[] => {
    const init = livingInit();
    if (init !== undefined) return [init];
    if (isRootAlive()) return [rootPid];
    return options.initPid() === undefined ? pidsWithMarker(marker) : [];
  };
  const rows = (): readonly ProcessRow[] =>
    descendants(readProcessTable(), [...(isRootAlive() ? [rootPid] : []), ...handles()]).filter(
      isLiving,
    );
  /** What may run of itself: root and init only wait. */
  const inhabitants = (): readonly ProcessRow[] => {
    const init = livingInit();
    return rows().filter((row) => row.pid !== rootPid && row.pid !== init);
  };
  let stopped: readonly number[] = [];
  return {
    rows,
    rest: () => {
      const init = livingInit();
      const members = inhabitants();
      for (const { pid } of members) signalProcess(pid, "SIGSTOP");
      const rest = isAtRest(init, members.length) ? members : stopAll(inhabitants);
      stopped = rest.map((row) => row.pid);
    },
    resume: () => {
      // A stopped tree cannot change, so nobody has to be looked for.
      for (const pid of stopped) signalProcess(pid, "SIGCONT");
      stopped = [];
    },
    kill: () => {
      for (const pid of handles()) signalProcess(pid, "SIGKILL");
    },
    isGone: () => !isRootAlive() && handles().length === 0,
    usage: () => {
      const init = livingInit();
      if (init !== undefined) return usageInside(init);
      return { memoryBytes: 0, cpuUs: 0, processes: isRootAlive() ? OUTER_PROCESSES : 0 };
    },
    oomKills: () => 0,
  };
}

const GONE: ProcessRow = { pid: 0, parentPid: 0, state: "Z", cpuUs: 0 };
/** bubblewrap's outer process does not show in the sandbox's own `/proc`. */
const OUTER_PROCESSES = 1;

/** The host's path of a directory at the top of the sandbox. */
function inside(init: number, name: "proc" | "tmp"): string {
  return join("/proc", String(init), "root", name);
}

/** A signal takes effect a moment after it was sent. */
const LOOKS_MAX = 5;

/** True when just so many live beside the init, and none of them runs. Cheap, and may say no. */
function isAtRest(init: number | undefined, count: number): boolean {
  for (let look = 0; init !== undefined && look < LOOKS_MAX; look += 1) {
    const others = readProcessTable(inside(init, "proc")).filter(
      (row) => row.pid !== 1 && isLiving(row),
    );
    if (others.length !== count) return false;
    if (others.every((row) => row.state === "T")) return true;
  }
  return false;
}

function usageInside(init: number): SandboxUsage {
  if (!hasOwnRoot(init)) return { memoryBytes: 0, cpuUs: 0, processes: OUTER_PROCESSES };
  const procfs = inside(init, "proc");
  const members = readProcessTable(procfs).filter(isLiving);
  const own = members.reduce((sum, row) => sum + readOwnMemory(row.pid, procfs), 0);
  return {
    memoryBytes: own + usedBytes(inside(init, "tmp")),
    cpuUs: members.reduce((sum, row) => sum + row.cpuUs, 0),
    processes: members.length + OUTER_PROCESSES,
  };
}

/**
 * Until it has, its `/proc` and `/tmp` are the machine's: who lives there and how full that is says
 * nothing of the sandbox, in which nothing runs yet.
 */
function hasOwnRoot(init: number): boolean {
  try {
    const own = statSync(join("/proc", String(init), "root"));
    const machines = statSync("/");
    return own.dev !== machines.dev || own.ino !== machines.ino;
  } catch {
    return false;
  }
}

/** What lies in a tmpfs is memory that no process shows. */
function usedBytes(tmpfs: string): number {
  try {
    const { blocks, bfree, bsize } = statfsSync(tmpfs);
    return (blocks - bfree) * bsize;
  } catch {
    return 0;
  }
}
