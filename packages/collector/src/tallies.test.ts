import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { bytesOf, collectAll, UNSAFE_MODULE, World } from "../test/world.ts";
import { storeModule } from "./store-module.ts";

const ROUNDS = 12;

/** Records that were counted over lost answers and replaced collectors, and those that are. */
async function countThroughCrashes(t: TestContext, module?: string) {
  const world = await World.open(t, module === undefined ? {} : { module });
  const writer = world.writer("meter", "w");
  let collector = world.collector();
  for (let round = 0; round < ROUNDS; round += 1) {
    writer.append(bytesOf(world.record(), world.record({ outcome: "timeout" })));
    world.fault = round % 3 === 0 ? "after-commit" : round % 3 === 1 ? "before-commit" : "none";
    await collector.collect().catch(() => undefined);
    await collector.close();
    collector = world.collector();
  }
  await writer.close();
  await collectAll(collector);
  const [found] = await world.queries().tallies();
  const { records } = await world.store.call(storeModule, "totals", null);
  return { counted: found?.tally.outcomes, records };
}

test("counters are exact over crashes before and after commits", async (t) => {
  const { counted, records } = await countThroughCrashes(t);
  assert.equal(records, 2 * ROUNDS);
  assert.deepEqual(counted, { ok: ROUNDS, timeout: ROUNDS });
});

test("control: positions outside of the transaction count invocations twice", async (t) => {
  const { counted, records } = await countThroughCrashes(t, UNSAFE_MODULE);
  assert.equal(records, 2 * ROUNDS);
  assert.ok((counted?.ok ?? 0) > ROUNDS);
});

test("a function that nobody calls any more is forgotten with its records", async (t) => {
  const world = await World.open(t);
  const writer = world.writer("meter", "w");
  writer.append(bytesOf(world.record()));
  await collectAll(world.collector());
  assert.equal((await world.queries().tallies()).length, 1);
  world.aheadMs += world.keepMs + 1;
  await world.collector().collect();
  assert.deepEqual(await world.queries().tallies(), []);
});
