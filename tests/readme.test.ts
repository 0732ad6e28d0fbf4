/** The README's tour works as it is printed, against a platform that was just started. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startPlatform } from "@skerry/testkit";
import { fenceOf, paste, pasteWithLog } from "./documents.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
/** Go compiles its library once for this user, not once for each run. */
const GOCACHE = join(homedir(), ".cache", "go-build");
const TIMEOUT = { timeout: 600_000 };

test("the README's tour runs as it is printed, in each language", TIMEOUT, async (t) => {
  const tour = fenceOf(README, "sh tour");
  const platform = await startPlatform();
  try {
    const env = platform.cliEnvironment;
    const printed = await pasteWithLog(tour, /asked by Ada/, { env });
    assert.match(printed, /Good morning, Ada\./);
    // A line that a busy agent reads late stands behind its request's; first-use has the order.
    assert.match(printed, /START .*\n[^]*REPORT /);
    assert.match(printed, /Nothing to change/);
    assert.match(printed, /tour\/greeter/);
    await t.test("and in Python", () => expectTour("python", env));
    await t.test("and in PHP", () => expectTour("php", env));
    const skip = canBuildGo() ? false : "there is no Go here (apt-get install golang-go)";
    await t.test("and in Go", { skip }, () => expectTour("go", { ...env, GOCACHE }));
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

async function expectTour(language: string, env: Readonly<Record<string, string>>): Promise<void> {
  const tour = fenceOf(README, `sh tour-${language}`);
  assert.match(await paste(tour, { env }), language === "go" ? /Hello, world!/ : /Hello, Ada!/);
}

/** In CI it must be there. */
function canBuildGo(): boolean {
  return process.env["CI"] !== undefined || spawnSync("go", ["version"]).status === 0;
}

test("a tour with a command that fails is noticed (negative control)", TIMEOUT, async () => {
  await assert.rejects(paste("npx skerry no-such-command\n", { env: {} }));
});
