import assert from "node:assert/strict";
import { test } from "node:test";
import { nextWork, type Redrive, type RedriveBounds } from "./decide.ts";
import { countedLetters, lettersAtOnce, newLetterRedrive, tookLetters } from "./letters.ts";

const ALL: RedriveBounds = { limit: null, ratePerSecond: null, dryRun: false };

function begun(bounds: RedriveBounds, count = 100): Redrive {
  const fresh = newLetterRedrive({ fromMs: 5 });
  assert.deepEqual(nextWork(fresh, bounds, 0).kind, "count");
  return countedLetters(fresh, bounds, { count, fromMs: 7, toMs: 20 });
}

test("letters that are counted are taken from the oldest to the newest that was there", () => {
  const one = begun(ALL);
  const work = nextWork(one, ALL, 0);
  assert.deepEqual(work, { kind: "look", functionId: null, fromSeq: 7, toSeq: 20 });
  const more = tookLetters(one, ALL, { taken: 16, isMore: true, nowMs: 0 });
  assert.deepEqual([more.state, more.redriven], ["running", 16]);
  const { state, redriven, skipped } = tookLetters(more, ALL, {
    taken: 80,
    isMore: false,
    nowMs: 0,
  });
  assert.deepEqual([state, redriven, skipped], ["done", 96, 4], "four were gone");
});

test("a dry run and one that finds nothing end with counting", () => {
  assert.equal(begun({ ...ALL, dryRun: true }).state, "done");
  assert.equal(begun(ALL, 0).state, "done");
  assert.equal(begun(ALL).state, "running", "the control");
});

test("a rate spreads letters out, and a limit ends them", () => {
  const slow = { ...ALL, ratePerSecond: 0.5 };
  const one = begun(slow);
  assert.equal(lettersAtOnce(one, slow), 1);
  const took = tookLetters(one, slow, { taken: 1, isMore: true, nowMs: 1_000 });
  assert.deepEqual(nextWork(took, slow, 1_001), { kind: "wait", untilMs: 3_000 });
  const quick = { ...ALL, ratePerSecond: 20 };
  assert.equal(lettersAtOnce(begun(quick), quick), 11);
  const few = { ...ALL, limit: 3 };
  assert.equal(lettersAtOnce(begun(few), few), 3);
  const two = tookLetters(begun(few), few, { taken: 2, isMore: true, nowMs: 0 });
  assert.deepEqual([two.state, lettersAtOnce(two, few)], ["running", 1]);
  assert.equal(tookLetters(two, few, { taken: 1, isMore: true, nowMs: 0 }).state, "done");
  const held = tookLetters(begun(slow), slow, { taken: 0, isMore: true, nowMs: 1_000 });
  assert.equal(nextWork(held, slow, 1_001).kind, "look", "what took nothing waits for nothing");
});
