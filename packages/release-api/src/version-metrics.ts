/**
 * Metrics of versions: which of several revisions of a function fails, or is slow. Only functions
 * that have had a version are shown, and a bounded number of revisions in all.
 */
import type { RevisionId } from "@skerry/base";
import { sumFigures, type RevisionFigures } from "@skerry/contracts";
import type { ShownVersion } from "@skerry/functions/catalogue";
import type { MetricFamily } from "@skerry/telemetry";

/** Counters of versions; what had no invocation has no samples. */
export function versionFamilies(
  versions: readonly ShownVersion[],
  totals: readonly RevisionFigures[],
): readonly MetricFamily[] {
  const byRevision = new Map<RevisionId, RevisionFigures>(
    totals.map((total) => [total.revisionId, total]),
  );
  const rows = versions.flatMap(({ revisionIds, app, function: fn, version }) => {
    const total = sumFigures(revisionIds.flatMap((id) => byRevision.get(id) ?? []));
    return total === undefined ? [] : [{ labels: { app, function: fn, version }, total }];
  });
  return [
    {
      name: "version_invocations_total",
      type: "counter",
      help: "Invocations of versions that ended, by outcome.",
      samples: rows.flatMap(({ labels, total }) =>
        Object.entries(total.outcomes).map(([outcome, value]) => ({
          labels: { ...labels, outcome },
          value,
        })),
      ),
    },
    {
      name: "version_invocation_duration_seconds",
      type: "histogram",
      help: "From the arrival of a request to a version to its answer.",
      samples: rows.map(({ labels, total }) => ({ labels, histogram: total.duration })),
    },
  ];
}
