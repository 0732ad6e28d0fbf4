/**
 * Says truthfully what isolation is in force here. Pure; `skerry doctor` and the start print it.
 */
import type { GroupRole } from "./cgroup-layout.ts";
import type { Hierarchy } from "./cgroups.ts";
import type { LimitTable, SandboxLevel, SandboxRung } from "./ports.ts";

export interface LevelFacts {
  readonly rung: SandboxRung;
  readonly isRoot: boolean;
  readonly hierarchies: readonly Pick<Hierarchy, "version" | "roles">[];
  /** Whether `/proc` shows processes. */
  readonly hasProcessTable: boolean;
  /** Why bubblewrap is not used although nobody asked for `process`; null when it is. */
  readonly obstacle: Obstacle | null;
}

export interface Obstacle {
  readonly problem: string;
  /** A command where there is one. */
  readonly advice: string;
}

const POLLED = "polling every 250 ms, the tree is killed when over";
const DELEGATED = "--scope -p Delegate=yes -- npm start";
const NO_GROUPS = `hard limits: systemd-run ${DELEGATED}`;
const NO_GROUPS_OF_USER = `hard limits: systemd-run --user ${DELEGATED}`;
const NOT_ROOT = "a uid for each instance: sudo npm start";
const NO_WALLS = "walls, for there are none now: npm start -- --sandbox bubblewrap";

export function describeLevel(facts: LevelFacts): SandboxLevel {
  return facts.rung === "bubblewrap" ? bubblewrapLevel(facts) : processLevel(facts);
}

function bubblewrapLevel(facts: LevelFacts): SandboxLevel {
  const by = (role: GroupRole): string | undefined => {
    const hierarchy = facts.hierarchies.find(({ roles }) => roles.includes(role));
    return hierarchy && `cgroup v${hierarchy.version}`;
  };
  const memory = by("memory");
  const complete = memory !== undefined && by("pids") !== undefined;
  return {
    rung: "bubblewrap",
    label: `bubblewrap (${facts.isRoot ? "own uid" : "shared uid"})`,
    uid: facts.isRoot ? "own" : "shared",
    limits: {
      memory: memory ?? `${POLLED}; counts what lies in /tmp`,
      processes: by("pids") ?? "RLIMIT_NPROC in a user namespace of its own",
      openFiles: "RLIMIT_NOFILE",
      cpu: by("cpu") ?? "priority (nice) only",
      tmp: memory === undefined ? "sized tmpfs" : "sized tmpfs, counted as memory",
    },
    rest: by("tree") === undefined ? "SIGSTOP of the tree" : "cgroup v2 freeze",
    raise: [
      ...(complete ? [] : [facts.isRoot ? NO_GROUPS : NO_GROUPS_OF_USER]),
      ...(facts.isRoot ? [] : [NOT_ROOT]),
    ],
  };
}

function processLevel(facts: LevelFacts): SandboxLevel {
  const polled = facts.hasProcessTable ? POLLED : "nothing";
  const limits: LimitTable = {
    memory: polled,
    processes: polled,
    openFiles: "RLIMIT_NOFILE",
    cpu: "priority (nice) only",
    tmp: "nothing: it is the host's /tmp",
  };
  return {
    rung: "process",
    label: "process (no isolation)",
    uid: "shared",
    limits,
    rest: "SIGSTOP of the tree",
    raise: [
      facts.obstacle === null
        ? NO_WALLS
        : `walls, for there are none now (${facts.obstacle.problem}): ${facts.obstacle.advice}`,
    ],
  };
}
