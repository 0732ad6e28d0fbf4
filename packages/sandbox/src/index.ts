export type { SandboxDriverDeps } from "./driver.ts";
export { hostPathOf } from "./launch.ts";
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
  SandboxUsage,
  SweepCount,
} from "./ports.ts";
export { findTraces, type Traces } from "./traces.ts";
export { UID_RANGE_DEFAULT, type UidRange } from "./uid-pool.ts";
