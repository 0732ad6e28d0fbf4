import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { createDropLog } from "./drop-log.ts";

test("of any number of dropped connections two lines are said in a while, and none is uncounted", () => {
  const clock = new HandClock();
  const lines: unknown[] = [];
  const log = createLog((_, __, { dropped }) => void lines.push(dropped));
  const onDrop = createDropLog({ clock, log });
  for (let i = 0; i < 10_000; i += 1) onDrop();
  assert.deepEqual(lines, [undefined]);
  clock.advance(10_000);
  assert.deepEqual(lines, [undefined, 9_999]);
  onDrop();
  clock.advance(60_000);
  assert.deepEqual(lines, [undefined, 9_999, undefined]);
});
