import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyHistogram, OUTCOMES, type Outcome } from "@skerry/contracts";
import type { RevisionId } from "@skerry/base";
import { NO_COUNTS, versionCounts } from "./version-counts.ts";

const REVISION = "rev_1" as RevisionId;
const duration = emptyHistogram();
const took = { duration, cold: emptyHistogram() };

test("what a version failed is an error, and so is an answer of 500 or above", () => {
  const outcomes = { ok: 90, function_error: 2, timeout: 1, crashed: 1 };
  const counts = versionCounts({ revisionId: REVISION, outcomes, serverErrors: 5, ...took });
  const kinds = { "server-errors": 5, timeouts: 1, crashes: 1, memory: 0 };
  assert.deepEqual(counts, { requests: 94, errors: 9, kinds, durations: duration.counts });
});

test("what callers and limits did is neither a request nor an error of the version", () => {
  const own: readonly Outcome[] = ["ok", "function_error", "timeout", "out_of_memory"];
  const all = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 1]));
  const counts = versionCounts({ revisionId: REVISION, outcomes: all, serverErrors: 0, ...took });
  const others = ["crashed", "init_failed", "bad_response"];
  assert.equal(counts.requests, own.length + others.length);
  assert.equal(counts.errors, own.length - 1 + others.length);
  assert.ok(counts.requests < OUTCOMES.length, "some are not the version's");
});

test("what requests took that waited for a start is left out, and the requests are not", () => {
  const [all, cold] = [
    [7, 0, 3, 2],
    [0, 0, 1, 2],
  ].map((counts) => ({ counts, sumMs: 0 }));
  assert.ok(all !== undefined && cold !== undefined);
  const figures = {
    revisionId: REVISION,
    outcomes: { ok: 12 },
    serverErrors: 0,
    duration: all,
    cold,
  };
  const { requests, durations } = versionCounts(figures);
  assert.deepEqual([requests, durations], [12, [7, 0, 2, 0]]);
});

test("without figures nothing is counted", () => {
  assert.deepEqual(versionCounts(undefined), NO_COUNTS);
});
