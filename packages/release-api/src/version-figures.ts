/** How a version did within a window of time, for whoever compares it with another. */
import type { VersionFigures } from "@skerry/api-schema";
import { json, type OperationCall, type OperationHandlers } from "@skerry/api-serving";
import type { Clock, RevisionId } from "@skerry/base";
import { invalid, sumWindows, type RevisionFigures, type WindowFigures } from "@skerry/contracts";
import { quantileMs } from "@skerry/releases";
import type { Store, StoreModule } from "@skerry/store";
import type { ReleaseReads } from "./reads.ts";

/** Sums over invocation records by revision. */
export interface RevisionQueries {
  /** What ended in the seconds that begin in `[sinceMs, untilMs)`, for each in order. */
  versionFigures(args: {
    readonly revisionIds: readonly RevisionId[];
    readonly sinceMs: number;
    readonly untilMs: number;
  }): Promise<readonly WindowFigures[]>;
}

/** What each did, given all revisions that ran as it; undefined for none. */
export async function figuresOfVersions(
  figures: RevisionQueries,
  { sinceMs, untilMs }: Window,
  versions: readonly (readonly RevisionId[])[],
): Promise<readonly (WindowFigures | undefined)[]> {
  const revisionIds = versions.flat();
  if (revisionIds.length === 0) return [];
  const found = await figures.versionFigures({ revisionIds, sinceMs, untilMs });
  let end = 0;
  return versions.map(({ length }) => sumWindows(found.slice(end, (end += length))));
}

interface FigureDeps {
  readonly store: Pick<Store, "call">;
  readonly module: StoreModule & { readonly procedures: ReleaseReads };
  readonly figures: RevisionQueries;
  readonly clock: Pick<Clock, "wallMs">;
}

const WINDOW_MS = 3_600_000;

export function figureHandlers(deps: FigureDeps): Pick<OperationHandlers, "getVersionFigures"> {
  const { store, module, figures } = deps;
  return {
    getVersionFigures: async (call) => {
      const { accountId } = call.principal;
      const { app, fn: name, version: qualifier } = call.params;
      const window = windowOf(call.query, deps.clock.wallMs());
      const args = { accountId, app, name, qualifier };
      const revisionIds = await store.call(module, "qualifiedRevisions", args);
      const [revisionId = ""] = revisionIds;
      const [did] = await figuresOfVersions(figures, window, [revisionIds]);
      const of = { app, function: name, version: Number(qualifier), revisionId };
      return json({ ...of, ...figuresOf(window, did) } satisfies VersionFigures);
    },
  };
}

interface Window {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Throws INPUT_INVALID. */
function windowOf(
  { since, until }: OperationCall<"getVersionFigures">["query"],
  nowMs: number,
): Window {
  const untilMs = until === undefined ? nowMs : Date.parse(until);
  const sinceMs = since === undefined ? untilMs - WINDOW_MS : Date.parse(since);
  if (sinceMs <= untilMs) return { sinceMs, untilMs };
  throw invalid("query", ["since: it is after `until`"]);
}

function figuresOf(
  { sinceMs, untilMs }: Window,
  did: RevisionFigures | undefined,
): Omit<VersionFigures, "app" | "function" | "version" | "revisionId"> {
  const outcomes = { ...did?.outcomes };
  const invocations = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  const errors = invocations - (outcomes.ok ?? 0) + (did?.serverErrors ?? 0);
  const isNone = did === undefined || invocations === 0;
  const at = (share: number): number | null =>
    isNone ? null : quantileMs(did.duration.counts, share);
  return {
    since: new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    ...{ invocations, errors, outcomes },
    errorRate: isNone ? null : errors / invocations,
    durationMs: {
      mean: isNone ? null : did.duration.sumMs / invocations,
      ...{ p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    },
  };
}
