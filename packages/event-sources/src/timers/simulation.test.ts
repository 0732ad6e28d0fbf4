/** Each tick enters once, whatever dies and whenever; and what is taken away is missed. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Store } from "@skerry/store";
import { playSeeds, seedsOf } from "@skerry/testkit/simulation";
import { simulateTimers, type Planted } from "../../test/timer-simulation.ts";
import { openTimerStore } from "../../test/timer-world.ts";

const SEEDS = 12;

let store: Store;
before(async () => {
  store = await openTimerStore();
});
after(() => store.close());

test("two platforms that die between any two steps enter each tick once, while clocks are set", async () => {
  let deaths = 0;
  const seeds = seedsOf(SEEDS);
  await playSeeds(seeds, async (seed) => {
    const { deaths: died, ...end } = await simulateTimers(store, { seed });
    deaths += died;
    assert.deepEqual(end, { twice: 0, missing: 0, early: 0, difference: 0 });
  });
  if (seeds.length >= SEEDS) assert.ok(deaths > 12, `${deaths} died`);
});

test("while clocks run evenly the compare-and-set alone is enough", async () => {
  for (let seed = 1; seed <= 3; seed += 1) {
    const planted = { freshIds: true };
    const { twice, missing } = await simulateTimers(store, { seed, planted, isSteady: true });
    assert.deepEqual([twice, missing], [0, 0], `seed ${seed}`);
  }
});

interface Control {
  readonly isSteady: boolean;
  readonly says: string;
  readonly planted: Planted;
  readonly finds: "twice" | "missing";
}

const CONTROLS: readonly Control[] = [
  {
    says: "without the compare-and-set, and with ids of their own, ticks enter twice",
    isSteady: true,
    planted: { noFence: true, freshIds: true },
    finds: "twice",
  },
  {
    says: "with ids of their own, ticks enter twice when the clock is set back",
    isSteady: false,
    planted: { freshIds: true },
    finds: "twice",
  },
  {
    says: "with two transactions for a tick, those of a death between them are missing",
    isSteady: true,
    planted: { twoSteps: true },
    finds: "missing",
  },
];

for (const { says, finds, ...how } of CONTROLS) {
  test(`control: ${says}`, async () => {
    let found = 0;
    for (let seed = 1; seed <= 40 && found === 0; seed += 1) {
      found = (await simulateTimers(store, { seed, ...how }))[finds];
    }
    assert.ok(found > 0, "the simulation finds it");
  });
}
