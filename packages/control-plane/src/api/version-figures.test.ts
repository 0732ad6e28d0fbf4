import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionResource, VersionFigures } from "@skerry/api-schema";
import type { RevisionId } from "@skerry/base";
import { bucketOf, emptyHistogram } from "@skerry/contracts";
import { Harness, type Problem } from "../../test/harness.ts";

const FN = "/v1/apps/shop/functions/hello";
const FIGURES = `${FN}/versions/1/figures`;

async function openPublished(): Promise<Harness> {
  const harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  await harness.send("POST", `${FN}/versions`, { body: {} });
  return harness;
}

test("a version's figures are counts, the share of errors, and percentiles within buckets", async () => {
  await using harness = await openPublished();
  const published = await harness.send<FunctionResource>("GET", FN);
  const revisionId = published.body.latest.id as RevisionId;
  const counts = [...emptyHistogram().counts];
  counts[bucketOf(80)] = 90;
  counts[bucketOf(900)] = 10;
  const duration = { counts, sumMs: 16_200 };
  const outcomes = { ok: 96, function_error: 3, timeout: 1 };
  harness.metrics.countedByRevision.push({ revisionId, outcomes, serverErrors: 2, duration });
  const window = "since=2026-01-31T09:00:00Z&until=2026-01-31T09:05:00Z";
  const { body } = await harness.send<VersionFigures>("GET", `${FIGURES}?${window}`);
  assert.deepEqual(body, {
    ...{ app: "shop", function: "hello", version: 1, revisionId },
    ...{ since: "2026-01-31T09:00:00.000Z", until: "2026-01-31T09:05:00.000Z" },
    ...{ invocations: 100, errors: 6, errorRate: 0.06, outcomes },
    // 50 of 90 between 50 and 100 ms; 5 and 9 of 10 between 500 and 1,000 ms.
    durationMs: { mean: 162, p50: 50 + (50 * 50) / 90, p95: 750, p99: 950 },
  });
});

test("without invocations there is no rate and no percentile, and the window is the last hour", async () => {
  await using harness = await openPublished();
  const { body } = await harness.send<VersionFigures>("GET", FIGURES);
  assert.deepEqual([body.invocations, body.errors, body.errorRate], [0, 0, null]);
  assert.deepEqual(body.durationMs, { mean: null, p50: null, p95: null, p99: null });
  assert.equal(Date.parse(body.until) - Date.parse(body.since), 3_600_000);
  for (const [path, reason] of [
    [`${FN}/versions/2/figures`, "VERSION_NOT_FOUND"],
    [`${FIGURES}?since=2026-01-31T09:00:00Z&until=2026-01-31T08:00:00Z`, "INPUT_INVALID"],
    [`${FIGURES}?since=yesterday`, "INPUT_INVALID"],
  ] as const) {
    const { body: refused } = await harness.send<Problem>("GET", path);
    assert.equal(refused.error.reason, reason, path);
  }
});
