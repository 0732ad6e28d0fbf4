import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS, QUOTA_NAMES, quotasOf } from "@skerry/contracts";
import { readLimitsPage, renderLimitsPage } from "./limits.ts";

test("docs/limits.md has the limits of the code; `npm run docs` brings it up to date", () => {
  const page = readLimitsPage();
  assert.equal(page, renderLimitsPage(page));
});

test("every limit and every quota is on the page, once, with its value", () => {
  const page = renderLimitsPage(readLimitsPage());
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  for (const name of [...Object.keys(LIMITS), ...QUOTA_NAMES, "logKbPerMinute"]) {
    const own = rows.filter((row) => row.startsWith(`| \`${name}\` |`));
    assert.ok(own.length >= 1, name);
  }
  const defaults = quotasOf({});
  for (const name of QUOTA_NAMES) {
    assert.ok(page.includes(`| ${defaults[name] ?? "none"} |`), name);
  }
  assert.match(page, /^\| `payloadBytesMax` \| 6 MiB \| Buffered request body/m);
  assert.doesNotMatch(page, /undefined|NaN/);
});

test("a page with another value is noticed", () => {
  const page = readLimitsPage().replace("| 6 MiB |", "| 7 MiB |");
  assert.notEqual(page, renderLimitsPage(page));
});
