/**
 * What the figures of a step say. Each function whose version changes is compared by itself, since
 * versions may meet different mixes of functions; the tests of one look share the level evenly
 * (Bonferroni). A look before the end of a step demands much more (Haybittle and Peto): a version
 * that plainly fails is gone within moments, and looking often condemns no good one.
 */
import { HISTOGRAM_BOUNDS_MS } from "@skerry/contracts";
import {
  QUANTILE_GUARDS,
  RATE_GUARDS,
  type QuantileGuard,
  type RateGuard,
  type ReleasePlan,
} from "./plan.ts";
import {
  bucketOfQuantile,
  fisherGreater,
  quantileMs,
  totalOf,
  type Portion,
} from "./statistics.ts";

/** What one version of a function did within a while. */
export interface VersionCounts {
  /** Requests that came to an end which is the version's doing. */
  readonly requests: number;
  readonly errors: number;
  /** Of these, what each rate but that of all errors counts. */
  readonly kinds: Readonly<Partial<Record<RateGuard, number>>>;
  /** What those took that waited for no start, in the buckets of HISTOGRAM_BOUNDS_MS. */
  readonly durations: readonly number[];
}

export interface FunctionFigures {
  readonly function: string;
  /** The version before; null when there is none to compare with. */
  readonly base: VersionCounts | null;
  readonly next: VersionCounts;
}

/** Of all functions together, as it is shown. */
export interface SideFigures {
  readonly requests: number;
  readonly errors: number;
  readonly p95Ms: number | null;
}
export interface Sides {
  /** Null when no function has a version before. */
  readonly base: SideFigures | null;
  readonly next: SideFigures;
}

export type Verdict =
  | { readonly kind: "failing"; readonly why: string }
  /** Too few requests to tell. */
  | { readonly kind: "starved"; readonly why: string }
  | { readonly kind: "passing" };

export const LEVELS = {
  /** Of all tests of the last look of a step together. */
  last: 0.01,
  /** And of each look before. */
  early: 0.001,
  /** A function with fewer requests in a step is not held to absolute bounds; nor fewer timed. */
  boundedMin: 20,
} as const;

const P95 = 0.95;
const RATE_TEXTS: Readonly<Record<RateGuard, string>> = {
  "error-rate": "requests fail",
  "server-errors": "requests are answered with 5xx",
  timeouts: "requests time out",
  crashes: "requests end with a crash or a start in vain",
  memory: "requests run out of memory",
};

/** Judges a look; `isLast` when the step is not looked at again. */
export function judge(
  figures: readonly FunctionFigures[],
  plan: ReleasePlan,
  { isLast }: { readonly isLast: boolean },
): Verdict {
  const compared = figures.flatMap(({ base, ...one }) => (base === null ? [] : [{ ...one, base }]));
  const tests = compared.length * plan.guards.length;
  const level = (isLast ? LEVELS.last : LEVELS.early) / Math.max(1, tests);
  const whys = [
    ...figures.flatMap((one) => boundsBroken(one, plan)),
    ...compared.flatMap((one) => worse(one, plan, level)),
  ];
  if (whys.length > 0) return { kind: "failing", why: whys.slice(0, 3).join(" ") };
  const why = samplesMissing(figures, plan);
  return why === null ? { kind: "passing" } : { kind: "starved", why };
}

/** What there is too little of to tell; null when there are samples enough. */
export function samplesMissing(
  figures: readonly FunctionFigures[],
  { samplesMin }: Pick<ReleasePlan, "samplesMin">,
): string | null {
  // Of an app that has no functions there are routes alone: nobody will ever have counted.
  if (figures.length === 0) return null;
  const { base, next } = sidesOf(figures);
  const few = [
    ...(next.requests < samplesMin ? [`the new version had ${next.requests}`] : []),
    ...(base !== null && base.requests < samplesMin ? [`the old one had ${base.requests}`] : []),
  ];
  if (few.length === 0) return null;
  return `Too few requests to tell: ${few.join(", ")}, of ${samplesMin} each.`;
}

function boundsBroken(
  { function: fn, next }: FunctionFigures,
  { maxErrorRate, maxP95Ms }: ReleasePlan,
): readonly string[] {
  if (next.requests < LEVELS.boundedMin) return [];
  const isTimed = totalOf(next.durations) >= LEVELS.boundedMin;
  const rate = next.errors / next.requests;
  const p95 = quantileMs(next.durations, P95) ?? 0;
  return [
    ...(maxErrorRate !== null && rate > maxErrorRate
      ? [`${fn}: ${percent(rate)} of requests fail, above the bound of ${percent(maxErrorRate)}.`]
      : []),
    ...(isTimed && maxP95Ms !== null && p95 > maxP95Ms
      ? [`${fn}: p95 is ${Math.round(p95)} ms, above the bound of ${maxP95Ms} ms.`]
      : []),
  ];
}

type Compared = FunctionFigures & { readonly base: VersionCounts };

function worse(one: Compared, { guards }: ReleasePlan, level: number): readonly string[] {
  const rates = RATE_GUARDS.filter((guard) => guards.includes(guard));
  const quantiles = (Object.keys(QUANTILE_GUARDS) as QuantileGuard[]).filter((guard) =>
    guards.includes(guard),
  );
  return [
    ...rates.flatMap((guard) => failsMore(one, guard, level)),
    ...quantiles.flatMap((guard) => isSlower(one, guard, level)),
  ];
}

function failsMore(
  { function: fn, base, next }: Compared,
  guard: RateGuard,
  level: number,
): readonly string[] {
  const was = portionOf(base, guard);
  const is = portionOf(next, guard);
  const p = fisherGreater(was, is);
  if (p >= level) return [];
  return [`${fn}: ${shareText(is)} ${RATE_TEXTS[guard]}, ${shareText(was)} did; ${pText(p)}.`];
}

function portionOf({ errors, kinds, requests }: VersionCounts, guard: RateGuard): Portion {
  return { hits: guard === "error-rate" ? errors : (kinds[guard] ?? 0), of: requests };
}

/**
 * How the candidate stands to the bound of the bucket in which the baseline's quantile lies. It
 * cannot be told when there is none; who has the quantile within it too is not slower.
 */
function isSlower(
  { function: fn, base, next }: Compared,
  guard: QuantileGuard,
  level: number,
): readonly string[] {
  const quantile = QUANTILE_GUARDS[guard];
  const at = bucketOfQuantile(base.durations, quantile);
  const boundMs = at === undefined ? undefined : HISTOGRAM_BOUNDS_MS[at];
  if (at === undefined || boundMs === undefined) return [];
  const above = ({ durations }: VersionCounts): Portion => {
    return { hits: totalOf(durations.slice(at + 1)), of: totalOf(durations) };
  };
  const is = above(next);
  if (is.hits <= (1 - quantile) * is.of) return [];
  const p = fisherGreater(above(base), is);
  if (p >= level) return [];
  return [`${fn}: ${shareText(is)} take longer than ${guard} did, ${boundMs} ms; ${pText(p)}.`];
}

/** Figures of all functions that have them, added up. */
export function sidesOf(figures: readonly FunctionFigures[]): Sides {
  const bases = figures.flatMap(({ base }) => (base === null ? [] : [base]));
  return {
    base: bases.length === 0 ? null : sideOf(bases),
    next: sideOf(figures.map(({ next }) => next)),
  };
}

function sideOf(all: readonly VersionCounts[]): SideFigures {
  const durations = HISTOGRAM_BOUNDS_MS.map((_, i) => sum(all, (one) => one.durations[i] ?? 0));
  const beyond = sum(all, (one) => one.durations[HISTOGRAM_BOUNDS_MS.length] ?? 0);
  return {
    requests: sum(all, ({ requests }) => requests),
    errors: sum(all, ({ errors }) => errors),
    p95Ms: quantileMs([...durations, beyond], P95),
  };
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

function shareText({ hits, of }: Portion): string {
  return `${percent(of === 0 ? 0 : hits / of)} of ${of}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}

const P_SHOWN_MIN = 0.0001;

function pText(p: number): string {
  return `Fisher's exact test, p ${p < P_SHOWN_MIN ? `< ${P_SHOWN_MIN}` : `= ${p.toPrecision(2)}`}`;
}
