import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, type Clock } from "@skerry/base";
import { DeadlineQueue, type Due } from "./deadlines.ts";

class Item implements Due {
  readonly name: number;
  dueMs = 0;
  dueIn: Due["dueIn"];
  dueBefore: Due | undefined;
  dueAfter: Due | undefined;

  constructor(name: number) {
    this.name = name;
  }
}

test("what was not taken out is due in order, at its time, and only once", () => {
  const random = seededRandom(11);
  let now = 0;
  let timer: { readonly atMs: number; readonly run: () => void } | undefined;
  const clock: Clock = {
    monotonicMs: () => now,
    wallMs: () => now,
    schedule(delayMs, run) {
      assert.equal(timer, undefined, "one timer serves all");
      timer = { atMs: now + delayMs, run };
      return () => undefined;
    },
  };
  const due: { readonly name: number; readonly atMs: number }[] = [];
  const queue = new DeadlineQueue<Item>(clock, 100, (item) => {
    due.push({ name: item.name, atMs: now });
  });
  const other = new DeadlineQueue<Item>({ ...clock, schedule: () => () => undefined }, 1, () => {
    assert.fail("nothing was put here");
  });
  const added = new Map<number, number>();
  const items: Item[] = [];
  for (let step = 0; step < 3_000; step += 1) {
    now += random.float() * 5;
    while (timer !== undefined && timer.atMs <= now) {
      const { run } = timer;
      timer = undefined;
      run();
    }
    const item = new Item(step);
    items.push(item);
    added.set(step, now);
    queue.add(item, now);
    const gone = items[Math.floor(random.float() * items.length)];
    if (gone === undefined || due.some(({ name }) => name === gone.name)) continue;
    other.delete(gone);
    queue.delete(gone);
    queue.delete(gone);
    added.delete(gone.name);
  }
  now += 200;
  timer?.run();
  assert.deepEqual(
    due.map(({ name }) => name),
    [...added.keys()],
  );
  for (const { name, atMs } of due) assert.ok(atMs >= (added.get(name) ?? Infinity) + 100);
});
