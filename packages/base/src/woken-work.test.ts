import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { WokenWork } from "./woken-work.ts";

const REST_MS = 1_000;

/** Work that is under way until it is let go, and counts what was asked of it. */
class SlowWork {
  begun = 0;
  rested = 0;
  readonly clock = new HandClock();
  readonly woken = new WokenWork(this.clock, {
    work: () => {
      this.begun += 1;
      return new Promise((resolve) => {
        this.#finish = resolve;
      });
    },
    rest: () => {
      this.rested += 1;
      this.woken.after(REST_MS);
    },
  });
  #finish: () => void = () => undefined;

  async finish(): Promise<void> {
    this.#finish();
    await settled();
  }
}

/** Resolves when all that follows from what is settled has run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("woken while it is under way, it is done once more, however often: no two run at once", async () => {
  const slow = new SlowWork();
  assert.equal(slow.woken.isRunning, false);
  for (let i = 0; i < 3; i += 1) slow.woken.wake();
  assert.deepEqual([slow.begun, slow.woken.isRunning], [1, true]);
  await slow.finish();
  assert.deepEqual([slow.begun, slow.rested], [2, 0]);
  await slow.finish();
  assert.deepEqual([slow.begun, slow.rested, slow.woken.isRunning], [2, 1, false]);
});

test("the work itself may say that there is more", async () => {
  let left = 3;
  const woken: WokenWork = new WokenWork(new HandClock(), {
    work: async () => {
      left -= 1;
      if (left > 0) woken.wake();
      await settled();
    },
  });
  woken.wake();
  assert.equal(left, 2, "it is not begun within itself");
  await woken.close();
  assert.equal(left, 2, "closed, it is not done again");
  const again: WokenWork = new WokenWork(new HandClock(), {
    work: () => {
      left -= 1;
      if (left > 0) again.wake();
      return Promise.resolve();
    },
  });
  again.wake();
  await settled();
  assert.deepEqual([left, again.isRunning], [0, false]);
});

test("it goes on by itself when its rest says so, and not twice when it is woken before", async () => {
  const slow = new SlowWork();
  slow.woken.wake();
  await slow.finish();
  slow.clock.advance(REST_MS - 1);
  assert.equal(slow.begun, 1);
  slow.clock.advance(1);
  assert.equal(slow.begun, 2);
  await slow.finish();
  slow.woken.wake();
  slow.clock.advance(10 * REST_MS);
  await slow.finish();
  assert.deepEqual([slow.begun, slow.rested], [3, 3]);
});

test("what is to come later takes the place of what was to come", async () => {
  const slow = new SlowWork();
  const called: string[] = [];
  slow.woken.after(REST_MS, () => called.push("first"));
  slow.woken.after(2 * REST_MS, () => called.push("second"));
  slow.clock.advance(10 * REST_MS);
  assert.deepEqual(called, ["second"]);
  await slow.woken.close();
});

test("closing waits for what runs, tells it, and nothing runs or rests afterwards", async () => {
  const slow = new SlowWork();
  slow.woken.wake();
  slow.woken.wake();
  let isDone = false;
  const closing = slow.woken.close().then(() => {
    isDone = true;
  });
  await settled();
  assert.deepEqual([isDone, slow.woken.isClosed], [false, true]);
  await slow.finish();
  await closing;
  slow.woken.wake();
  slow.woken.after(REST_MS);
  slow.clock.advance(10 * REST_MS);
  assert.deepEqual([slow.begun, slow.rested], [1, 0]);
});
