/**
 * How many instances must be started so that every function has those it is promised. Pure and
 * level-triggered.
 */
import type { FunctionId } from "@skerry/base";
import type { ConfigView, RevisionRef } from "./ports.ts";

/** What is missing, one entry for each instance to start. */
export function missingProvisioned(
  config: ConfigView,
  countOf: (ref: RevisionRef) => number,
): readonly RevisionRef[] {
  const missing: RevisionRef[] = [];
  for (const fn of config.functions()) {
    const ref: RevisionRef = { fn, revision: fn.latest };
    const wanted = Math.min(fn.latest.config.provisionedInstances, fn.latest.config.maxInstances);
    for (let have = countOf(ref); have < wanted; have += 1) missing.push(ref);
  }
  return missing;
}

/**
 * Waits longer after each failure in a row, so that code that cannot start does not eat the
 * machine.
 */
export function provisionRetryMs(failures: number): number {
  return Math.min(60_000, 500 * 2 ** Math.min(failures, 10));
}

export type ProvisionFailures = Map<FunctionId, { failures: number; retryAtMs: number }>;
