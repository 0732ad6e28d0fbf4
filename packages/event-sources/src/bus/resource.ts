import type { KeptEventResource, RuleResource } from "@skerry/api-schema";
import type { KeptEvent, RuleRecord } from "@skerry/triggers";

/** A rule as the API shows it. */
export function ruleResourceOf(rule: RuleRecord): RuleResource {
  const { id, app, name, fn, topic, enabled, pausedBecause, matched, refused } = rule;
  const { refusedBecause, eventFormat, madeBy, version } = rule;
  return {
    ...{ id, app, name, pattern: JSON.parse(rule.pattern) as RuleResource["pattern"] },
    ...{ function: fn, topic, eventFormat, enabled, pausedBecause, madeBy },
    ...{ matched, refused, refusedBecause },
    lastMatchedAt: rule.lastMs === null ? null : timeOf(rule.lastMs),
    ...{ version, etag: `"${version}"` },
    ...{ createdAt: timeOf(rule.createdAtMs), updatedAt: timeOf(rule.updatedAtMs) },
  };
}

/** An event as the API shows it. */
export function keptEventOf({ atMs, body }: KeptEvent): KeptEventResource {
  const event = JSON.parse(new TextDecoder().decode(body)) as KeptEventResource["event"];
  return { putAt: timeOf(atMs), event };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
