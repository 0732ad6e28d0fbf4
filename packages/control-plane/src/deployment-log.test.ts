import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeploymentLogLine, DeploymentResource } from "@skerry/api-schema";
import { BUILD_LOG, type BuildHead } from "@skerry/contracts";
import { hasPostgres, startPostgres } from "@skerry/testkit";
import { Harness, type Problem } from "../test/harness.ts";
import { built, inBody } from "../test/peer-double.ts";

type Page = { readonly items: readonly DeploymentResource[]; readonly nextCursor: string | null };

/** A build that tells lines and ends when it is let go. */
function aloud(head: BuildHead, lines: readonly string[], until = Promise.resolve()): object {
  async function* parts(): AsyncGenerator<string> {
    for (const l of lines) yield `${JSON.stringify({ l })}\n`;
    await until;
    yield `${JSON.stringify({ r: built(head) })}\n`;
  }
  return inBody({ log: true }, parts());
}

function pathOf({ app, id }: Pick<DeploymentResource, "app" | "id">, query = ""): string {
  return `/v1/apps/${app}/deployments/${id}/logs${query}`;
}

function parsed(text: unknown): readonly DeploymentLogLine[] {
  return String(text)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as DeploymentLogLine);
}

async function logOf(
  harness: Harness,
  deployment: Pick<DeploymentResource, "app" | "id">,
  query = "",
): Promise<readonly DeploymentLogLine[]> {
  const { status, body } = await harness.send("GET", pathOf(deployment, query));
  assert.equal(status, 200);
  return parsed(body);
}

test("a follow sees a build's lines while it runs, and ends with the deployment", async () => {
  await using harness = await Harness.open();
  const end = Promise.withResolvers<void>();
  harness.agent((head) => aloud(head, ["npm http fetch left", "added 1 package"], end.promise));
  const deployment = await harness.deploy("shop", { hello: "1" });
  const url = `${harness.url}${pathOf(deployment, "?follow=true")}`;
  const headers = { authorization: `Bearer ${harness.adminKey}` };
  const response = await fetch(url, { headers });
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    // The build goes on only because this was seen of it.
    if (text.includes("added 1 package")) end.resolve();
  }
  const lines = parsed(text);
  assert.deepEqual(
    lines.map((line) => [line.function, line.text]),
    [
      ["hello", "npm http fetch left"],
      ["hello", "added 1 package"],
    ],
  );
  assert.equal((await harness.ended(deployment)).state, "succeeded");
  assert.deepEqual(await logOf(harness, deployment), lines, "it is kept");
  const [first] = lines;
  assert.deepEqual(await logOf(harness, deployment, `?cursor=${first?.cursor}`), lines.slice(1));
  assert.deepEqual(await logOf(harness, deployment, "?limit=1"), lines.slice(0, 1));
});

async function newestLinesAreKept(databaseUrl?: string): Promise<void> {
  await using harness = await Harness.open({}, databaseUrl);
  const line = "z".repeat(2_000);
  const count = Math.floor((2 * BUILD_LOG.deploymentBytesMax) / line.length);
  const lines = Array.from({ length: count }, (_, i) => `${i} ${line}`);
  harness.agent((head) => aloud(head, lines));
  const deployment = await harness.deploy("shop", { hello: "1" });
  await harness.ended(deployment);
  const kept = await logOf(harness, deployment, "?follow=true");
  assert.equal(kept.at(-1)?.text, lines.at(-1));
  assert.ok(kept.length < count, "control: not all of it is there");
  assert.equal(Number(kept.at(-1)?.cursor), count);
  assert.deepEqual(
    kept.map(({ text }) => text),
    lines.slice(-kept.length),
  );
}

test("of a log that is too long the newest lines are kept, and they keep their cursors", () =>
  newestLinesAreKept());

const withPostgres = { skip: hasPostgres() ? false : "PostgreSQL is absent" };

test("the same over PostgreSQL", withPostgres, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await newestLinesAreKept(server.url);
});

test("a log is shown to nobody whose key is for another app", async () => {
  await using harness = await Harness.open();
  harness.agent((head) => aloud(head, ["secret"]));
  const deployment = await harness.deploy("shop", { hello: "1" });
  await harness.ended(deployment);
  const made = await harness.send<{ readonly key: string }>("POST", "/v1/keys", {
    body: { name: "other", role: "admin", apps: ["other"] },
  });
  const { key } = made.body;
  const denied = await harness.send<Problem>("GET", pathOf(deployment), { key });
  assert.equal(denied.body.error.reason, "ACTION_DENIED");
  const elsewhere = pathOf({ app: "other", id: deployment.id });
  const missing = await harness.send<Problem>("GET", elsewhere, { key });
  assert.equal(missing.body.error.reason, "DEPLOYMENT_NOT_FOUND");
});

test("deployments are listed newest first, page by page, and their logs go with them", async () => {
  await using harness = await Harness.open({ deploymentsKept: 2 });
  harness.agent((head) => aloud(head, ["one line"]));
  const made: DeploymentResource[] = [];
  for (const text of ["1", "2", "3"]) {
    made.push(await harness.ended(await harness.deploy("shop", { hello: text })));
  }
  const path = "/v1/apps/shop/deployments?limit=1";
  const first = await harness.send<Page>("GET", path);
  const { nextCursor, items } = first.body;
  const second = await harness.send<Page>("GET", `${path}&cursor=${nextCursor}`);
  assert.deepEqual([...items, ...second.body.items], made.slice(1).toReversed());
  await harness.ended(await harness.deploy("shop", { hello: "4" }));
  assert.equal((await logOf(harness, made[2] ?? assert.fail())).length, 1, "control");
  const gone = await harness.send<Problem>("GET", pathOf(made[0] ?? assert.fail()));
  assert.equal(gone.body.error.reason, "DEPLOYMENT_NOT_FOUND");
});

test("an account that deploys too fast is told when to go on", async () => {
  const limits = { deploymentsPerSecond: 0.01, deploymentsBurst: 1 };
  await using harness = await Harness.open(limits);
  harness.agent();
  const functions = [{ name: "hello", sourceDigest: await harness.upload("shop", "1") }];
  const send = (): ReturnType<typeof harness.send<Problem>> =>
    harness.send<Problem>("POST", "/v1/apps/shop/deployments", { body: { functions } });
  assert.equal((await send()).status, 202);
  const refused = await send();
  assert.equal(refused.body.error.reason, "DEPLOYMENTS_TOO_FAST");
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
});

test("one account's deployments leave room for another's", async () => {
  const limits = { deploymentsAtOnce: 3, deploymentsAtOncePerAccount: 1 };
  await using harness = await Harness.open(limits);
  const end = Promise.withResolvers<void>();
  const agent = harness.agent((head) => aloud(head, [], end.promise));
  const first = await harness.deploy("shop", { hello: "1" });
  const second = await harness.deploy("store", { hello: "2" });
  const builds = (): number => agent.asked.filter(({ op }) => op === "build").length;
  await agent.until(() => builds() === 1);
  const waiting = await harness.send("GET", `/v1/apps/store/deployments/${second.id}?waitMs=100`);
  assert.deepEqual([(waiting.body as DeploymentResource).state, builds()], ["building", 1]);
  end.resolve();
  await harness.ended(first);
  assert.equal((await harness.ended(second)).state, "succeeded");
});
