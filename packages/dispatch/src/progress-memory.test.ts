import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import { ids } from "../test/world.ts";
import { DISPATCH_LIMITS } from "./limits.ts";
import { ProgressMemory, type ReportOwner } from "./progress-memory.ts";

const CHARS = 4_096;
const WHOLE = DISPATCH_LIMITS.progressBytesMax;
/** More of the largest than there is room for in all. */
const MANY = Math.ceil(WHOLE / (2 * CHARS)) + 100;

function owner(accountId: AccountId = ids.id("acct"), functionId: FunctionId = ids.id("fn")) {
  return { functionId, accountId };
}

/** A report of each of so many invocations; the ids, the oldest first. */
function flood(memory: ProgressMemory, from: ReportOwner, count = MANY): readonly RequestId[] {
  return Array.from({ length: count }, (_, i) => {
    const id = ids.requestId();
    memory.put(id, { attempt: 1, atMs: i, value: "é".repeat(CHARS) }, from);
    return id;
  });
}

function keptBytes(memory: ProgressMemory, all: readonly RequestId[]): number {
  return all.reduce((sum, id) => sum + (memory.get(id)?.bytes ?? 0), 0);
}

test("a function that reports from many jobs has its part, of its newest, and pushes nobody out", () => {
  const memory = new ProgressMemory();
  const victim = owner();
  const others = [...flood(memory, victim, 5), ...flood(memory, owner(victim.accountId), 5)];
  const all = flood(memory, owner(victim.accountId));
  const share = DISPATCH_LIMITS.progressFunctionShare * WHOLE;
  const bytes = keptBytes(memory, all);
  assert.ok(bytes <= share && bytes > 0.9 * share, String(bytes));
  assert.ok(all.slice(-100).every((id) => memory.get(id) !== undefined));
  assert.ok(others.every((id) => memory.get(id) !== undefined));
  assert.equal(memory.get(all[0] as RequestId), undefined, "the control: it had to go");
});

test("an account has its part, over however many functions", () => {
  const memory = new ProgressMemory();
  const others = flood(memory, owner(), 5);
  const accountId = ids.id("acct");
  const all = Array.from({ length: 8 }, () => flood(memory, owner(accountId), MANY / 4)).flat();
  const share = DISPATCH_LIMITS.progressAccountShare * WHOLE;
  const bytes = keptBytes(memory, all);
  assert.ok(bytes <= share && bytes > 0.9 * share, String(bytes));
  assert.ok(others.every((id) => memory.get(id) !== undefined));
});

test("all together have one bound, and nothing is left of what has gone", () => {
  const memory = new ProgressMemory();
  const all = Array.from({ length: 8 }, () => flood(memory, owner(), MANY / 4)).flat();
  const bytes = keptBytes(memory, all);
  assert.ok(bytes <= WHOLE && bytes > 0.9 * WHOLE, String(bytes));
  for (const id of all) memory.delete(id);
  assert.equal(memory.size, 0);
  const again = flood(memory, { functionId: ids.id("fn"), accountId: undefined }, MANY / 8);
  assert.ok(
    again.every((id) => memory.get(id) !== undefined),
    "there is room again",
  );
});

test("of one invocation the last report counts, once", () => {
  const memory = new ProgressMemory();
  const [id, from] = [ids.requestId(), owner()];
  for (let i = 0; i < 2 * MANY; i += 1)
    assert.deepEqual(memory.put(id, { attempt: 1, atMs: i, value: "é".repeat(CHARS) }, from), []);
  assert.deepEqual([memory.size, memory.get(id)?.atMs], [1, 2 * MANY - 1]);
});
