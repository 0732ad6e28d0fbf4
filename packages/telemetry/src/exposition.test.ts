import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyHistogram, HISTOGRAM_BOUNDS_MS, type Histogram } from "@skerry/contracts";
import { renderExposition } from "./exposition.ts";

test("counters and gauges are written with help, type and escaped labels", () => {
  const page = renderExposition([
    {
      ...{ name: "calls_total", type: "counter", help: "Calls\\ of\nall." },
      samples: [
        { labels: {}, value: 3 },
        { labels: { app: 'a"b\\c\nd', function: "é" }, value: 0.5 },
      ],
    },
  ]);
  assert.equal(
    page,
    "# HELP skerry_calls_total Calls\\\\ of\\nall.\n# TYPE skerry_calls_total counter\n" +
      'skerry_calls_total 3\nskerry_calls_total{app="a\\"b\\\\c\\nd",function="é"} 0.5\n',
  );
});

test("buckets are cumulative, in seconds, and end with everything", () => {
  const counts = [...emptyHistogram().counts];
  counts[0] = 2;
  counts[3] = 1;
  counts[HISTOGRAM_BOUNDS_MS.length] = 4;
  const histogram: Histogram = { counts, sumMs: 1_500 };
  const name = "wait_seconds";
  const page = renderExposition([
    { name, type: "histogram", help: "h", samples: [{ labels: { app: "a" }, histogram }] },
  ]);
  const lines = page.split("\n").slice(2, -1);
  assert.equal(lines.length, HISTOGRAM_BOUNDS_MS.length + 3);
  assert.equal(lines[0], 'skerry_wait_seconds_bucket{app="a",le="0.00025"} 2');
  assert.equal(lines[3], 'skerry_wait_seconds_bucket{app="a",le="0.0025"} 3');
  assert.equal(lines.at(-3), 'skerry_wait_seconds_bucket{app="a",le="+Inf"} 7');
  assert.equal(lines.at(-2), 'skerry_wait_seconds_sum{app="a"} 1.5');
  assert.equal(lines.at(-1), 'skerry_wait_seconds_count{app="a"} 7');
});

test("a family without samples is left out, and odd numbers are written as the format has them", () => {
  const samples = [Number.NaN, Infinity, -Infinity].map((value) => ({ labels: {}, value }));
  const page = renderExposition([
    { name: "none", type: "gauge", help: "h", samples: [] },
    { name: "odd", type: "gauge", help: "h", samples },
  ]);
  assert.doesNotMatch(page, /none/);
  assert.match(page, /odd NaN\nskerry_odd \+Inf\nskerry_odd -Inf\n$/);
});
