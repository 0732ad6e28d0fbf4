/** How far what was seen is from the shares that were asked for. */

export interface SharedWindow {
  readonly main: number;
  readonly version: number;
  readonly perMille: number;
  /** Answers by version. */
  readonly seen: ReadonlyMap<number, number>;
}

/** Of so few requests Pearson's statistic says nothing; 5 are expected of each kind by custom. */
const EXPECTED_MIN = 5;
/** 99.9 % of a normal distribution lie below. */
const Z = 3.09;

/**
 * Pearson's χ² of all windows together, each of one degree of freedom, and the bound that 99.9 % of
 * runs with true shares stay within (Wilson and Hilferty's approximation).
 */
export function strayed(windows: readonly SharedWindow[]): {
  readonly windows: number;
  readonly chiSquare: number;
  readonly bound: number;
} {
  let chiSquare = 0;
  let counted = 0;
  for (const { main, version, perMille, seen } of windows) {
    const other = seen.get(version) ?? 0;
    const all = other + (seen.get(main) ?? 0);
    const expected = (all * perMille) / 1_000;
    if (Math.min(expected, all - expected) < EXPECTED_MIN) continue;
    counted += 1;
    chiSquare += (other - expected) ** 2 / expected + (other - expected) ** 2 / (all - expected);
  }
  const part = 2 / (9 * Math.max(1, counted));
  const bound = Math.max(1, counted) * (1 - part + Z * Math.sqrt(part)) ** 3;
  return { windows: counted, chiSquare, bound };
}
