/**
 * Seeded runs of callers, control and gateways that die, pause, come back and repeat themselves,
 * over the ledger's own procedures. Replay one with SKERRY_TEST_SEED. `tests/ledger/long-run.ts`
 * plays many more.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstFailing, playSeeds, seedsOf } from "@skerry/testkit/simulation";
import { Broken } from "../../test/simulation/fact.ts";
import { loadMutant, MUTANTS } from "../../test/simulation/mutants.ts";
import { simulate } from "../../test/simulation/world.ts";
import * as ledger from "../index.ts";

const SEEDS = 24;
const TURNS = 400;
const MUTANT_SEEDS = 120;

test("the ledger keeps its promises over faults, and ends everything once they stop", async (t) => {
  const reached = new Map<string, number>();
  let accepted = 0;
  const seeds = seedsOf(SEEDS);
  await playSeeds(seeds, (seed) => {
    const world = simulate(ledger, { seed, turns: TURNS });
    accepted += world.accepted;
    for (const [state, n] of world.reached) reached.set(state, (reached.get(state) ?? 0) + n);
  });
  t.diagnostic(JSON.stringify({ accepted, reached: Object.fromEntries(reached) }));
  if (seeds.length < SEEDS) return;
  const missed = STATES.filter((state) => !reached.has(state));
  assert.deepEqual(missed, [], "the workload does not reach these");
});

test("a seed plays the same world again", () => {
  const [one, two] = [1, 2].map(() => simulate(ledger, { seed: 77, turns: TURNS }));
  assert.deepEqual(one, two);
});

/** What the runs above must have met, or they prove little. */
const STATES = [
  ...["told twice", "key repeated", "key conflict", "key taken anew", "clock jumped"],
  ...["retry, counted", "retry, not counted", "another attempt", "expired while waiting"],
  ...["attempt ended it: succeeded", "attempt ended it: failed", "attempt ended it: expired"],
  ...["attempt ended it: cancelled", "cancel: cancelled", "cancel: running", "cancel: over"],
  ...["cancel: behind another of its key", "next of a key after succeeded"],
  ...["next of a key after failed", "next of a key after expired", "next of a key after cancelled"],
  ...[
    "stale settle",
    "told twice at once",
    "told to give up",
    "release in parts",
    "release beside what is kept",
  ],
  ...["told of one that succeeded", "told of one that failed", "told of one that expired"],
  ...["told of too many ends", "nobody there to be told", "a webhook is owed a call"],
  ...["ended with its function", "ended with its function, beside what runs"],
  ...["forgotten", "forgotten by size", "keys forgotten", "not counted, as its breaker was open"],
  ...["accept", "claim", "settle", "release", "cancel", "endWaiting", "forgetEnded"].flatMap(
    (name) => ["answerLost", "undone", "ranTwice"].map((fate) => `${name}: ${fate}`),
  ),
];

for (const mutant of MUTANTS) {
  test(`the simulation finds a ledger that ${mutant.name}`, async (t) => {
    const procedures = await loadMutant(mutant);
    const play = (seed: number) => simulate(procedures, { seed, turns: TURNS });
    const found = await firstFailing(MUTANT_SEEDS, play, mutant.seed);
    assert.ok(found?.error instanceof Broken, String(found?.error));
    t.diagnostic(`at seed ${found.seed}`);
  });
}
