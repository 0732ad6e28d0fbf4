import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { sweepDaily } from "./runtime-sweeps.ts";

const DAY_MS = 86_400_000;

for (const [who, alone, atOnce] of [
  ["an agent that starts alone sweeps runtimes at once, and every day", true, 1],
  ["an agent that starts beside another sweeps none while that one drains, but later", false, 0],
] as const) {
  test(who, () => {
    const clock = new HandClock();
    let sweeps = 0;
    const cancel = sweepDaily(clock, { alone, sweep: () => (sweeps += 1) });
    assert.equal(sweeps, atOnce);
    clock.advance(DAY_MS - 1);
    assert.equal(sweeps, atOnce);
    clock.advance(1);
    clock.advance(DAY_MS);
    assert.equal(sweeps, atOnce + 2);
    cancel();
    clock.advance(DAY_MS);
    assert.equal(sweeps, atOnce + 2);
    assert.equal(clock.timers, 0);
  });
}
