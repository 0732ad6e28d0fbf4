/** What builds print, as the command line shows it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { DeploymentLogLine, DeploymentResource } from "@skerry/api-schema";
import {
  buildLine,
  deploymentOf,
  type FakePlatform,
  functionNamed,
  startFakePlatform,
} from "@skerry/testkit/clients";
import { runCli } from "../test/run-cli.ts";

const LINES = [buildLine(1, "npm http fetch"), buildLine(2, "added \u001b[31m1 package")];

/** A platform on which one deployment, or none, ends as `ended` and printed `lines`. */
async function platformOf(
  t: TestContext,
  ended: DeploymentResource | undefined,
  lines: readonly DeploymentLogLine[] = LINES,
): Promise<FakePlatform> {
  const items = ended === undefined ? [] : [ended];
  const platform = await startFakePlatform({
    planDeployment: () => ({
      app: "shop",
      functions: [{ name: "cart", change: "create", changes: [], needsUpload: false }],
    }),
    createDeployment: () => deploymentOf("building", { state: "building" }),
    getDeployment: () => ended,
    getFunction: () => functionNamed("cart"),
    listDeployments: () => ({ items, nextCursor: null }),
    listDeploymentLog: ({ query }) => {
      const after = Number(query["cursor"] ?? 0);
      return lines.filter(({ cursor }) => Number(cursor) > after);
    },
  });
  t.after(() => platform[Symbol.asyncDispose]());
  return platform;
}

function projectOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-project-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "index.mjs"), "export const handler = () => 1;\n");
  return folder;
}

test("deploy --verbose prints what builds print, beside the result and harmless", async (t) => {
  const { url } = await platformOf(t, deploymentOf("succeeded"));
  const folder = projectOf(t);
  const args = ["deploy", folder, "--name", "cart", "--app", "shop"];
  const { stdout, stderr } = await runCli([...args, "--verbose"], { url });
  assert.match(stderr, /cart npm http fetch\n.*cart added \\x1b\[31m1 package\n$/);
  assert.match(stdout, /✓ Deployed in/);
  const quiet = await runCli(args, { url });
  assert.equal(quiet.stderr, "", "control");
});

test("a deploy that fails shows the end of what its build printed, and where all of it is", async (t) => {
  const error = {
    code: "INTERNAL",
    reason: "BUILD_FAILED",
    message: "It broke.",
    hint: "Mend it.",
  };
  const ended = { ...deploymentOf("failed", { state: "failed" }), error };
  const lines = Array.from({ length: 40 }, (_, i) => buildLine(i + 1, `line ${i + 1}.`));
  const { url } = await platformOf(t, ended, lines);
  const args = ["deploy", projectOf(t), "--name", "cart", "--app", "shop"];
  const { stderr } = await runCli(args, { url });
  assert.match(stderr, /cart line 40\.\n.*skerry deployments logs shop dep_1\n✗ It broke\./);
  assert.doesNotMatch(stderr, /line 25\./);
  const json = await runCli([...args, "--json"], { url });
  assert.doesNotMatch(json.stderr, /line 40/);
});

test("what a program printed before it ended is shown, though the error says how it ended", async (t) => {
  const how = "The program ended before it was ready: exit code 127.";
  const error = {
    ...{ code: "FAILED_PRECONDITION", reason: "FUNCTION_INIT_FAILED" },
    ...{ message: `cart could not be started: ${how}`, hint: "Mend it." },
  };
  const ended = { ...deploymentOf("failed", { state: "failed" }), error };
  const lines = [buildLine(1, "sh: nodd: not found"), buildLine(2, how)];
  const { url } = await platformOf(t, ended, lines);
  const args = ["deploy", projectOf(t), "--name", "cart", "--app", "shop"];
  const { stderr } = await runCli(args, { url });
  assert.match(stderr, /cart sh: nodd: not found\n/);
  assert.equal(stderr.split(how).length, 2);
});

test("what the error says already is not said twice", async (t) => {
  const message = "npm could not: npm error 404";
  const error = { code: "INTERNAL", reason: "DEPENDENCIES_FAILED", message, hint: "Mend it." };
  const ended = { ...deploymentOf("failed", { state: "failed" }), error };
  const { url } = await platformOf(t, ended, [buildLine(1, "npm error 404")]);
  const args = ["deploy", projectOf(t), "--name", "cart", "--app", "shop"];
  const { stderr } = await runCli(args, { url });
  assert.equal(stderr.split("npm error 404").length, 2);
  assert.match(stderr, /deployments logs shop dep_1/);
});
