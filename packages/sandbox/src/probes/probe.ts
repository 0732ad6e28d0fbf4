/** What one probe is: a question to the evidence, and which wall the answer speaks for. */
import type { SandboxLevel } from "../ports.ts";
import type { Evidence } from "./evidence.ts";

export type ProbeArea = "files" | "processes" | "network" | "privileges" | "calls" | "limits";

export interface Probe {
  /** Stable; kebab-case. */
  readonly id: string;
  readonly area: ProbeArea;
  /** What holds when the wall stands. */
  readonly title: string;
  /** What it speaks for, in words for people. */
  readonly wall: string | ((level: SandboxLevel) => string);
  /** Only promised where each sandbox has a kernel uid of its own. */
  readonly needsOwnUid?: true;
  /** Needs the machine programs, which exist for x86-64 only. */
  readonly needsX64?: true;
  readonly holds: (evidence: Evidence) => boolean;
  /** What to show when it does not hold. */
  readonly saw: (evidence: Evidence) => unknown;
}

/** A table whose ids stay literal types: the tests have a control for each of them. */
export function probes<const T extends readonly Probe[]>(table: T): T {
  return table;
}
