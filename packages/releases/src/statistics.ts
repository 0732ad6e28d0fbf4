/**
 * The tests by which two versions are compared. Fisher's exact test, one-sided: with the marginal
 * totals given, how likely as many hits or more would fall to the candidate if both versions were
 * alike. It is exact at any number of samples, the smallest too, so that no rule is needed for when
 * it may be used; it errs on the side of seeing no difference.
 */
import { HISTOGRAM_BOUNDS_MS } from "@skerry/contracts";

/** So many of so many. */
export interface Portion {
  readonly hits: number;
  readonly of: number;
}

/** Terms that are so much smaller than the sum do not change it. */
const NEGLIGIBLE = 1e-17;

/**
 * The probability of as many hits in `next` as there are, or more, if it hit no more often than
 * `base`. 1 when either has no samples.
 */
export function fisherGreater(base: Portion, next: Portion): number {
  if (base.of === 0 || next.of === 0) return 1;
  const table = { hits: base.hits + next.hits, all: base.of + next.of, drawn: next.of };
  const mean = (table.hits * table.drawn) / table.all;
  // Away from the mean terms only shrink: towards it, the first could be too small for a double.
  const p = next.hits > mean ? upperTail(table, next.hits) : 1 - lowerTail(table, next.hits - 1);
  return Math.min(1, Math.max(0, p));
}

/** Of `all` with `hits` among them, so many were `drawn`. */
interface Table {
  readonly hits: number;
  readonly all: number;
  readonly drawn: number;
}

/** The chance of `from` hits or more, from above the mean. */
function upperTail(table: Table, from: number): number {
  const { hits, all, drawn } = table;
  let term = Math.exp(logHypergeometric(table, from));
  let sum = 0;
  for (let k = from; k <= Math.min(hits, drawn) && term > sum * NEGLIGIBLE; k += 1) {
    sum += term;
    term *= ((hits - k) / (k + 1)) * ((drawn - k) / (all - hits - drawn + k + 1));
  }
  return sum;
}

/** The chance of `from` hits or less, from below the mean. */
function lowerTail(table: Table, from: number): number {
  const { hits, all, drawn } = table;
  const least = Math.max(0, hits + drawn - all);
  if (from < least) return 0;
  let term = Math.exp(logHypergeometric(table, from));
  let sum = 0;
  for (let k = from; k >= least && term > sum * NEGLIGIBLE; k -= 1) {
    sum += term;
    term *= (k / (hits - k + 1)) * ((all - hits - drawn + k) / (drawn - k + 1));
  }
  return sum;
}

/** The logarithm of the chance of `k` hits. */
function logHypergeometric({ hits, all, drawn }: Table, k: number): number {
  return logChoose(hits, k) + logChoose(all - hits, drawn - k) - logChoose(all, drawn);
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** Below this the logarithms are summed; above it Stirling's series is exact to a double. */
const SUMMED_MAX = 64;

function logFactorial(n: number): number {
  if (n < SUMMED_MAX) {
    let sum = 0;
    for (let i = 2; i <= n; i += 1) sum += Math.log(i);
    return sum;
  }
  const series = 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1_260 * n ** 5);
  return n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + series;
}

/** Index of the bucket of a histogram in which its quantile lies; undefined when it is empty. */
export function bucketOfQuantile(counts: readonly number[], quantile: number): number | undefined {
  const wanted = quantile * totalOf(counts);
  if (wanted === 0) return undefined;
  let seen = 0;
  return counts.findIndex((count) => (seen += count) >= wanted);
}

/**
 * A quantile as Prometheus estimates it: what fell into a bucket lies evenly between its bounds,
 * and beyond the last bound nothing is known but that. Null for an empty histogram.
 */
export function quantileMs(counts: readonly number[], quantile: number): number | null {
  const at = bucketOfQuantile(counts, quantile);
  if (at === undefined) return null;
  const low = HISTOGRAM_BOUNDS_MS[at - 1] ?? 0;
  const high = HISTOGRAM_BOUNDS_MS[at] ?? low;
  const below = totalOf(counts.slice(0, at));
  const share = (quantile * totalOf(counts) - below) / (counts[at] ?? 1);
  return at >= HISTOGRAM_BOUNDS_MS.length
    ? (HISTOGRAM_BOUNDS_MS.at(-1) ?? low)
    : low + (high - low) * share;
}

export function totalOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
