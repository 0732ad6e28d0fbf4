/** What a release is to do: its stages, the canary's shares, and what guards them. */

/** Of both versions so many requests did this, or worse. */
export const RATE_GUARDS = [
  "error-rate",
  "server-errors",
  "timeouts",
  "crashes",
  "memory",
] as const;
export type RateGuard = (typeof RATE_GUARDS)[number];
/** So many took longer than the same quantile did. */
export const QUANTILE_GUARDS = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;
export type QuantileGuard = keyof typeof QUANTILE_GUARDS;
/** What of both versions is compared. */
export type Guard = RateGuard | QuantileGuard;

export interface ReleasePlan {
  /** Aliases, in order; the last is moved in steps. */
  readonly stages: readonly string[];
  /** Index of the stage with which it begins. */
  readonly first: number;
  /** Shares of the last stage, in per mille: they rise, and the last is the whole. */
  readonly steps: readonly number[];
  /** Each share is held so long at least. */
  readonly stepWaitMs: number;
  /** And so long at most when there are too few samples. */
  readonly sampleWaitMs: number;
  /** Requests that each version must have had within a step, in all functions together. */
  readonly samplesMin: number;
  /** Go on when there are too few; else it pauses. */
  readonly withoutSamples: boolean;
  readonly guards: readonly Guard[];
  /** Of 1; null for none. */
  readonly maxErrorRate: number | null;
  readonly maxP95Ms: number | null;
}

/** Where a release stands between two moves: so much of the callers of a stage meets the new. */
export interface Place {
  readonly stage: string;
  readonly perMille: number;
  /** Its figures are watched. */
  readonly isCanary: boolean;
}

export const WHOLE = 1_000;

/**
 * Whether the stage gets its new routes as this place is entered: nobody is led to the old versions
 * any more, so that no route meets a version that does not know it.
 */
export function takesRoutes({ perMille }: Place): boolean {
  return perMille === WHOLE;
}

/** All places of a release, in order. */
export function placesOf({ stages, first, steps }: ReleasePlan): readonly Place[] {
  const last = stages.at(-1) ?? "";
  return [
    ...stages.slice(first, -1).map((stage) => ({ stage, perMille: WHOLE, isCanary: false })),
    ...steps.map((perMille) => ({ stage: last, perMille, isCanary: true })),
  ];
}

/** The place that is not entered without an approval: the first behind the first stage. */
export function approvalPlace({ stages, first }: ReleasePlan): number {
  return first === 0 && stages.length > 1 ? 1 : 0;
}
