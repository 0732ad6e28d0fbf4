/**
 * Node's spec reporter without its summary: a test run has phases, and the caller prints one
 * summary for all. This phase's counts, and how long each file took, go to the file that
 * SKERRY_TEST_TOTALS names. Runs in the pinned Node.
 */
import { writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { spec } from "node:test/reporters";

const COUNTS = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

async function* withoutSummary(events) {
  const totals = {};
  const files = [];
  for await (const event of events) {
    const [, name, value] =
      event.type === "test:diagnostic" && event.data.nesting === 0
        ? (COUNTS.exec(event.data.message) ?? [])
        : [];
    const { file, duration_ms: durationMs } = event.data;
    if (event.type === "test:summary" && file !== undefined)
      files.push({ file, seconds: durationMs / 1_000 });
    // Only the run's own summary has no file.
    if (name !== undefined && event.data.file === undefined) totals[name] = Number(value);
    else yield event;
  }
  const path = process.env.SKERRY_TEST_TOTALS;
  if (path !== undefined) writeFileSync(path, JSON.stringify({ totals, files }));
}

/** @public Node's test runner loads it by path. */
export default async function* report(events) {
  yield* Readable.from(withoutSummary(events)).compose(new spec());
}
