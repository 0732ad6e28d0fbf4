/** Lays down what a probed sandbox runs: the inside script and, on x86-64, the bare programs. */
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CALL_PROBES, DESCRIPTOR_CALLS, MOUNT_CALLS, TERMINAL_CALLS, X32_CALLS } from "./calls.ts";
import { writeCallProgram, writeOldGateProgram, writeSleeper } from "./raw-program.ts";

/** The ES module in the probe directory whose export `handler` answers what is asked. */
export const PROBE_MODULE = "inside.mts";

/**
 * Fills `directory`, which is there and which any uid can enter. What is written is harmless
 * outside of a sandbox too.
 */
export function writeProbeFiles(directory: string): void {
  const module = join(directory, PROBE_MODULE);
  copyFileSync(fileURLToPath(new URL(PROBE_MODULE, import.meta.url)), module);
  chmodSync(module, 0o644);
  writeFileSync(join(directory, "root-owned"), "secret", { mode: 0o600 });
  if (process.arch !== "x64") return;
  writeCallProgram(join(directory, "calls"), [...TERMINAL_CALLS, ...CALL_PROBES]);
  writeCallProgram(join(directory, "mounting"), MOUNT_CALLS);
  writeCallProgram(join(directory, "x32"), X32_CALLS);
  writeCallProgram(join(directory, "descriptors"), DESCRIPTOR_CALLS);
  writeOldGateProgram(join(directory, "old-gate"));
  writeSleeper(join(directory, "sleeper"));
}
