/**
 * Which partition a key's hash falls into. Written into the layout of every topic: it never
 * changes.
 */

/** All hashes are below it. */
export const HASH_END = 2 ** 32;

interface HashRange {
  readonly hashFrom: number;
}

/** The partition whose range holds the hash, of those sorted by `hashFrom`, the first from 0. */
export function partitionOfHash<P extends HashRange>(sorted: readonly P[], hash: number): P {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((sorted[middle]?.hashFrom ?? 0) <= hash) low = middle;
    else high = middle - 1;
  }
  return sorted[low] as P;
}

/** Where to cut the widest range, and whose it is; undefined when none can be cut. */
export function widestRange<P extends HashRange>(
  sorted: readonly P[],
): { readonly parent: P; readonly hashFrom: number } | undefined {
  let found: { parent: P; hashFrom: number } | undefined;
  let widest = 1;
  for (const [i, parent] of sorted.entries()) {
    const width = (sorted[i + 1]?.hashFrom ?? HASH_END) - parent.hashFrom;
    if (width <= widest) continue;
    widest = width;
    found = { parent, hashFrom: parent.hashFrom + Math.floor(width / 2) };
  }
  return found;
}
