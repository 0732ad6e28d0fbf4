/** Ticks that a timer leaves out are told of once, and only where a rule hears of it. */
import assert from "node:assert/strict";
import { onBothStores, type BusWorld } from "../../test/bus-world.ts";
import { MINUTE, TimerWorld } from "../../test/timer-world.ts";
import { storeModule } from "../store-module.ts";

async function showMissed(world: BusWorld): Promise<void> {
  const { store, clock } = world;
  const timers = new TimerWorld(store, clock);
  const { accountId, functionId } = timers;
  const bus = world.bus();
  const timer = await timers.put("daily", { missed: "skip" });
  let seenMs = timer.nextMs ?? 0;
  const skip = async (skipped: number) => {
    const seen = { version: timer.version, nextMs: seenMs };
    const advance = { id: timer.id, seen, nextMs: seenMs + MINUTE, last: null, skipped };
    const items = [{ advance, invocations: [] }];
    return await store.call(storeModule, "tickTimers", { items, slot: 0, nowMs: clock.wallMs() });
  };
  await skip(2);
  seenMs += MINUTE;
  await bus.putRule({
    ...{ accountId, app: "shop", name: "heard", ifVersion: null, functionId },
    request: {
      pattern: { type: ["skerry.timer.missed.v1"] },
      enabled: true,
      function: "work",
      eventFormat: "cloudevents",
    },
  });
  assert.deepEqual(await skip(3), ["ticked"]);
  assert.deepEqual(await skip(3), ["overtaken"], "another platform was faster");
  seenMs += MINUTE;
  await skip(0);
  const query = { limit: 10, from: "earliest" };
  const { items } = await bus.listEvents({ accountId, query });
  assert.deepEqual(
    items.map(({ event }) => [event["type"], event["subject"], event["data"]]),
    [
      [
        ...["skerry.timer.missed.v1", "shop/daily"],
        { app: "shop", function: "work", timer: "daily", skipped: 3 },
      ],
    ],
  );
}

onBothStores("missed ticks on the bus", {
  "those that a timer leaves out are told of once, where a rule hears of it": showMissed,
});
