import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { RefusalLog } from "./refusal-log.ts";

test("refusals are said a few at a time; the others are counted and said at the end of the while", () => {
  const clock = new HandClock();
  const lines: Record<string, unknown>[] = [];
  const log = createLog((_, message, fields) => void lines.push({ message, ...fields }));
  const refusals = new RefusalLog({ clock, log });
  const names = { function: "shop/hello", functionId: "fn_1", requestId: undefined };
  const words = { ...names, instanceId: "inst_1", by: "web", target: "x.test:22" } as const;
  const [flooding, calm] = [{}, {}];
  for (let i = 0; i < 100_000; i += 1) refusals.say(flooding, words, "EGRESS_PORT_FORBIDDEN");
  for (let i = 0; i < 5; i += 1) refusals.say(flooding, words, "TUNNELS_EXHAUSTED");
  refusals.say(calm, { ...words, instanceId: "inst_2" }, "EGRESS_OFF");
  assert.equal(lines.length, 21, "20 of the one, and the other's own");
  clock.advance(10_000);
  assert.equal(lines.length, 22);
  const { errors, refused, instanceId } = lines.at(-1) ?? {};
  assert.deepEqual(errors, { EGRESS_PORT_FORBIDDEN: 99_980, TUNNELS_EXHAUSTED: 5 });
  assert.deepEqual([refused, instanceId], [99_985, "inst_1"]);
  refusals.say(flooding, words, "EGRESS_PORT_FORBIDDEN");
  assert.equal(lines.length, 23, "a new while begins");
  clock.advance(60_000);
  assert.equal(lines.length, 23, "and says nothing when nothing was left out");
});
