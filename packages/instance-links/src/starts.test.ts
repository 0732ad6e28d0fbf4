import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, InstanceId, RevisionId } from "@skerry/base";
import { StartBook } from "./starts.ts";

const REV = "rev_1" as RevisionId;
const ONE = "inst_1" as InstanceId;
const TWO = "inst_2" as InstanceId;

/** A clock whose scheduled calls run when the test says so. */
function handClock(): { readonly clock: Clock; expire(): void } {
  const waiting = new Set<() => void>();
  const clock: Clock = {
    monotonicMs: () => 0,
    wallMs: () => 0,
    schedule(_delayMs, run) {
      waiting.add(run);
      return () => void waiting.delete(run);
    },
  };
  return { clock, expire: () => [...waiting].forEach((run) => run()) };
}

test("a start is settled once, whether its link or its reply comes first", () => {
  const { clock, expire } = handClock();
  const book = new StartBook(clock);
  let lost = 0;
  const onLost = (): void => void (lost += 1);
  book.asked(REV);
  assert.equal(book.linkArrived(ONE, REV), true);
  book.confirmed(ONE, REV, onLost);
  book.asked(REV);
  book.confirmed(TWO, REV, onLost);
  assert.equal(book.linkArrived(TWO, REV), true);
  expire();
  assert.equal(lost, 0);
  assert.equal(book.linkArrived("inst_3" as InstanceId, REV), false);
  assert.equal(book.refused(REV), false);
});

test("a confirmed start whose link does not come is given up", () => {
  const { clock, expire } = handClock();
  const book = new StartBook(clock);
  let lost = 0;
  book.asked(REV);
  book.confirmed(ONE, REV, () => void (lost += 1));
  assert.equal(book.refused(REV), false);
  expire();
  assert.equal(lost, 1);
  assert.equal(book.linkArrived(ONE, REV), false);
});

test("an agent that dies after the link came and before it replied does not settle twice", () => {
  const book = new StartBook(handClock().clock);
  book.asked(REV);
  assert.equal(book.linkArrived(ONE, REV), true);
  assert.equal(book.refused(REV), false);
  book.asked(REV);
  assert.equal(book.refused(REV), true);
});
