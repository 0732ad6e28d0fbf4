import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { plainArtefact, scratch, startInstance } from "../test/harness.ts";
import { Tidy } from "./tidy.ts";

const MB = 1 << 20;

function setUp() {
  const clock = new HandClock();
  let heldUpMs = 0;
  const held: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: (ms, run) => clock.schedule(ms + heldUpMs, run),
  };
  const seen = { collections: 0, usedBytes: 8 * MB, physicalBytes: 10 * MB, isBusy: false };
  const tidy = new Tidy({
    clock: held,
    isBusy: () => seen.isBusy,
    heap: () => seen,
    collect: () => {
      seen.collections += 1;
      seen.physicalBytes = 11 * MB;
    },
  });
  /** Timers that are set from now on run so much later than they are due. */
  const hold = (ms: number): void => void (heldUpMs = ms);
  return { clock, seen, tidy, hold };
}

test("what loading left is collected before the first rest, and what calls leave later", () => {
  const { clock, seen, tidy } = setUp();
  tidy.noteWork();
  seen.physicalBytes = 20 * MB;
  clock.advance(599);
  assert.equal(seen.collections, 0);
  clock.advance(1);
  assert.equal(seen.collections, 1);
  assert.equal(clock.timers, 0, "an idle instance waits for nothing");
  tidy.noteWork();
  seen.physicalBytes = 12 * MB;
  clock.advance(10_000);
  assert.equal(seen.collections, 1, "less than 2 MB more than after the last one");
  tidy.noteWork();
  seen.physicalBytes = 13 * MB;
  clock.advance(9_999);
  assert.equal(seen.collections, 1, "whoever is called again soon forgets nothing");
  clock.advance(1);
  assert.equal(seen.collections, 2);
  assert.equal(clock.timers, 0);
});

test("what is called every few seconds is not collected", () => {
  const { clock, seen, tidy } = setUp();
  tidy.noteWork();
  clock.advance(600);
  seen.physicalBytes = 20 * MB;
  for (let call = 0; call < 10; call += 1) {
    tidy.noteWork();
    clock.advance(9_000);
  }
  assert.equal(seen.collections, 0);
  clock.advance(1_000);
  assert.equal(seen.collections, 1);
});

test("nothing is collected while work comes or goes on", () => {
  const { clock, seen, tidy } = setUp();
  seen.physicalBytes = 20 * MB;
  for (let call = 0; call < 10; call += 1) {
    tidy.noteWork();
    assert.equal(clock.timers, 1, "one timer, however many calls");
    clock.advance(500);
  }
  seen.isBusy = true;
  clock.advance(5_000);
  assert.equal(seen.collections, 0);
  seen.isBusy = false;
  clock.advance(1_200);
  assert.equal(seen.collections, 1);
});

test("a heap that would take long is left alone", () => {
  const { clock, seen, tidy } = setUp();
  tidy.noteWork();
  seen.physicalBytes = 100 * MB;
  seen.usedBytes = 65 * MB;
  clock.advance(10_000);
  assert.equal(seen.collections, 0);
});

test("a process that was frozen meanwhile reads its request first", () => {
  const { clock, seen, tidy, hold } = setUp();
  hold(300);
  tidy.noteWork();
  hold(0);
  seen.physicalBytes = 20 * MB;
  clock.advance(900);
  assert.equal(seen.collections, 0);
  tidy.noteWork();
  clock.advance(599);
  assert.equal(seen.collections, 0, "its request was there and came first");
  clock.advance(1);
  assert.equal(seen.collections, 1);
});

test("a process that is let run in a long rest collects within a moment", () => {
  const { clock, seen, tidy, hold } = setUp();
  tidy.noteWork();
  clock.advance(600);
  seen.physicalBytes = 20 * MB;
  hold(15_000);
  tidy.noteWork();
  hold(0);
  clock.advance(25_000);
  assert.equal(seen.collections, 0);
  clock.advance(200);
  assert.equal(seen.collections, 1);
});

test("an instance collects when its work is done, with no further call", async (t) => {
  const after = (run: () => void): void => t.after(run);
  const code = plainArtefact(
    `${scratch(after)}/code`,
    `const { constants, PerformanceObserver } = require("node:perf_hooks");
    const asked = constants.NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE;
    new PerformanceObserver((list) => {
      if (list.getEntries().some(({ detail }) => detail.flags & asked)) console.log("collected");
    }).observe({ entryTypes: ["gc"] });
    exports.handler = () => Array.from({ length: 200_000 }, (_, n) => ({ n })).length;`,
  );
  const instance = await startInstance(after);
  await instance.load(code);
  assert.equal((await instance.invoke({})).json(), 200_000);
  await instance.until(() => instance.messages().includes("collected"));
});
