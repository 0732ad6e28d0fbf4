/**
 * How many instances must be started so that every function has those it is promised. Pure and
 * level-triggered.
 */
import type { FunctionId } from "@skerry/base";
import { LATEST, type FunctionEntry, type InstanceView } from "@skerry/contracts";
import { overlaid, provisionAt, provisionByAliases } from "@skerry/functions";
import type { ConfigView, RevisionRef } from "./ports.ts";

/** Whether time alone may change what is promised. */
export function hasSchedules(config: ConfigView): boolean {
  for (const { latest } of config.functions()) {
    if ((latest.config.provisionedSchedules ?? []).length > 0) return true;
  }
  return false;
}

/** Instances that stand for one another: of a revision, as a version or as `$LATEST`. */
export function kindOf({
  revisionId,
  version,
}: Pick<InstanceView, "revisionId" | "version">): string {
  return `${revisionId}:${version ?? LATEST}`;
}

/**
 * Instances of each kind. Those that are being started to be kept ready are left out: who starts
 * them counts them.
 */
export function countInstances(
  views: Iterable<Pick<InstanceView, "revisionId" | "version" | "state" | "reason">>,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const view of views) {
    if (view.state === "starting" && view.reason === "provisioned") continue;
    const kind = kindOf(view);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
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
    for (const [ref, wanted] of wantedOf(fn, { config, wallMs })) {
      for (let have = countOf(ref); have < wanted; have += 1) missing.push(ref);
    }
  }
  return missing;
}

/** What is promised of a function: of `$LATEST` by its configuration, of versions by aliases. */
function* wantedOf(
  fn: FunctionEntry,
  { config, wallMs }: { readonly config: ConfigView; readonly wallMs: number },
): Iterable<readonly [RevisionRef, number]> {
  const latest = provisionAt(fn.latest.config, wallMs).instances;
  yield [{ fn, revision: fn.latest }, latest];
  let left = fn.latest.config.maxInstances - latest;
  for (const { version, overlay, instances } of provisionByAliases(config.aliasesOf(fn.id))) {
    const own = config.versionOf(fn.id, version)?.revision;
    const wanted = Math.min(instances, left);
    left -= wanted;
    if (own !== undefined) yield [{ fn, revision: overlaid(own, overlay), version }, wanted];
  }
}

/**
 * Waits longer after each failure in a row, so that code that cannot start does not eat the
 * machine.
 */
export function provisionRetryMs(failures: number): number {
  return Math.min(60_000, 500 * 2 ** Math.min(failures, 10));
}

export type ProvisionFailures = Map<FunctionId, { failures: number; retryAtMs: number }>;
