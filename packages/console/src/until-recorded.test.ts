import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock, until } from "@skerry/testkit";
import { untilRecorded } from "./until-recorded.ts";

const MINUTE_MS = 60_000;

test("a record that comes after minutes is found, and nobody is asked all the time", async () => {
  const clock = new HandClock();
  const { signal } = new AbortController();
  let looks = 0;
  const look = async (): Promise<string> => {
    looks += 1;
    if (clock.monotonicMs() < 2 * MINUTE_MS) throw new TypeError("not yet");
    return "the record";
  };
  const found = untilRecorded(look, { clock, signal });
  while (clock.monotonicMs() < 2 * MINUTE_MS) {
    await until("it waits for its next look", () => clock.timers === 1, { everyMs: 0 });
    clock.advance(clock.nextInMs ?? 0);
  }
  assert.equal(await found, "the record");
  assert.ok(looks < 40, `${looks} looks`);
});

test("whoever leaves ends it", async () => {
  const clock = new HandClock();
  const stop = new AbortController();
  const look = (): Promise<never> => Promise.reject(new TypeError("not yet"));
  const left = untilRecorded(look, { clock, signal: stop.signal });
  stop.abort(new TypeError("left"));
  await assert.rejects(left, { message: "left" });
  assert.equal(clock.timers, 0);
});
