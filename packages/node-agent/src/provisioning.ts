/**
 * How many instances must be started so that every function has those it is promised. Pure and
 * level-triggered.
 */
import type { FunctionId, RevisionId } from "@skerry/base";
import type { InstanceView } from "@skerry/contracts";
import { provisionAt } from "@skerry/functions";
import type { ConfigView, RevisionRef } from "./ports.ts";

/** Whether time alone may change what is promised. */
export function hasSchedules(config: ConfigView): boolean {
  for (const { latest } of config.functions()) {
    if ((latest.config.provisionedSchedules ?? []).length > 0) return true;
  }
  return false;
}

/**
 * Instances of each revision that run as `$LATEST`. Those that are being started to be kept ready
 * are left out: who starts them counts them.
 */
export function countInstances(
  views: Iterable<Pick<InstanceView, "revisionId" | "version" | "state" | "reason">>,
): ReadonlyMap<RevisionId, number> {
  const counts = new Map<RevisionId, number>();
  for (const { revisionId, version, state, reason } of views) {
    if (version !== undefined) continue;
    if (state === "starting" && reason === "provisioned") continue;
    counts.set(revisionId, (counts.get(revisionId) ?? 0) + 1);
  }
  return counts;
}

/** What is missing, one entry for each instance to start. */
export function missingProvisioned(
  { config, wallMs }: { readonly config: ConfigView; readonly wallMs: number },
  countOf: (ref: RevisionRef) => number,
): readonly RevisionRef[] {
  const missing: RevisionRef[] = [];
  for (const fn of config.functions()) {
    const ref: RevisionRef = { fn, revision: fn.latest };
    const wanted = provisionAt(fn.latest.config, wallMs).instances;
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
