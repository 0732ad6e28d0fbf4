/** One rate for many names, however many there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { RateLimit } from "./rate-limit.ts";

test("a name that was refused is not given its burst anew by a flood of others", () => {
  const clock = new HandClock();
  const limit = new RateLimit(clock, { perSecond: 1, burst: 2, namesMax: 3 });
  assert.deepEqual([limit.take("a"), limit.take("a"), limit.take("a")], [0, 0, 1_000]);
  for (let i = 0; i < 50; i++) limit.take(`other ${i}`);
  assert.equal(limit.take("a"), 1_000);
  clock.advance(1_000);
  assert.equal(limit.take("a"), 0);
});
