import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "@skerry/base";
import { Backlog } from "./backlog.ts";
import { STORE_LIMITS } from "./limits.ts";

function reasonOf(enter: () => unknown): string {
  try {
    enter();
  } catch (error) {
    return PlatformError.is(error) ? error.reason : String(error);
  }
  return "entered";
}

test("arguments are bounded by their bytes, and let go when their calls are answered", () => {
  const backlog = new Backlog();
  const half = { rows: [{ payload: new Uint8Array(STORE_LIMITS.backlogBytesMax / 2) }] };
  const leave = backlog.enter(half);
  backlog.enter(half);
  assert.equal(
    reasonOf(() => backlog.enter({ text: "x" })),
    "STORE_BACKLOG_FULL",
  );
  leave();
  assert.equal(
    reasonOf(() => backlog.enter({ text: "x" })),
    "entered",
  );
});

test("a single call larger than the bound is served alone", () => {
  const backlog = new Backlog();
  const large = new Uint8Array(STORE_LIMITS.backlogBytesMax + 1);
  const leave = backlog.enter(large);
  assert.equal(
    reasonOf(() => backlog.enter(large)),
    "STORE_BACKLOG_FULL",
  );
  leave();
  assert.equal(
    reasonOf(() => backlog.enter(large)),
    "entered",
  );
});

test("a closed backlog admits nobody and waits for those inside", async () => {
  const backlog = new Backlog();
  const leave = backlog.enter({});
  let isIdle = false;
  const closing = backlog.close().then(() => {
    isIdle = true;
  });
  assert.equal(
    reasonOf(() => backlog.enter({})),
    "STORE_CLOSED",
  );
  await Promise.resolve();
  assert.equal(isIdle, false);
  leave();
  await closing;
});
