/**
 * Judges a probe run: which walls stood, and whether one that this level promises did not. Pure.
 */
import type { SandboxLevel } from "../ports.ts";
import type { Evidence } from "./evidence.ts";
import { FILE_PROBES } from "./file-probes.ts";
import { LIMIT_PROBES } from "./limit-probes.ts";
import { PRIVILEGE_PROBES, SYSTEM_CALL_PROBES } from "./privilege-probes.ts";
import type { Probe } from "./probe.ts";
import { NETWORK_PROBES, PROCESS_PROBES } from "./view-probes.ts";

export const PROBES: readonly Probe[] = [
  ...FILE_PROBES,
  ...PROCESS_PROBES,
  ...NETWORK_PROBES,
  ...PRIVILEGE_PROBES,
  ...SYSTEM_CALL_PROBES,
  ...LIMIT_PROBES,
];

/**
 * `held`: it stood. `open`: it did not, and this level does not promise it. `broken`: it did not,
 * although this level promises it. `untried`: nothing was asked.
 */
export type VerdictState = "held" | "open" | "broken" | "untried";

export interface ProbeVerdict {
  readonly id: string;
  readonly area: string;
  readonly title: string;
  /** What it speaks for. */
  readonly wall: string;
  readonly state: VerdictState;
  /** What was seen of a wall that did not stand, or why nothing was tried; else null. */
  readonly saw: string | null;
}

const SAW_CHARACTERS_MAX = 200;

/** The verdicts of a run on the bubblewrap rung. */
export function judge(evidence: Evidence): readonly ProbeVerdict[] {
  return PROBES.map((probe) => {
    const { level, report } = evidence;
    if (probe.needsX64 === true && report.programEnds === undefined) {
      return verdict(probe, level, { state: "untried", saw: "needs an x86-64 machine" });
    }
    if (probe.holds(evidence)) return verdict(probe, level, { state: "held", saw: null });
    const isPromised = probe.needsOwnUid !== true || level.uid === "own";
    const saw = (JSON.stringify(probe.saw(evidence)) ?? "nothing").slice(0, SAW_CHARACTERS_MAX);
    return verdict(probe, level, { state: isPromised ? "broken" : "open", saw });
  });
}

/**
 * The verdicts where there are no walls: whatever a probe tries would really happen to the host, so
 * none is run.
 */
export function judgeUnwalled(level: SandboxLevel): readonly ProbeVerdict[] {
  const saw = "this rung has no walls; what probes try would happen to the host itself";
  return PROBES.map((probe) => verdict(probe, level, { state: "untried", saw }));
}

function verdict(
  { id, area, title, wall }: Probe,
  level: SandboxLevel,
  found: Pick<ProbeVerdict, "state" | "saw">,
): ProbeVerdict {
  const isWalled = level.rung !== "process";
  const by = typeof wall === "string" ? wall : wall(level);
  return { id, area, title, wall: isWalled ? by : "nothing", ...found };
}
