import assert from "node:assert/strict";
import { test } from "node:test";
import { BoundedQueue } from "./bounded-queue.ts";

test("a full queue refuses instead of growing, and order is kept through many turns", () => {
  const queue = new BoundedQueue<number>(3);
  let next = 0;
  let expected = 0;
  for (let turn = 0; turn < 5_000; turn += 1) {
    while (queue.push(next)) next += 1;
    assert.equal(queue.length, 3);
    assert.equal(queue.peek(), expected);
    assert.equal(queue.shift(), expected);
    expected += 1;
  }
  assert.deepEqual([...queue], [expected, expected + 1]);
});

test("remove takes the first match out and leaves the rest in order", () => {
  const queue = new BoundedQueue<number>(10);
  for (const n of [1, 2, 3, 4]) queue.push(n);
  queue.shift();
  assert.equal(
    queue.remove((n) => n === 3),
    3,
  );
  assert.equal(
    queue.remove((n) => n === 9),
    undefined,
  );
  assert.deepEqual([...queue], [2, 4]);
  assert.equal(new BoundedQueue(1).shift(), undefined);
});
