/**
 * Which worlds a simulation plays: as many as it says, `SKERRY_TEST_SEEDS` for more, from
 * `SKERRY_TEST_SEED` on, which alone replays one.
 */
export function seedsOf(count: number): readonly number[] {
  const { SKERRY_TEST_SEED: from, SKERRY_TEST_SEEDS: many } = process.env;
  const length = Number(many ?? (from === undefined ? count : 1));
  return Array.from({ length }, (_, i) => Number(from ?? 1) + i);
}

/** Plays a world for each. What one throws is thrown with how to play that one again. */
export async function playSeeds(
  seeds: readonly number[],
  play: (seed: number) => unknown,
): Promise<void> {
  for (const seed of seeds) {
    try {
      await play(seed);
    } catch (error) {
      const again = `replay with SKERRY_TEST_SEED=${seed}`;
      throw new Error(`seed ${seed}: ${String(error)}; ${again}`, { cause: error });
    }
  }
}

/**
 * The first of so many worlds that throws, and what; undefined when none does. One that is known to
 * do so is played before the others.
 */
export async function firstFailing(
  seedsMax: number,
  play: (seed: number) => unknown,
  known = 1,
): Promise<{ readonly seed: number; readonly error: unknown } | undefined> {
  for (const seed of [known, ...Array.from({ length: seedsMax }, (_, i) => i + 1)]) {
    try {
      await play(seed);
    } catch (error) {
      return { seed, error };
    }
  }
  return undefined;
}
