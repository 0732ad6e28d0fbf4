/** Turns releases of apps into resources of the API. */
import type { ReleaseResource } from "@skerry/api-schema";
import { approvalPlace, isOpen, placesOf, WHOLE, type ReleaseRecord } from "@skerry/releases";

type Figures = NonNullable<ReleaseResource["figures"]>;
type Sides = NonNullable<ReleaseRecord["stand"]["sides"]>;

/** As it stands. */
export function releaseResourceOf(record: Omit<ReleaseRecord, "version">): ReleaseResource {
  const { id, app, stand, plan, functions, reason, keyId: startedBy } = record;
  const { state, why, isApproved, sides, place, enteredMs, change } = stand;
  const { stepWaitMs, sampleWaitMs, samplesMin, withoutSamples } = plan;
  const { guards, maxErrorRate, maxP95Ms } = plan;
  return {
    ...{ id, app, state, why, places: placesIn(record) },
    functions: functions.map(({ name, from, to }) => {
      return { function: name, from: from?.version ?? null, to: to.version };
    }),
    apis: record.apis.map(apiOf),
    ...{ isApproved, figures: sides && figuresOf(sides) },
    stepSince: place < 0 ? null : timeOf(enteredMs),
    plan: {
      ...{ stepWaitMs, sampleWaitMs, samplesMin, withoutSamples },
      ...{ guards: [...guards], maxP95Ms },
      maxErrorRate: maxErrorRate === null ? null : percentOf(maxErrorRate),
    },
    ...{ reason, startedBy, createdAt: timeOf(record.madeMs) },
    endedAt: record.settledMs === null ? null : timeOf(record.settledMs),
    etag: `"${change}"`,
  };
}

function placesIn({ plan, stand }: Pick<ReleaseRecord, "plan" | "stand">) {
  const { place, state, unsampled } = stand;
  const isBack = state === "rolledBack" || state === "aborted";
  return placesOf(plan).map(({ stage, perMille }, i): ReleaseResource["places"][number] => {
    const at = i > place ? "ahead" : isBack ? "left" : i === place ? "current" : "passed";
    return {
      ...{ stage, percent: (perMille * 100) / WHOLE },
      state: at === "current" && !isOpen(stand) ? "passed" : at,
      ...{ isUnsampled: unsampled.includes(i), needsApproval: i === approvalPlace(plan) },
    };
  });
}

function apiOf(one: ReleaseRecord["apis"][number]): ReleaseResource["apis"][number] {
  const { api, stage, state, source: from, former, publication, lacks, difference } = one;
  return {
    ...{ api, stage, state, from, publication, before: former?.number ?? null },
    ...{ ...difference, lacks: [...lacks] },
  };
}

function figuresOf({ base, next }: Sides): Figures {
  return { from: base && sideOf(base), to: sideOf(next) };
}

function sideOf(side: Sides["next"]): Figures["to"] {
  const { requests, errors, p95Ms } = side;
  return { requests, errors, errorRate: requests === 0 ? null : errors / requests, p95Ms };
}

/** As it was asked for: 7, and not 7.000000000000001. */
function percentOf(share: number): number {
  return Number((share * 100).toPrecision(12));
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
