/** The README's tour works as it is printed, against a platform that was just started. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { startPlatform } from "@skerry/testkit";
import { fencesOf, paste } from "./documents.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const TIMEOUT = { timeout: 180_000 };

test("the README's tour runs as it is printed", TIMEOUT, async () => {
  const [tour] = fencesOf(README, "sh tour");
  assert.ok(tour !== undefined, "the README has a tour");
  const platform = await startPlatform();
  try {
    const printed = await paste(tour, { env: platform.cliEnvironment });
    assert.match(printed, /Good morning, Ada\./);
    assert.match(printed, /START .*\n(?:.*\n)*.*asked by Ada(?:.*\n)*.*REPORT /);
    assert.match(printed, /Nothing to change/);
    assert.match(printed, /tour\/greeter/);
    const apps = await platform.client.listApps();
    const params = { app: "tour" };
    const left = apps.items.some(({ name }) => name === "tour")
      ? (await platform.client.listFunctions({ params })).items
      : [];
    assert.deepEqual(left, [], "the tour cleans up after itself");
  } finally {
    await platform.stop();
  }
});

test("a tour with a command that fails is noticed (negative control)", TIMEOUT, async () => {
  await assert.rejects(paste("npx skerry no-such-command\n", { env: {} }));
});
