import assert from "node:assert/strict";
import { test } from "node:test";
import { projectManifest } from "@skerry/api-schema";
import { envNameOf, flagOf } from "@skerry/contracts";
import { functionConfig, platformConfig } from "@skerry/contracts/schemas";
import { readConfigReference, renderConfigReference } from "./config.ts";

test("docs/reference/config.md says what the schemas say; `npm run docs` brings it up to date", () => {
  assert.equal(readConfigReference(), renderConfigReference());
});

test("every key is on the page with its flag, its environment name and its default", () => {
  const page = renderConfigReference();
  for (const key of Object.keys(functionConfig.shape)) assert.ok(page.includes(`| \`${key}\` |`));
  for (const key of Object.keys(platformConfig.shape))
    assert.ok(page.includes(`| \`${key}\` | \`${flagOf(key)}\` | \`${envNameOf(key)}\` |`), key);
  for (const key of Object.keys(projectManifest.shape)) assert.ok(page.includes(`| \`${key}`), key);
  assert.match(page, /`memoryMb` \| 64 – 10240 \| `128`/);
  assert.match(page, /`provisionedSchedules` \| a list of: `instances` 1 – \d+, `cron` text/);
  assert.doesNotMatch(page, /undefined|null|NaN/);
});
