/** Deployments, and what their builds print. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { DeploymentLogLine, DeploymentResource } from "@skerry/api-schema";
import {
  AT,
  buildLine,
  deploymentOf,
  type FakePlatform,
  startFakePlatform,
  withPipes,
} from "@skerry/testkit/clients";
import { DEPLOYMENT_COMMANDS } from "./deployments.ts";

const runPiped = withPipes(DEPLOYMENT_COMMANDS);

const LINES = [buildLine(1, "npm http fetch"), buildLine(2, "added \u001b[31m1 package")];

/** A platform on which one deployment, or none, ends as `ended` and printed `lines`. */
async function platformOf(
  t: TestContext,
  ended: DeploymentResource | undefined,
  lines: readonly DeploymentLogLine[] = LINES,
): Promise<FakePlatform> {
  const items = ended === undefined ? [] : [ended];
  const platform = await startFakePlatform({
    getDeployment: () => ended,
    listDeployments: () => ({ items, nextCursor: null }),
    listDeploymentLog: ({ query }) => {
      const after = Number(query["cursor"] ?? 0);
      return lines.filter(({ cursor }) => Number(cursor) > after);
    },
  });
  t.after(() => platform[Symbol.asyncDispose]());
  return platform;
}

test("deployments logs shows a deployment's whole log, the newest one's without an id", async (t) => {
  const lines = Array.from({ length: 3 }, (_, i) => buildLine(i + 1, `line ${i + 1}`));
  const { url, asked } = await platformOf(t, deploymentOf("succeeded"), lines);
  const { stdout } = await runPiped(["deployments", "logs", "shop"], { url });
  assert.equal(stdout, lines.map(({ text }) => `${AT} cart ${text}\n`).join(""));
  assert.deepEqual(asked, ["listDeployments", "listDeploymentLog"]);
  const json = await runPiped(["deployments", "logs", "shop", "dep_1", "--json"], { url });
  assert.deepEqual(JSON.parse(json.stdout), { items: lines });
});

test("a follow ends with the deployment, and has every line once", async (t) => {
  const { url } = await platformOf(t, deploymentOf("succeeded"));
  const args = ["deployments", "logs", "shop", "dep_1", "--follow", "--json"];
  const { stdout, exitCode } = await runPiped(args, { url });
  const lines = stdout.trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as DeploymentLogLine),
    LINES,
  );
  assert.equal(exitCode, 0);
});

test("deployments ls lists them, and says when there is none", async (t) => {
  const { url } = await platformOf(t, deploymentOf("succeeded"));
  const { stdout } = await runPiped(["deployments", "ls", "shop"], { url });
  assert.match(stdout, /ID +STATE +FUNCTIONS +AGE +TOOK\ndep_1 +succeeded +cart /);
  const empty = await platformOf(t, undefined);
  const none = await runPiped(["deployments", "ls", "shop"], { url: empty.url });
  assert.match(none.stderr, /Nothing was deployed/);
  const logs = await runPiped(["deployments", "logs", "shop"], { url: empty.url });
  assert.match(logs.stderr, /DEPLOYMENT_MISSING/);
});
