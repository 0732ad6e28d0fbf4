/**
 * Queue, scheduler, leases and timers together, under seeded faults. Replay a world with
 * SKERRY_TEST_SEED; SKERRY_TEST_SEEDS plays as many.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstFailing, playSeeds, seedsOf } from "@skerry/testkit/simulation";
import { Broken } from "../test/simulation/judge.ts";
import { LEASE_CUT_SHORT, loadMutant, MUTANTS } from "../test/simulation/mutants.ts";
import { playWorld } from "../test/simulation/world.ts";

const SEEDS = 6;
/** Each is found by one of the first ten. */
const MUTANT_SEEDS = 60;

void it("platforms keep every promise together, and bring everything to its end", async (t) => {
  const sums = { accepted: 0, ticks: 0, faults: new Map<string, number>() };
  const seeds = seedsOf(SEEDS);
  await playSeeds(seeds, async (seed) => {
    const { accepted, ticks, reached } = await playWorld({ seed });
    sums.accepted += accepted;
    sums.ticks += ticks;
    for (const [fault, n] of reached) sums.faults.set(fault, (sums.faults.get(fault) ?? 0) + n);
  });
  t.diagnostic(JSON.stringify({ ...sums, faults: Object.fromEntries(sums.faults) }));
});

void it("a seed plays the same history again, to the step at which a promise is broken", async () => {
  const [one, two] = [await playWorld({ seed: 7 }), await playWorld({ seed: 7 })];
  assert.deepEqual(one, two);
  assert.ok(one.history.length > 100);
  const engines = await loadMutant(LEASE_CUT_SHORT);
  const play = (seed: number) => playWorld({ seed, engines });
  const found = await firstFailing(MUTANT_SEEDS, play);
  assert.ok(found?.error instanceof Broken);
  await assert.rejects(play(found.seed), { message: found.error.message });
});

void describe("worlds find a platform that", () => {
  for (const mutant of MUTANTS) {
    const { name, needs } = mutant;
    void it(`${name}, and not without ${needs}`, async (t) => {
      const engines = await loadMutant(mutant);
      const play = (seed: number) => playWorld({ seed, engines });
      const found = await firstFailing(MUTANT_SEEDS, play, mutant.seed);
      assert.ok(found?.error instanceof Broken, "it was not found");
      const { seed, error } = found;
      t.diagnostic(`seed ${seed}: ${error.message}`);
      await playWorld({ seed, engines, without: needs });
    });
  }
});
