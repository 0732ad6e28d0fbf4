/** What is a CloudEvent, and what is too much of one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@skerry/contracts";
import { eventBytes, readCloudEvent } from "./cloud-event.ts";

const STEAD = { id: "fresh", timeMs: 0 };
const LEAST = { type: "order.placed", source: "/shop" };

function problemsOf(value: unknown): string {
  const read = readCloudEvent(value, STEAD);
  return read.ok ? "" : read.problems.join(" · ");
}

test("what an event does not say is said for it, and the rest stays", () => {
  const read = readCloudEvent({ ...LEAST, data: { a: [1, null] }, tenant: "x", n: 5 }, STEAD);
  assert.ok(read.ok);
  assert.deepEqual(JSON.parse(Buffer.from(eventBytes(read.event)).toString()), {
    ...{ specversion: "1.0", id: "fresh", source: "/shop", type: "order.placed" },
    ...{ time: "1970-01-01T00:00:00.000Z", data: { a: [1, null] }, tenant: "x", n: 5 },
  });
});

test("an attribute that is null is not set, and data that is null is", () => {
  const read = readCloudEvent({ ...LEAST, subject: null, time: null, data: null }, STEAD);
  assert.ok(read.ok);
  assert.ok(!("subject" in read.event) && read.event["data"] === null);
  assert.equal(read.event.time, "1970-01-01T00:00:00.000Z");
});

const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ["no object", "x", /must be an object/],
  ["no source", { type: "a" }, /source: must be text/],
  ["no type", { source: "/a" }, /type: must be text/],
  ["an empty id", { ...LEAST, id: "" }, /id: must be text/],
  ["another version", { ...LEAST, specversion: "0.3" }, /specversion/],
  ["a source with blanks", { ...LEAST, source: "a b" }, /URI reference/],
  ["a time that is none", { ...LEAST, time: "yesterday" }, /RFC 3339/],
  ["a time that never was", { ...LEAST, time: "2026-02-31T25:00:00Z" }, /RFC 3339/],
  ["an attribute in capitals", { ...LEAST, traceParent: "x" }, /lower-case/],
  ["an attribute that is an object", { ...LEAST, more: {} }, /belongs into data/],
  ["an attribute that is a fraction", { ...LEAST, n: 0.5 }, /32-bit integer/],
  ["control characters", { ...LEAST, subject: "a\u0000b" }, /control characters/],
  ["half a character", { ...LEAST, subject: "\ud800" }, /control characters/],
  ["a long attribute", { ...LEAST, subject: "x".repeat(1_025) }, /longer than 1024/],
  ["data twice", { ...LEAST, data: 1, data_base64: "eA==" }, /stands beside data/],
  ["what is no base64", { ...LEAST, data_base64: "%" }, /base64/],
  ["the platform's type", { ...LEAST, type: "skerry.function.deployed.v1" }, /platform's own/],
  ["the platform's source", { ...LEAST, source: "/skerry/apps/a" }, /platform's own/],
  ["the platform's source itself", { ...LEAST, source: "/skerry" }, /platform's own/],
  ["a large one", { ...LEAST, data: "x".repeat(LIMITS.eventBytesMax) }, /more than 262144/],
  ["many values", { ...LEAST, data: Array(10_001).fill(0) }, /more than 10000 values/],
];
for (const [title, value, why] of REFUSED) {
  test(`an event is refused: ${title}`, () => {
    assert.match(problemsOf(value), why);
  });
}

test("an event that is hostile is refused, and soon", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 200_000; i += 1) deep = [deep];
  assert.match(problemsOf({ ...LEAST, data: deep }), /deeper than 64/);
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`a${i}`, 1]));
  assert.match(problemsOf({ ...LEAST, ...wide }), /more than 50 attributes/);
  assert.match(problemsOf({ ...LEAST, data: [wide, wide] }), /more than 10000 values/);
  const named = JSON.parse(`{"type":"a","source":"/b","__proto__":"x"}`) as unknown;
  assert.match(problemsOf(named), /__proto__: an attribute's name/);
  assert.equal(problemsOf({ ...LEAST, data: Array(9_000).fill([]) }), "", "the control: it fits");
});
