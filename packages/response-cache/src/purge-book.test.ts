/** What a book remembers of stages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keptAnswer } from "../test/kept.ts";
import { PurgeBook } from "./purge-book.ts";

test("a book forgets stages that are gone", () => {
  const book = new PurgeBook();
  const kept = keptAnswer({ mark: book.mark() });
  for (const stage of ["stage", "other"]) {
    book.follow(stage, [{ number: 1, all: [{ all: true }] }]);
    book.note(stage, { url: "/a" });
  }
  assert.equal(book.stages, 2);
  book.drop("other");
  assert.equal(book.stages, 1);
  assert.equal(book.isPurged(kept), true);
});

test("what was told before anything was asked for is no rule", () => {
  const book = new PurgeBook();
  book.follow("stage", [{ number: 8, all: [{ all: true }] }]);
  assert.equal(book.mark(), 0);
  const kept = keptAnswer({ mark: 0 });
  book.follow("stage", [{ number: 8, all: [{ all: true }] }]);
  assert.equal(book.isPurged(kept), false);
  book.follow("stage", [{ number: 9, all: [{ all: true }] }]);
  assert.equal(book.isPurged(kept), true);
});
