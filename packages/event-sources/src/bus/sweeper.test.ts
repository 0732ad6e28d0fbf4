/** What goes of the bus is the oldest, by age and by size; what waits or is held stays. */
import assert from "node:assert/strict";
import { away, onBothStores, type BusWorld } from "../../test/bus-world.ts";
import type { Bus } from "./bus.ts";

const HOUR = 3_600_000;
const MIB = 2 ** 20;
/** Four of these are a mebibyte, with what a row takes beside. */
const LARGE = { data: "x".repeat(MIB / 4 - 1_000) };

async function kept(world: BusWorld, bus: Bus): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (let cursor = "0"; ;) {
    const query = { cursor, limit: 100, from: "earliest" };
    const { items, nextCursor } = await bus.listEvents({ accountId: world.accountId, query });
    if (items.length === 0) return all;
    all.push(...items.map(({ event }) => event["id"]));
    cursor = nextCursor;
  }
}

async function putLarge(world: BusWorld, bus: Bus, ids: readonly string[]): Promise<void> {
  for (const id of ids) await world.put(bus, { id, ...LARGE });
}

async function showSize(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const roomy = world.sweeper({ keepMs: HOUR, bytesMax: 64 * MIB });
  const sweepers = [1, 2].map(() => world.sweeper({ keepMs: HOUR, bytesMax: MIB }));
  await putLarge(world, bus, ["a", "b", "c", "d"]);
  for (const one of [roomy, ...sweepers]) assert.equal(await one.sweep(), 0, "all of it fits");
  await putLarge(world, bus, ["e", "f"]);
  assert.equal(await roomy.sweep(), 0, "the control: there is room for more");
  const [first, second] = sweepers;
  assert.equal(await first?.sweep(), 2);
  assert.equal(await second?.sweep(), 0, "another platform comes to the same bound");
  assert.deepEqual(await kept(world, bus), ["c", "d", "e", "f"]);
  const { events } = await world.put(bus, { id: "a" }, { id: "f" });
  assert.deepEqual(
    events.map(({ repeated }) => repeated),
    [false, true],
    "what was forgotten is taken anew",
  );
  await putLarge(world, bus, ["g"]);
  assert.equal(await world.sweeper({ keepMs: HOUR, bytesMax: MIB }).sweep(), 1, "after a restart");
  await bus.close();
}

/** An app's functions put no end of events. */
async function showShares(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const { accountId: a } = world;
  const publish = async (app: string, id: string): Promise<void> => {
    const event = { type: "order.placed", id, ...LARGE };
    const bytes = Buffer.from(JSON.stringify({ messages: [event] }));
    const done = await bus.publish({ head: { a, t: "$bus", f: `${app}/work` }, bytes });
    assert.equal(done.ok, true);
  };
  await publish("quiet", "q1");
  await putLarge(world, bus, ["own"]);
  for (let n = 1; n <= 6; n += 1) await publish("loud", `l${n}`);
  assert.equal(await world.sweeper({ keepMs: HOUR, bytesMax: MIB }).sweep(), 4);
  assert.deepEqual(await kept(world, bus), ["q1", "own", "l5", "l6"]);
  const strict = world.sweeper({ keepMs: HOUR, bytesMax: 0.75 * MIB });
  assert.equal(await strict.sweep(), 1);
  assert.deepEqual(await kept(world, bus), ["q1", "own", "l6"], "an even part for each of three");
  await bus.close();
}

async function showAge(world: BusWorld): Promise<void> {
  const bus = world.bus();
  const sweeper = world.sweeper({ keepMs: HOUR, bytesMax: MIB });
  await world.put(bus, { id: "old" });
  world.clock.advance(HOUR / 2);
  await world.put(bus, { id: "young" });
  assert.equal(await sweeper.sweep(), 0);
  world.clock.advance(HOUR / 2 + 1_000);
  assert.equal(await sweeper.sweep(), 1);
  assert.deepEqual(await kept(world, bus), ["young"]);
  await bus.close();
}

/** Whatever it takes. */
async function showWaiting(world: BusWorld): Promise<void> {
  world.holdBackMs = (id) => (id === world.functionId ? 1_000 : undefined);
  let isAway = false;
  const bus = world.bus((name, pass) =>
    isAway && name === "fanOut" ? Promise.reject(away()) : pass(),
  );
  await bus.start();
  await world.rule(bus, "full", { type: ["order.placed"] });
  await putLarge(world, bus, ["held"]);
  await world.calm();
  isAway = true;
  await putLarge(world, bus, ["waits"]);
  const { accountId } = world;
  await bus.removeRule({ accountId, app: "shop", name: "full", ifVersion: null });
  await bus.close();
  await putLarge(world, bus, ["a", "b", "c", "d", "e"]);
  const sweeper = world.sweeper({ keepMs: HOUR, bytesMax: MIB });
  assert.equal(await sweeper.sweep(), 1);
  assert.deepEqual(await kept(world, bus), ["held", "waits", "b", "c", "d", "e"]);
}

onBothStores("what the bus keeps", {
  "the oldest go when all take more than the size, also of several platforms": showSize,
  "an app that puts too many loses its own, and others theirs only beyond an even part": showShares,
  "events go when they are old": showAge,
  "what waits for its rules or is held stays": showWaiting,
});
