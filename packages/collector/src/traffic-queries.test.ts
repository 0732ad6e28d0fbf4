import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { bytesOf, collectAll, World } from "../test/world.ts";
import { storeModule } from "./store-module.ts";
import { TrafficQueriesOfRecords } from "./traffic-queries.ts";

const WINDOW_MS = 60_000;

test("traffic tells calls, errors, cold starts, quantiles and bills of the window, by function", async (t) => {
  const world = await World.open(t);
  const other = world.ids.id("fn");
  const writer = world.writer("meter", "w");
  const nowMs = world.clock.wallMs();
  const startWallMs = nowMs - WINDOW_MS;
  const ok = Array.from({ length: 18 }, (_, i) =>
    world.record({ startWallMs: startWallMs + 1, handlerUs: (i + 1) * 1_000, billedUs: 2_000 }),
  );
  writer.append(
    bytesOf(
      ...ok,
      world.record({ startWallMs: nowMs, outcome: "timeout", handlerUs: 19_000, billedUs: 500 }),
      world.record({
        startWallMs: nowMs,
        coldReason: "all_slots_busy",
        initUs: 5_000,
        handlerUs: 15_000,
      }),
      world.record({ startWallMs: startWallMs - 1, handlerUs: 900_000 }),
      world.record({ functionId: other, startWallMs: nowMs }),
    ),
  );
  await collectAll(world.collector());
  const traffic = new TrafficQueriesOfRecords({ store: world.store, clock: world.clock });
  const { windowMs, functions } = await traffic.traffic({ windowMs: WINDOW_MS });
  assert.equal(windowMs, WINDOW_MS);
  assert.deepEqual(functions.map(({ functionId }) => functionId).sort(), [
    ...[world.functionId, other].sort(),
  ]);
  const own = functions.find(({ functionId }) => functionId === world.functionId);
  const { calls, errors, cold, p50Ms, p95Ms, billedMs, series = [] } = own ?? {};
  assert.deepEqual({ calls, errors, cold, p50Ms, p95Ms }, expected());
  assert.equal(billedMs, 18 * 2 + 0.5 + Number(world.record().billedUs ?? 0) / 1_000);
  assert.deepEqual([series.length, series[0], series.at(-1)], [30, 18, 2]);
});

/** The end-to-end times are 1 to 20 ms. */
function expected(): object {
  return { calls: 20, errors: 1, cold: 1, p50Ms: 10, p95Ms: 19 };
}

test("with more records than are looked at the window shrinks to what they cover", async (t) => {
  const world = await World.open(t);
  const writer = world.writer("meter", "w");
  const wallMs = world.clock.wallMs();
  const agesMs = [100, 200, 300, 400, 50_000];
  writer.append(bytesOf(...agesMs.map((ms) => world.record({ startWallMs: wallMs - ms }))));
  await collectAll(world.collector());
  const look = { wallMs, windowMs: WINDOW_MS, recordsMax: 4 };
  const { windowMs, functions } = await world.store.call(storeModule, "traffic", look);
  assert.equal(windowMs, 400);
  assert.equal(functions[0]?.calls, 4);
});

test("who looks at the same time is answered from one look; a failed one is not kept", async () => {
  const clock = new HandClock();
  let looks = 0;
  let isDown = false;
  const call = (): Promise<never> => {
    looks += 1;
    if (isDown) return Promise.reject(new TypeError("the store is away"));
    return Promise.resolve({ windowMs: WINDOW_MS, functions: [] } as never);
  };
  const traffic = new TrafficQueriesOfRecords({ store: { call }, clock });
  const look = (windowMs = WINDOW_MS): Promise<unknown> => traffic.traffic({ windowMs });
  await Promise.all([look(), look()]);
  assert.equal(looks, 1);
  await look(5_000);
  assert.equal(looks, 2, "another window is another look");
  await look();
  clock.advance(400);
  isDown = true;
  await assert.rejects(look());
  isDown = false;
  await look();
  assert.equal(looks, 5);
});
