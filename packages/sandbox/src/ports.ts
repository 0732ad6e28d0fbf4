/** What this package promises: one isolated process tree, and a driver that starts them. */
import type { Socket } from "node:net";
import type { Readable } from "node:stream";

/** The ladder, weakest first. `process` walls off nothing and is for development. */
export type SandboxRung = "process" | "bubblewrap";

/**
 * A host directory or file shown inside. `rw` directories are given to the sandbox's uid by the
 * driver (the directory itself, not what lies in it); `ro` sources must be readable by any uid.
 */
export interface SandboxMount {
  readonly kind: "ro" | "rw";
  readonly source: string;
  readonly target: string;
}

export interface SandboxLimits {
  readonly memoryBytes: number;
  /** Processes and threads together, as the kernel counts them. Node itself needs about 16. */
  readonly processesMax: number;
  readonly openFilesMax: number;
  /** Weight against other sandboxes when the CPU is short; 100 is normal. */
  readonly cpuShares: number;
  /** Size of `/tmp`. Where a cgroup limits memory, what lies in `/tmp` counts as memory too. */
  readonly tmpBytes: number;
  /** Size of any one file that it writes; unlimited when absent. */
  readonly fileBytesMax?: number;
}

export interface SandboxSpec {
  /** `[a-z0-9_]+`, at most 64; names the cgroup. Unique among the driver's living sandboxes. */
  readonly id: string;
  /** Absolute path of the program (as seen inside) and its arguments. */
  readonly command: readonly string[];
  /** The whole environment; nothing of the platform's own is passed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly mounts: readonly SandboxMount[];
  readonly limits: SandboxLimits;
  /**
   * What of a system is inside: `minimal`, the default, has the shared libraries that a program
   * brought along needs; `host` has the programs of this machine, read-only.
   */
  readonly system?: SandboxSystem;
}

export type SandboxSystem = "minimal" | "host";

/**
 * Why it ended: by itself, by `kill`, by a limit, or because it never ran its command
 * (`not-started`; stderr says why). Where a shell inside starts the command (the `process` rung,
 * and bubblewrap without a group that limits processes), a missing program is an exit with code 126
 * or 127 instead.
 */
export type SandboxExitReason = "exited" | "killed" | "memory" | "processes" | "not-started";

export interface SandboxExit {
  /** The exit code, or null when a signal ended the command. */
  readonly code: number | null;
  /**
   * In bubblewrap a code of 128 + n is reported as signal n: the two cannot be told apart there.
   */
  readonly signal: string | null;
  /**
   * True when the memory limit killed any process of the tree, also when the command outlived it.
   */
  readonly oomKilled: boolean;
  readonly reason: SandboxExitReason;
}

export interface SandboxUsage {
  /** Resident memory without reclaimable file cache. */
  readonly memoryBytes: number;
  /** CPU time since the start, of the whole tree. */
  readonly cpuUs: number;
  /** Living processes, the sandbox's own one or two included. */
  readonly processes: number;
}

export interface Sandbox {
  readonly id: string;
  /** The outermost process, as the host sees it. */
  readonly pid: number;
  readonly rung: SandboxRung;
  /** The kernel uid that only this sandbox has, or null when it shares the platform's. */
  readonly uid: number | null;
  /** Our end of the socket pair that the command holds as descriptor 3. */
  readonly link: Socket;
  /** Unread output blocks the writer inside; it is never gathered here. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Stops the whole tree from running. May be called twice. */
  rest(): void;
  /** Lets a resting tree run on. May be called twice. */
  resume(): void;
  usage(): SandboxUsage;
  /** Resolves once the tree has ended, however it did, and nothing of it is left. Never rejects. */
  readonly exited: Promise<SandboxExit>;
  /** SIGKILLs the whole tree and resolves like `exited`. May be called at any time and often. */
  kill(): Promise<SandboxExit>;
}

/** What enforces a limit here, in words for people. */
export interface LimitTable {
  readonly memory: string;
  readonly processes: string;
  readonly openFiles: string;
  readonly cpu: string;
  readonly tmp: string;
}

/** What isolation is in force on this machine, and what would raise it. */
export interface SandboxLevel {
  readonly rung: SandboxRung;
  /** For example `bubblewrap (own uid)`. */
  readonly label: string;
  readonly uid: "own" | "shared";
  readonly limits: LimitTable;
  /** How a tree rests. */
  readonly rest: string;
  /** What is missing here and the command or advice that would bring it; empty at the top. */
  readonly raise: readonly string[];
}

export interface SweepCount {
  readonly processes: number;
  readonly groups: number;
}

export interface SandboxDriver {
  readonly level: SandboxLevel;
  /**
   * Starts the command and returns at once; that it runs shows on the link. Throws
   * SANDBOX_SPEC_INVALID, SANDBOX_ID_TAKEN, SANDBOX_UIDS_EXHAUSTED, SANDBOX_START_FAILED or
   * SANDBOX_DRIVER_CLOSED; then nothing was started.
   */
  start(spec: SandboxSpec): Promise<Sandbox>;
  /**
   * Kills what an earlier run with the same `home` left behind, and nothing else. No other process
   * may have a driver of this home by right: one that still does is of a run that was killed, and
   * is ended too.
   */
  sweep(): Promise<SweepCount>;
  /** Kills every sandbox and removes what the driver made. May be called twice. */
  close(): Promise<void>;
}
