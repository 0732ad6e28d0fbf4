/** What makes an instance's process: one exact pair of an interpreter and the files it runs. */
import type { WarmKind } from "@skerry/instance-runtime";
import type { SandboxSystem } from "@skerry/sandbox";

/** Where a sandbox sees the runtime. */
export const RUNTIME_MOUNT = "/skerry";

/**
 * One exact pair of an interpreter and the files that run in it. The id names the pair: a revision
 * records the build it was made with, and V8 code caches are valid for one build only.
 */
export interface RuntimeBuild {
  /** For example `node26.10.0-1a2b3c4d`. */
  readonly id: string;
  /** Directory that sandboxes mount as RUNTIME_MOUNT; the same inodes for all of them. */
  readonly directory: string;
  readonly system: SandboxSystem;
  command(start: RuntimeStart): readonly string[];
}

export interface RuntimeStart {
  /** Where the process sees the build's directory. */
  readonly inside: string;
  readonly memoryMb: number;
  readonly warmFor: WarmKind;
}
