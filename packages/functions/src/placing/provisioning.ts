/**
 * How many instances must be started so that every function has those it is promised. Pure and
 * level-triggered.
 */
import type { FunctionId, RevisionId } from "@skerry/base";
import {
  LATEST,
  type AliasEntry,
  type FunctionEntry,
  type InstanceView,
  type RevisionEntry,
  type VersionEntry,
} from "@skerry/contracts";
import { overlaid, type OverlaidIds } from "../qualifying/overlay.ts";
import { provisionByAliases } from "./alias-provision.ts";
import { provisionAt } from "./schedule.ts";

/** A function with the one of its revisions that an instance is for. */
export interface RevisionRef {
  readonly fn: FunctionEntry;
  readonly revision: RevisionEntry;
  /** The version that it runs as; absent for `$LATEST`. */
  readonly version?: number | undefined;
}

/** Who is promised what. */
export interface Promises {
  functions(): Iterable<FunctionEntry>;
  versionOf(id: FunctionId, number: number): VersionEntry | undefined;
  aliasesOf(id: FunctionId): Iterable<AliasEntry>;
}

/** Whether time alone may change what is promised. */
export function hasSchedules(config: Pick<Promises, "functions">): boolean {
  for (const { latest } of config.functions()) {
    if ((latest.config.provisionedSchedules ?? []).length > 0) return true;
  }
  return false;
}

/** Instances that stand for one another: of a revision, as a version or as `$LATEST`. */
export function kindOfInstance({
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
    const kind = kindOfInstance(view);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

interface Look {
  readonly config: Promises;
  readonly wallMs: number;
  /** Kept from look to look. */
  readonly ids: OverlaidIds;
}

/** What is promised of one revision of a function. */
interface Wanted {
  readonly revisionId: RevisionId;
  readonly version?: number;
  readonly instances: number;
  /** Made when one is to start: there are many looks, and what they want is mostly there. */
  revision(): RevisionEntry;
}

/** What is missing, one entry for each instance to start; counts are by `kindOfInstance`. */
export function missingProvisioned(
  look: Look,
  countOf: (kind: string) => number,
): readonly RevisionRef[] {
  const missing: RevisionRef[] = [];
  for (const fn of look.config.functions()) {
    for (const wanted of wantedOf(fn, look)) {
      const lack = wanted.instances - countOf(kindOfInstance(wanted));
      if (lack <= 0) continue;
      const ref = { fn, revision: wanted.revision(), version: wanted.version };
      for (let n = 0; n < lack; n += 1) missing.push(ref);
    }
  }
  return missing;
}

/** What is promised of a function: of `$LATEST` by its configuration, of versions by aliases. */
function* wantedOf(fn: FunctionEntry, { config, wallMs, ids }: Look): Iterable<Wanted> {
  const latest = provisionAt(fn.latest.config, wallMs).instances;
  yield { revisionId: fn.latest.id, instances: latest, revision: () => fn.latest };
  let left = fn.latest.config.maxInstances - latest;
  const ownOf = (version: number) => config.versionOf(fn.id, version)?.revision;
  const byAliases = provisionByAliases(config.aliasesOf(fn.id), ({ version, overlay }) => {
    const own = ownOf(version);
    return own && ids.of(own.id, overlay);
  });
  for (const [revisionId, { version, overlay, instances }] of byAliases) {
    const own = ownOf(version);
    if (own === undefined) continue;
    const wanted = Math.min(instances, left);
    left -= wanted;
    const revision = (): RevisionEntry => overlaid(own, overlay);
    yield { revisionId, version, instances: wanted, revision };
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
