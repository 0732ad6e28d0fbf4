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
  const hits = base.hits + next.hits;
  const all = base.of + next.of;
  if (base.of === 0 || next.of === 0) return 1;
  const most = Math.min(hits, next.of);
  const mean = (hits * next.of) / all;
  let term = Math.exp(logHypergeometric({ hits, all, drawn: next.of }, next.hits));
  let sum = 0;
  for (let k = next.hits; k <= most; k += 1) {
    sum += term;
    if (k > mean && term < sum * NEGLIGIBLE) break;
    term *= ((hits - k) / (k + 1)) * ((next.of - k) / (all - hits - next.of + k + 1));
  }
  return Math.min(1, sum);
}

/** Of `all` with `hits`, so many were `drawn`: the logarithm of the chance of `k` hits. */
function logHypergeometric(
  { hits, all, drawn }: { readonly hits: number; readonly all: number; readonly drawn: number },
  k: number,
): number {
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

/** A quantile, evenly within its bucket; null for an empty histogram. At most the last bound. */
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
