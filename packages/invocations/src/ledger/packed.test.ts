import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, FunctionId, RequestId } from "@skerry/base";
import type { NewInvocation } from "./accept.ts";
import { packInvocations } from "./packed.ts";

const NUMBERS = 6;

function invocation(more: Partial<NewInvocation>): NewInvocation {
  return {
    ...{ seq: 7, id: "one" as RequestId, accountId: "acct_1" as AccountId },
    ...{ functionId: "fn_1" as FunctionId, app: "shop", fn: "work", source: "url", sourceId: null },
    ...{ acceptedMs: 1, dueMs: 1, expiresMs: 2, orderingKey: null, idempotency: null },
    ...{ event: {}, payload: Buffer.from("1"), ...more },
  };
}

function placesOf(items: readonly NewInvocation[]): readonly (number | undefined)[] {
  const { numbers } = packInvocations(items);
  return items.map((_, at) => numbers[at * NUMBERS]);
}

test("what invocations share is told once, and nothing for shared that differs", () => {
  const like = [{}, { event: {} }, { event: { tp: "a" } }, { event: { tp: "a" } }];
  const unlike = [
    ...[{ event: { ct: "a" } }, { event: { tp: "a", ct: "a" } }, { event: { q: "a" } }],
    ...[{ fn: "other" }, { app: "other" }, { source: "timer" as const }, { sourceId: "a" }],
    ...[{ functionId: "fn_2" as FunctionId }, { event: { ac: { name: "a" } as never } }],
  ];
  const items = [...like, ...unlike, {}].map(invocation);
  assert.deepEqual(placesOf(items), [0, 0, 1, 1, ...unlike.map((_, i) => i + 2), 0]);
  const { shared } = packInvocations(items);
  assert.equal(shared.length, unlike.length + 2);
  for (const [i, place] of placesOf(items).entries()) {
    assert.deepEqual(shared[place ?? -1]?.event, items[i]?.event);
  }
});

test("numbers go on from the first that is given, and are the invocations' own else", () => {
  const items = [invocation({}), invocation({ seq: 9 })];
  const seqs = ({ numbers }: { numbers: Float64Array }) => [numbers[1], numbers[1 + NUMBERS]];
  assert.deepEqual(seqs(packInvocations(items, 40)), [40, 41]);
  assert.deepEqual(seqs(packInvocations(items)), [7, 9]);
});
