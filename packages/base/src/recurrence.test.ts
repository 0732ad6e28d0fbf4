import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { Recurrence } from "./recurrence.ts";

const PAUSE_MS = 1_000;

/** Work that is under way until it is let go. */
class SlowWork {
  begun = 0;
  #finish: () => void = () => undefined;

  readonly run = (): Promise<void> => {
    this.begun += 1;
    return new Promise((resolve) => {
      this.#finish = resolve;
    });
  };

  async finish(): Promise<void> {
    this.#finish();
    await settled();
  }
}

/** Resolves when all that follows from what is settled has run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("begins with a pause, and pauses after each time: no two run at once", async () => {
  const [clock, work] = [new HandClock(), new SlowWork()];
  const recurrence = new Recurrence(clock, PAUSE_MS, work.run);
  recurrence.start();
  clock.advance(PAUSE_MS - 1);
  assert.equal(work.begun, 0);
  clock.advance(1);
  assert.equal(work.begun, 1);
  clock.advance(10 * PAUSE_MS);
  assert.equal(work.begun, 1, "what takes long is not overtaken");
  await work.finish();
  clock.advance(PAUSE_MS - 1);
  assert.equal(work.begun, 1);
  clock.advance(1);
  assert.equal(work.begun, 2);
});

test("closing waits for what runs, tells it, and nothing runs afterwards", async () => {
  const [clock, work] = [new HandClock(), new SlowWork()];
  const recurrence = new Recurrence(clock, PAUSE_MS, work.run);
  recurrence.start();
  clock.advance(PAUSE_MS);
  assert.equal(recurrence.isClosed, false);
  let isDone = false;
  const closing = recurrence.close().then(() => {
    isDone = true;
  });
  await settled();
  assert.deepEqual([isDone, recurrence.isClosed], [false, true]);
  await work.finish();
  await closing;
  recurrence.start();
  clock.advance(10 * PAUSE_MS);
  assert.equal(work.begun, 1);
});

test("closed in its pause, it never runs", async () => {
  const [clock, work] = [new HandClock(), new SlowWork()];
  const recurrence = new Recurrence(clock, PAUSE_MS, work.run);
  recurrence.start();
  await recurrence.close();
  clock.advance(10 * PAUSE_MS);
  assert.equal(work.begun, 0);
});
