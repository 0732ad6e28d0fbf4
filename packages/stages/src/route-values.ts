/** What a door counts, for the metrics of its gateway. */
import type { RoleValue } from "@skerry/contracts";
import type { CacheFigures } from "@skerry/response-cache";

export interface Counted {
  /** Requests by the kind of their status, as `2xx`. */
  readonly statuses: ReadonlyMap<string, number>;
  /** Lines of the access log that were not written. */
  readonly dropped: number;
  /** Answers of something else than a route's target, by why. */
  readonly downgrades: ReadonlyMap<string, number>;
  readonly cache: CacheFigures;
}

export function routeValues({
  statuses,
  dropped,
  downgrades,
  cache,
}: Counted): readonly RoleValue[] {
  const { hits, staleHits, misses, collapsed, passes, bytes, entries, isAway } = cache;
  const ways = { hit: hits - staleHits, stale: staleHits, miss: misses, collapsed, pass: passes };
  return [
    ...valuesOf("route_answers_total", statuses),
    ...valuesOf("gateway_downgrades_total", downgrades),
    ...valuesOf("route_cache_total", Object.entries(ways)),
    // A store that others share does not know.
    ...(bytes === undefined ? [] : [{ name: "route_cache_bytes", value: bytes } as const]),
    ...(entries === undefined ? [] : [{ name: "route_cache_entries", value: entries } as const]),
    { name: "route_cache_away", value: isAway ? 1 : 0 },
    { name: "log_lines_dropped_total", label: "access", value: dropped },
  ];
}

function valuesOf(
  name: RoleValue["name"],
  labelled: Iterable<readonly [string, number]>,
): readonly RoleValue[] {
  return [...labelled].map(([label, value]) => ({ name, label, value }));
}
