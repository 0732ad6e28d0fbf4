/** Decides what an ended process tree is reported as. Pure. */
import { constants } from "node:os";
import type { SandboxExit, SandboxRung } from "./ports.ts";

export interface ExitFacts {
  readonly rung: SandboxRung;
  /** As the outermost process ended. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What the driver killed it for; null when it did not. */
  readonly killedFor: "caller" | "memory" | "processes" | null;
  readonly oomKills: number;
  /** Whether the command was run at all. */
  readonly started: boolean;
}

/** Where a number has two names (SIGABRT, SIGIOT), the first is the usual one. */
const SIGNAL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

export function decideExit(facts: ExitFacts): SandboxExit {
  const { code, signal } = endOfCommand(facts);
  const oomKilled = facts.oomKills > 0 || facts.killedFor === "memory";
  const reason = decideReason(facts, signal);
  return { code, signal, oomKilled, reason };
}

/** bubblewrap ends with 128 + n when signal n ended its command, as shells do. */
function endOfCommand(facts: ExitFacts): { code: number | null; signal: string | null } {
  const { rung, code, signal } = facts;
  if (rung !== "bubblewrap" || code === null || code <= 128) return { code, signal };
  const name = SIGNAL_NAMES.get(code - 128);
  return name === undefined ? { code, signal } : { code: null, signal: name };
}

function decideReason(facts: ExitFacts, signal: string | null): SandboxExit["reason"] {
  if (facts.killedFor === "memory" || facts.killedFor === "processes") return facts.killedFor;
  if (facts.oomKills > 0 && signal === "SIGKILL") return "memory";
  if (facts.killedFor === "caller") return "killed";
  return facts.started ? "exited" : "not-started";
}
