/**
 * Plays many seeds, looks for every planted mistake, and prints one line of JSON. Ends at the first
 * broken promise:
 *
 *   node run.ts SEEDS [FROM]
 */
import * as ledger from "../../src/index.ts";
import { Broken } from "./fact.ts";
import { loadMutant, MUTANTS, type Mutant } from "./mutants.ts";
import { simulate } from "./world.ts";

const seeds = Number(process.argv[2] ?? 1_000);
const from = Number(process.argv[3] ?? 1);
const TURNS = 400;

function play() {
  const reached: Record<string, number> = {};
  const sums = { accepted: 0, calls: 0 };
  for (let seed = from; seed < from + seeds; seed += 1) {
    try {
      const world = simulate(ledger, { seed, turns: TURNS });
      sums.accepted += world.accepted;
      sums.calls += world.calls;
      for (const [state, n] of world.reached) reached[state] = (reached[state] ?? 0) + n;
    } catch (error) {
      throw new Error(`${String(error)} (replay: SKERRY_TEST_SEED=${seed})`, { cause: error });
    }
  }
  return { ...sums, reached };
}

/** The first seed that shows it; undefined when none does. */
async function seedOf(mutant: Mutant): Promise<number | undefined> {
  const procedures = await loadMutant(mutant);
  for (let seed = from; seed < from + seeds; seed += 1) {
    try {
      simulate(procedures, { seed, turns: TURNS });
    } catch (error) {
      if (error instanceof Broken) return seed;
      throw error;
    }
  }
  return undefined;
}

const played = play();
const foundBy: Record<string, number | undefined> = {};
for (const mutant of MUTANTS) foundBy[mutant.name] = await seedOf(mutant);
const found = Object.values(foundBy).filter((seed) => seed !== undefined).length;
const planted = { planted: MUTANTS.length, found, worldsUntilFound: foundBy };
process.stdout.write(`${JSON.stringify({ seeds, from, turns: TURNS, ...played, ...planted })}\n`);
