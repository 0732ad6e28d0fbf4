import assert from "node:assert/strict";
import { test } from "node:test";
import { readAcceptHeaders } from "./accept-headers.ts";

const NOON = Date.UTC(2026, 10, 21, 12);

for (const time of ["1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00+14:00"]) {
  test(`a time that no clock of ours shows, ${time}, spoils nothing that leaves with it`, () => {
    const { due = -1 } = readAcceptHeaders({ "x-skerry-not-before": time }, NOON);
    assert.ok(Number.isSafeInteger(due) && due >= 0, "as the wire has it");
  });
}

test("a fraction of a second is told in whole milliseconds", () => {
  const said = { "x-skerry-not-before": "2026-11-21T12:00:00.123456789Z" };
  assert.deepEqual(readAcceptHeaders(said, NOON), { due: NOON + 123 });
});
