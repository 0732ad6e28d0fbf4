/** When the shell around the pool starts what was decided. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, seededRandom, silentLog } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { POOL_POLICY, type PoolKey } from "./blank-pool.ts";
import { Blanks } from "./blanks.ts";

const KEY: PoolKey = { runtimeBuild: "rt", rung: "process", memoryMb: 128, kind: "event" };

/** Counts what is started; nothing of it ever comes up. */
function openBlanks(): { clock: HandClock; blanks: Blanks; started: number; starting: boolean } {
  const clock = new HandClock();
  const seen = { clock, started: 0, starting: false };
  const blanks = new Blanks(
    {
      ...{ clock, log: silentLog(), ids: createIdSource({ clock, random: seededRandom(1) }) },
      start: () => {
        seen.started += 1;
        return new Promise(() => undefined);
      },
      isStarting: () => seen.starting,
    },
    POOL_POLICY,
  );
  return Object.assign(seen, { blanks });
}

test("a refill waits a moment, so that the start that wanted it goes first", () => {
  const seen = openBlanks();
  seen.blanks.warm(KEY);
  seen.clock.advance(24);
  assert.equal(seen.started, 0);
  seen.clock.advance(1);
  assert.equal(seen.started, 1);
});

test("a refill waits until the starts under way are over", () => {
  const seen = openBlanks();
  seen.starting = true;
  seen.blanks.warm(KEY);
  seen.clock.advance(300);
  assert.equal(seen.started, 0);
  seen.starting = false;
  seen.clock.advance(25);
  assert.equal(seen.started, 1);
});

test("starts without end hold a refill up for half a second", () => {
  const seen = openBlanks();
  seen.starting = true;
  seen.blanks.warm(KEY);
  seen.clock.advance(499);
  assert.equal(seen.started, 0);
  seen.clock.advance(1);
  assert.equal(seen.started, 1);
});
