import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "@skerry/testkit";
import { Working } from "./working.ts";

test("a start that works says so at once and again and again, until it has ended", () => {
  const clock = new HandClock();
  const said: string[] = [];
  const send = ({ op }: { readonly op: string }): Promise<void> => {
    said.push(op);
    return Promise.resolve();
  };
  const working = new Working({ clock, send });
  assert.deepEqual(said, []);
  working.begin();
  working.begin();
  for (let second = 0; second < 60; second += 1) clock.advance(1_000);
  assert.equal(said.length, 14);
  working.end();
  clock.advance(60_000);
  assert.equal(said.length, 14);
  assert.equal(clock.timers, 0);
});
