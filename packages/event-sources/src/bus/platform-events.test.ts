/** What docs/bus.md says of the platform's events is what the code has. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PLATFORM_EVENTS } from "./platform-events.ts";

test("every event that the platform tells stands in the documents, and no other", () => {
  const text = readFileSync(new URL("../../../../docs/bus.md", import.meta.url), "utf8");
  const rows = text.split("\n").filter((line) => line.startsWith("| `skerry."));
  const known = Object.entries(PLATFORM_EVENTS).map(
    ([type, { when, data }]) => `| \`${type}\` | ${when} | ${data} |`,
  );
  assert.deepEqual(rows, known);
});
