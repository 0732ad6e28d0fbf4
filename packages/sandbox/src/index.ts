export type { SandboxDriverDeps } from "./driver.ts";
export { openSandboxDriver, type SandboxDriverOptions } from "./open.ts";
export type {
  LimitTable,
  Sandbox,
  SandboxDriver,
  SandboxExit,
  SandboxExitReason,
  SandboxLevel,
  SandboxLimits,
  SandboxMount,
  SandboxRung,
  SandboxSpec,
  SandboxSystem,
  SandboxUsage,
  SweepCount,
} from "./ports.ts";
export { PROBE_MODULE, writeProbeFiles } from "./probes/probe-files.ts";
export { runProbes, type ProbedSandbox, type ProbeRun } from "./probes/probe-run.ts";
export { judge, judgeUnwalled, type ProbeVerdict } from "./probes/verdicts.ts";
export { findTraces, type Traces } from "./traces.ts";
export type { UidRange } from "./uid-pool.ts";
