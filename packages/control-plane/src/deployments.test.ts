import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deploymentMark,
  type DeploymentPlan,
  deploymentRequest,
  type DeploymentResource,
  type FunctionResource,
  OPERATIONS,
} from "@skerry/api-schema";
import { type BuildHead, WEB_PORT } from "@skerry/contracts";
import { AGENT_ID, Harness, storeDown, type Problem } from "../test/harness.ts";
import { built } from "../test/peer-double.ts";
import { sourceZip } from "../test/source-zip.ts";

type Functions = { readonly items: readonly FunctionResource[] };

async function functionsOf(harness: Harness, app = "shop"): Promise<readonly FunctionResource[]> {
  const reply = await harness.send<Functions>("GET", `/v1/apps/${app}/functions`);
  return reply.status === 404 ? [] : reply.body.items;
}

test("the same code again uploads nothing, builds nothing and changes nothing", async () => {
  await using harness = await Harness.open();
  const agent = harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const [before] = await functionsOf(harness);
  const sourceDigest = before?.latest.sourceDigest ?? "";
  const body = { functions: [{ name: "hello", sourceDigest }] };
  const plan = await harness.send<DeploymentPlan>("POST", "/v1/apps/shop/plans", { body });
  assert.deepEqual(plan.body.functions, [
    { name: "hello", change: "same", changes: [], needsUpload: false },
  ]);
  const again = await harness.send<DeploymentResource>("POST", "/v1/apps/shop/deployments", {
    body,
  });
  const ended = await harness.ended(again.body);
  assert.equal(ended.state, "succeeded");
  assert.equal(ended.functions[0]?.change, "same");
  assert.equal(ended.functions[0].revisionId, before?.latest.id);
  assert.deepEqual(await functionsOf(harness), [before]);
  assert.equal(agent.asked.filter(({ op }) => op === "build").length, 1);
});

test("the same code goes on in its recorded runtime until a deployment asks for that of now", async () => {
  await using harness = await Harness.open();
  let release = 1;
  harness.agent((head) => {
    const artefactKey = `art_${release}${head.sourceDigest.slice(5)}`;
    return built(head, { artefactKey, runtimeBuild: `node26-${release}` });
  });
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  release = 2;
  const latest = async () => (await functionsOf(harness))[0]?.latest;
  const before = await latest();
  const request = { name: "hello", sourceDigest: before?.sourceDigest ?? "" };
  const send = <T>(path: string, runtimeLatest?: boolean) => {
    const body = { functions: [{ ...request, ...(runtimeLatest ? { runtimeLatest } : {}) }] };
    return harness.send<T>("POST", `/v1/apps/shop/${path}`, { body });
  };
  await harness.ended((await send<DeploymentResource>("deployments")).body);
  assert.deepEqual(await latest(), before, "control: without the word nothing changes");
  const plan = await send<DeploymentPlan>("plans", true);
  assert.deepEqual(plan.body.functions[0]?.changes, ["runtimeBuild"]);
  await harness.ended((await send<DeploymentResource>("deployments", true)).body);
  const moved = await latest();
  assert.equal(moved?.runtimeBuild, "node26-2");
  assert.notEqual(moved.id, before?.id);
  await harness.ended((await send<DeploymentResource>("deployments", true)).body);
  assert.equal((await latest())?.id, moved.id, "it is there already");
});

test("a plan names what would be created, what differs and what must be uploaded", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const known = (await functionsOf(harness))[0]?.latest.sourceDigest ?? "";
  const unknown = `src_${"b".repeat(64)}`;
  const config = { memoryMb: 256, env: { A: "1" } };
  const functions = [
    { name: "hello", sourceDigest: unknown, config },
    { name: "fresh", sourceDigest: known },
  ];
  const plan = await harness.send<DeploymentPlan>("POST", "/v1/apps/shop/plans", {
    body: { functions },
  });
  assert.deepEqual(plan.body.functions, [
    { name: "hello", change: "change", changes: ["code", "env", "memoryMb"], needsUpload: true },
    { name: "fresh", change: "create", changes: [], needsUpload: false },
  ]);
});

test("a source must have been uploaded to the very app that deploys it", async () => {
  await using harness = await Harness.open();
  const sourceDigest = await harness.upload("other", "1");
  const body = { functions: [{ name: "hello", sourceDigest }] };
  const head = await harness.send("HEAD", `/v1/apps/shop/packages/${sourceDigest}`);
  assert.equal(head.status, 404);
  const refused = await harness.send<Problem>("POST", "/v1/apps/shop/deployments", { body });
  assert.equal(refused.body.error.reason, "SOURCE_MISSING");
  assert.deepEqual(refused.body.error.details?.["digests"], [sourceDigest]);
  const other = await harness.send("HEAD", `/v1/apps/other/packages/${sourceDigest}`);
  assert.equal(other.status, 200);
});

test("a layer must have been uploaded to the app, and a plan names those that were not", async () => {
  await using harness = await Harness.open();
  const sourceDigest = await harness.upload("shop", "1");
  const there = await harness.upload("shop", "a layer");
  const missing = `src_${"c".repeat(64)}`;
  const config = { layers: [there, missing] };
  const body = { functions: [{ name: "hello", sourceDigest, config }] };
  const plan = await harness.send<DeploymentPlan>("POST", "/v1/apps/shop/plans", { body });
  assert.deepEqual(plan.body.layersMissing, [missing]);
  assert.equal(plan.body.functions[0]?.needsUpload, false);
  const refused = await harness.send<Problem>("POST", "/v1/apps/shop/deployments", { body });
  assert.equal(refused.body.error.reason, "SOURCE_MISSING");
  assert.deepEqual(refused.body.error.details?.["digests"], [missing]);
});

test("a key of another app that knows a digest cannot claim the source behind it", async () => {
  await using harness = await Harness.open();
  const sourceDigest = await harness.upload("private", "const secret = 42;");
  const made = await harness.send<{ key: string }>("POST", "/v1/keys", {
    body: { name: "stranger", role: "developer", apps: ["shop"] },
  });
  const { key } = made.body;
  const path = `/v1/apps/shop/packages/${sourceDigest}`;
  for (const raw of [sourceZip("guess").bytes, "", "nonsense"]) {
    const refused = await harness.send<Problem>("PUT", path, { key, raw });
    assert.ok(refused.status >= 400, `${raw.length} bytes: ${refused.status}`);
  }
  const functions = [{ name: "hello", sourceDigest }];
  const plan = await harness.send<DeploymentPlan>("POST", "/v1/apps/shop/plans", {
    key,
    body: { functions },
  });
  assert.equal(plan.body.functions[0]?.needsUpload, true);
  const refused = await harness.send<Problem>("POST", "/v1/apps/shop/deployments", {
    key,
    body: { functions },
  });
  assert.equal(refused.body.error.reason, "SOURCE_MISSING");
  const raw = sourceZip("const secret = 42;").bytes;
  assert.equal((await harness.send("PUT", path, { key, raw })).status, 201, "who has it may");
});

test("a source whose files are gone must be uploaded again", async () => {
  await using harness = await Harness.open();
  const sourceDigest = await harness.upload("shop", "1");
  await harness.codeStore.remove(sourceDigest);
  const body = { functions: [{ name: "hello", sourceDigest }] };
  const refused = await harness.send<Problem>("POST", "/v1/apps/shop/deployments", { body });
  assert.equal(refused.body.error.reason, "SOURCE_MISSING");
});

test("all functions of a deployment come into force in one batch", async () => {
  await using harness = await Harness.open();
  harness.agent();
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  const sources = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, String(i)]));
  const ended = await harness.ended(await harness.deploy("shop", sources));
  assert.equal(ended.state, "succeeded");
  await gateway.until(() => gateway.entries().some(({ value }) => value?.kind === "function"));
  const sizes = gateway.batches.map(
    ({ entries }) => entries.filter(({ value }) => value?.kind === "function").length,
  );
  assert.deepEqual(
    sizes.filter((size) => size > 0),
    [30],
  );
});

test("one function that cannot be built keeps all of the deployment out of force", async () => {
  await using harness = await Harness.open();
  const bad = await harness.upload("shop", "syntax error");
  const error = {
    ...{
      code: "INVALID_ARGUMENT",
      reason: "BUILD_FAILED",
      message: "line 1",
      hint: "",
      retryable: false,
    },
  };
  harness.agent((head) => (head.sourceDigest === bad ? { ok: false, error } : built(head)));
  const accepted = await harness.deploy("shop", { good: "1", bad: "syntax error", fine: "2" });
  const ended = await harness.ended(accepted);
  assert.equal(ended.state, "failed");
  assert.equal(ended.error?.reason, "BUILD_FAILED");
  assert.equal(ended.functions.find(({ name }) => name === "bad")?.state, "failed");
  assert.deepEqual(await functionsOf(harness), []);
});

test("code that fails when it is loaded is deployed with the reason as a warning", async () => {
  await using harness = await Harness.open();
  const initFailure = { name: "Error", message: "no database here" };
  harness.agent((head) => built(head, { initFailure }));
  const ended = await harness.ended(await harness.deploy("shop", { hello: "1" }));
  assert.equal(ended.state, "succeeded");
  assert.match(ended.functions[0]?.warnings[0] ?? "", /no database here/);
});

test("code of which no handler is known is refused, and the old revision stays in force", async () => {
  await using harness = await Harness.open();
  let handlerKind: "event" | null = "event";
  const initFailure = { name: "SyntaxError", message: "Unexpected token" };
  harness.agent((head) =>
    built(head, { handlerKind, ...(handlerKind === null ? { initFailure } : {}) }),
  );
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const before = await functionsOf(harness);
  handlerKind = null;
  const ended = await harness.ended(await harness.deploy("shop", { hello: "2" }));
  assert.equal(ended.error?.reason, "FUNCTION_INIT_FAILED");
  assert.match(ended.error.message, /shop\/hello/);
  assert.match(ended.error.message, /Unexpected token/);
  assert.deepEqual(await functionsOf(harness), before);
});

test("going back to an earlier state finds its revision instead of making another", async () => {
  await using harness = await Harness.open();
  harness.agent();
  const revisions = [];
  for (const text of ["1", "2", "1"]) {
    const ended = await harness.ended(await harness.deploy("shop", { hello: text }));
    revisions.push(ended.functions[0]?.revisionId);
  }
  assert.equal(revisions[0], revisions[2]);
  assert.notEqual(revisions[0], revisions[1]);
});

test("without an agent a deployment fails after a bounded wait and says that it may be retried", async () => {
  await using harness = await Harness.open({ agentWaitMs: 50 });
  const ended = await harness.ended(await harness.deploy("shop", { hello: "1" }));
  assert.equal(ended.error?.reason, "NODE_UNAVAILABLE");
  assert.equal(ended.error.retryable, true);
});

test("a build waits for an agent that is just connecting", async () => {
  await using harness = await Harness.open();
  const accepted = await harness.deploy("shop", { hello: "1" });
  harness.agent();
  assert.equal((await harness.ended(accepted)).state, "succeeded");
});

test("a build whose agent is lost is done by the next one", async () => {
  await using harness = await Harness.open();
  const first = harness.agent(() => undefined);
  const accepted = await harness.deploy("shop", { hello: "1" });
  await first.until(() => first.asked.length > 0);
  harness.agent();
  await first.closed;
  assert.equal((await harness.ended(accepted)).state, "succeeded");
});

test("an agent that keeps being lost fails the deployment after a bounded number of attempts", async () => {
  await using harness = await Harness.open({ buildAttemptsMax: 3, agentWaitMs: 60_000 });
  let asked = 0;
  const connect = (): void => {
    const agent = harness.agent(() => {
      asked += 1;
      agent.close();
      connect();
      return undefined;
    });
  };
  connect();
  const ended = await harness.ended(await harness.deploy("shop", { hello: "1" }));
  assert.equal(ended.error?.reason, "NODE_UNAVAILABLE");
  assert.equal(asked, 3);
});

test("an agent that answers nonsense fails the deployment and never reaches the catalogue", async () => {
  await using harness = await Harness.open();
  const odd: readonly object[] = [
    ...[{}, { ok: true }, { ok: "yes" }, { ok: false, error: {} }],
    ...[{ handlerKind: "lambda" }, { artefactKey: 1 }, { initFailure: "bad" }],
  ];
  for (const change of odd) {
    const agent = harness.agent((head) =>
      "ok" in change ? change : { ...built(head), ...change },
    );
    const ended = await harness.ended(await harness.deploy("shop", { hello: "1" }));
    const isEmpty = Object.keys(change).length === 0;
    if (isEmpty) assert.equal(ended.state, "succeeded", "the unchanged answer is a sound one");
    else assert.match(ended.error?.message ?? "", /cannot be read/, JSON.stringify(change));
    agent.close();
    await agent.closed;
    if (isEmpty) await harness.send("DELETE", "/v1/apps/shop");
  }
  assert.deepEqual(await functionsOf(harness), []);
});

test("a consumer that does not confirm delays a deployment by the deadline only, and is named", async () => {
  await using harness = await Harness.open({ appliedDeadlineMs: 100 });
  harness.agent();
  const slow = harness.peer({ role: "gateway", id: "gw_slow", acknowledges: false }).watch(0);
  await slow.until(() => slow.batches.length > 0);
  const ended = await harness.ended(await harness.deploy("shop", { hello: "1" }));
  assert.equal(ended.state, "succeeded");
  assert.match(ended.functions[0]?.warnings[0] ?? "", /gw_slow/);
});

test("a deployment is not called succeeded before the live consumers have confirmed it", async () => {
  await using harness = await Harness.open();
  harness.agent();
  const gateway = harness.peer({ role: "gateway", id: "gw_1", acknowledges: false }).watch(0);
  await gateway.until(() => gateway.batches.length > 0);
  const accepted = await harness.deploy("shop", { hello: "1" });
  await gateway.until(() => gateway.entries().some(({ value }) => value?.kind === "function"));
  const path = `/v1/apps/shop/deployments/${accepted.id}`;
  const waiting = await harness.send<DeploymentResource>("GET", path);
  assert.equal(waiting.body.state, "activating");
  gateway.acknowledge(gateway.seq);
  assert.equal((await harness.ended(accepted)).state, "succeeded");
});

test("a wait is answered by the change it waits for, and by the end of its time", async () => {
  await using harness = await Harness.open();
  const release = Promise.withResolvers<void>();
  harness.agent(async (head) => {
    await release.promise;
    return built(head);
  });
  const accepted = await harness.deploy("shop", { hello: "1" });
  const path = `/v1/apps/shop/deployments/${accepted.id}`;
  let seen = deploymentMark(accepted);
  while (seen !== "building/building") {
    const query = `?waitMs=10000&state=${encodeURIComponent(seen)}`;
    seen = deploymentMark((await harness.send<DeploymentResource>("GET", path + query)).body);
  }
  const idle = await harness.send<DeploymentResource>("GET", `${path}?waitMs=20&state=${seen}`);
  assert.equal(deploymentMark(idle.body), seen);
  const waiting = harness.send<DeploymentResource>("GET", `${path}?waitMs=30000&state=${seen}`);
  release.resolve();
  assert.notEqual(deploymentMark((await waiting).body), seen);
});

test("deployments of one app are worked off in the order of their acceptance", async () => {
  await using harness = await Harness.open();
  const accepted = [];
  for (const text of ["1", "2", "3", "4"])
    accepted.push(await harness.deploy("shop", { hello: text }));
  harness.agent();
  const ended = [];
  for (const each of accepted) ended.push(await harness.ended(each));
  const last = ended.at(-1)?.functions[0]?.revisionId;
  assert.equal((await functionsOf(harness))[0]?.latest.id, last);
  assert.deepEqual(
    ended.map(({ functions }) => functions[0]?.change),
    ["create", "change", "change", "change"],
  );
});

test("apps do not wait for each other", async () => {
  await using harness = await Harness.open();
  const stuck = await harness.upload("slow", "slow");
  harness.agent((head) => (head.sourceDigest === stuck ? undefined : built(head)));
  await harness.deploy("slow", { f: "slow" });
  assert.equal((await harness.ended(await harness.deploy("quick", { f: "1" }))).state, "succeeded");
});

test("removing a function gives up the deployment that is still building it", async () => {
  await using harness = await Harness.open();
  const agent = harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  agent.close();
  await agent.closed;
  const release = Promise.withResolvers<void>();
  const slow = harness.agent(async (head) => {
    await release.promise;
    return built(head);
  });
  const accepted = await harness.deploy("shop", { hello: "2" });
  await slow.until(() => slow.asked.length > 0);
  assert.equal((await harness.send("DELETE", "/v1/apps/shop/functions/hello")).status, 204);
  const ended = await harness.ended(accepted);
  assert.equal(ended.error?.reason, "DEPLOYMENT_OVERTAKEN");
  release.resolve();
  assert.equal(
    (await harness.ended(await harness.deploy("shop", { other: "3" }))).state,
    "succeeded",
  );
  assert.deepEqual(
    (await functionsOf(harness)).map(({ name }) => name),
    ["other"],
  );
});

test("a removed name that comes again is another function", async () => {
  await using harness = await Harness.open();
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const [first] = await functionsOf(harness);
  await harness.send("DELETE", "/v1/apps/shop");
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const [second] = await functionsOf(harness);
  assert.notEqual(first?.id, second?.id);
  assert.notEqual(first?.latest.id, second?.latest.id);
});

/** Where a crash may come: just before or just after each step is stored. */
const STEPS = ["replanDeployment", "stepDeployment", "activateDeployment"] as const;

for (const step of STEPS) {
  for (const moment of ["before", "after"] as const) {
    for (const occurrence of step === "stepDeployment" ? [1, 2, 3] : [1]) {
      test(`a restart ${moment} ${step} number ${occurrence} loses no deployment and does none twice`, async () => {
        await using harness = await Harness.open();
        const reached = Promise.withResolvers<void>();
        let count = 0;
        harness.faults[moment] = (procedure) => {
          if (procedure !== step) return undefined;
          count += 1;
          if (count !== occurrence) return undefined;
          reached.resolve();
          throw storeDown();
        };
        harness.agent();
        const accepted = await harness.deploy("shop", { one: "1", two: "2" });
        await reached.promise;
        await harness.restart();
        harness.faults[moment] = () => undefined;
        harness.agent();
        const ended = await harness.ended(accepted);
        assert.equal(ended.state, "succeeded", JSON.stringify(ended));
        OPERATIONS.getDeployment.answer.parse(ended);
        const functions = await functionsOf(harness);
        assert.deepEqual(
          functions.map(({ name, etag }) => `${name} ${etag}`),
          ['one "1"', 'two "1"'],
        );
        const audit = await harness.send<{ items: { details: { operation: string } }[] }>(
          "GET",
          "/v1/audit",
        );
        const activations = audit.body.items.filter(
          ({ details }) => details.operation === "activateDeployment",
        );
        assert.equal(activations.length, 1);
      });
    }
  }
}

test("a store that is down for a while delays a deployment and does not fail it", async () => {
  await using harness = await Harness.open();
  harness.agent();
  let failures = 0;
  harness.faults.before = (procedure) => {
    if (procedure !== "stepDeployment" || failures >= 4) return;
    failures += 1;
    throw storeDown();
  };
  assert.equal(
    (await harness.ended(await harness.deploy("shop", { hello: "1" }))).state,
    "succeeded",
  );
  assert.equal(failures, 4);
});

test("a deployment is refused as a whole while the store is down", async () => {
  await using harness = await Harness.open();
  const sourceDigest = await harness.upload("shop", "1");
  harness.faults.before = (procedure) => {
    if (procedure === "createDeployment") throw storeDown();
  };
  const body = { functions: [{ name: "hello", sourceDigest }] };
  const refused = await harness.send<Problem>("POST", "/v1/apps/shop/deployments", { body });
  assert.equal(refused.status, 503);
  assert.equal(refused.body.error.retryable, true);
});

test("the same request with an idempotency key is one deployment, and another request is refused", async () => {
  await using harness = await Harness.open();
  harness.agent();
  const sourceDigest = await harness.upload("shop", "1");
  const headers = { "idempotency-key": "5a2f" };
  const post = (name: string, key?: string) =>
    harness.send<DeploymentResource & Problem>("POST", "/v1/apps/shop/deployments", {
      ...(key === undefined ? {} : { key }),
      headers,
      body: deploymentRequest.parse({ functions: [{ name, sourceDigest }] }),
    });
  const replies = await Promise.all([post("hello"), post("hello"), post("hello")]);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [202, 202, 202],
  );
  assert.equal(new Set(replies.map(({ body }) => body.id)).size, 1);
  await harness.restart();
  assert.equal((await post("hello")).body.id, replies[0]?.body.id);
  const other = await post("different");
  assert.equal(other.status, 422);
  assert.equal(other.body.error.reason, "IDEMPOTENCY_KEY_REUSED");
  const body = { name: "second", role: "developer" };
  const made = await harness.send<{ key: string }>("POST", "/v1/keys", { body });
  assert.notEqual((await post("hello", made.body.key)).body.id, replies[0]?.body.id);
});

test("the build head carries what the configuration says", async () => {
  await using harness = await Harness.open();
  const agent = harness.agent();
  const config = {
    entry: "main.ts",
    handler: "run",
    env: { A: "1" },
    memoryMb: 512,
    initTimeoutMs: 500,
  };
  const layers = [await harness.upload("shop", "a layer")];
  await harness.ended(await harness.deploy("shop", { hello: "1" }, { ...config, layers }));
  const { op, sourceDigest, app, ...head } = agent.asked[0] as BuildHead;
  assert.deepEqual([op, app?.name], ["build", "shop"]);
  assert.match(sourceDigest, /^src_/);
  assert.deepEqual(head, {
    ...{ ...config, runtime: "node26", command: null, port: WEB_PORT },
    ...{ connect: [], secrets: [], layers, log: true },
  });
  assert.equal((await functionsOf(harness))[0]?.latest.config.memoryMb, 512);
  assert.ok(AGENT_ID.startsWith("node_"));
});
