import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeploymentResource, OPERATIONS } from "@skerry/api-schema";
import { Harness } from "../../test/harness.ts";
import {
  auditOf,
  MUTATING,
  openDeployed,
  prepareMutation,
  type Mutating,
} from "../../test/mutations.ts";

/** The transaction behind each of them. */
const PROCEDURES: Readonly<Record<Mutating, string>> = {
  putPackage: "keepSource",
  createDeployment: "createDeployment",
  deleteFunction: "deleteFunction",
  deleteApp: "deleteApp",
  createKey: "createKey",
  deleteKey: "deleteKey",
  stopInstance: "recordAudit",
  probeNode: "recordAudit",
  createSignInLink: "createSignInLink",
  deleteConsoleSession: "endConsoleSession",
  putSavedEvent: "putSavedEvent",
  deleteSavedEvent: "deleteSavedEvent",
  putQuotas: "changeQuotas",
  putSecret: "putSecret",
  deleteSecret: "deleteSecret",
  putAppSecret: "putSecret",
  deleteAppSecret: "deleteSecret",
  rotateSecretsKey: "recordRotation",
  putAction: "putAction",
  deleteAction: "deleteAction",
  runAction: "recordAudit",
  createServerKey: "putSecret",
  deleteServerKey: "deleteSecret",
  issueTicket: "recordAudit",
  publishVersion: "publishVersion",
  publishApp: "publishApp",
  deleteVersion: "deleteVersion",
  pruneVersions: "pruneVersions",
  putAlias: "putAlias",
  deleteAlias: "deleteAlias",
  rollbackAlias: "rollbackAlias",
  rollbackApp: "rollbackApp",
  createRelease: "createRelease",
  approveRelease: "turnRelease",
  pauseRelease: "turnRelease",
  resumeRelease: "turnRelease",
  abortRelease: "turnRelease",
  putGatewayApi: "putGatewayApi",
  deleteGatewayApi: "deleteGatewayApi",
  putStage: "putStage",
  deleteStage: "deleteStage",
  createPublication: "createPublication",
  createPurge: "createPurge",
  putDomain: "putDomain",
  deleteDomain: "deleteDomain",
  putTimer: "recordAudit",
  deleteTimer: "recordAudit",
  setTimerEnabled: "recordAudit",
  runTimer: "recordAudit",
  putTopic: "recordAudit",
  deleteTopic: "recordAudit",
  putTopicTrigger: "recordAudit",
  deleteTopicTrigger: "recordAudit",
  setTopicTriggerEnabled: "recordAudit",
  seekTopicTrigger: "recordAudit",
  discardTopicDeadLetters: "recordAudit",
  putRule: "recordAudit",
  deleteRule: "recordAudit",
  setRuleEnabled: "recordAudit",
  putConfig: "putConfigObject",
  deleteConfig: "deleteConfigObject",
  cancelInvocation: "recordAudit",
  replayInvocation: "recordAudit",
  createRedrive: "recordAudit",
  setRedriveEnabled: "recordAudit",
  cancelRedrive: "recordAudit",
};

const OF_FUNCTION = ["versions", "aliases"];

/** Everything that users can see of the platform's state. */
async function visibleState(harness: Harness): Promise<string> {
  const replies = [];
  const ofApp = [
    "functions",
    "gateway-apis",
    "secrets",
    "configs",
    "timers",
    "topic-triggers",
    "rules",
  ].map((what) => `/v1/apps/shop/${what}`);
  for (const path of [
    "/v1/apps",
    "/v1/topics",
    ...ofApp,
    ...OF_FUNCTION.map((what) => `/v1/apps/shop/functions/hello/${what}`),
    "/v1/keys",
    "/v1/secrets",
    "/v1/domains",
    "/v1/platform",
  ]) {
    replies.push((await harness.send("GET", path)).body);
  }
  replies.push(harness.ledger.items, harness.redrives.items);
  return JSON.stringify(replies);
}

test("the table of requests has every operation that changes something, and no other", () => {
  const mutating = Object.entries(OPERATIONS).filter(([, { mutates }]) => mutates);
  assert.deepEqual(MUTATING.toSorted(), mutating.map(([name]) => name).toSorted());
});

for (const name of MUTATING) {
  test(`${name} writes one audit record, naming key and request, and neither it nor a change when its transaction fails at the end`, async () => {
    await using harness = await openDeployed();
    const { method, path, request } = await prepareMutation(harness, name);
    const stateBefore = await visibleState(harness);
    const recordsBefore = await auditOf(harness, name);
    harness.faults.failsAtTheEnd = (procedure) => procedure === PROCEDURES[name];
    const failed = await harness.send(method, path, request);
    harness.faults.failsAtTheEnd = () => false;
    assert.equal(failed.status, 409, JSON.stringify(failed.body));
    assert.deepEqual(await auditOf(harness, name), recordsBefore);
    assert.equal(await visibleState(harness), stateBefore);

    const reply = await harness.send(method, path, request);
    assert.equal(reply.status, OPERATIONS[name].status, JSON.stringify(reply.body));
    const known = new Set(recordsBefore.map(({ id }) => id));
    const requestId = reply.headers.get("x-skerry-request-id");
    const fresh = (await auditOf(harness, name)).filter(({ id }) => !known.has(id));
    const own = fresh.filter((record) => record.requestId === requestId);
    assert.equal(own.length, 1);
    assert.equal(own[0]?.action, OPERATIONS[name].action);
    const { body: who } = await harness.send<{ keyId: string }>("GET", "/v1/principal");
    assert.equal(own[0]?.keyId, who.keyId);
  });
}

test("an activation that fails at the end leaves no function, no entry and no record", async () => {
  await using harness = await Harness.open();
  harness.agent();
  harness.faults.failsAtTheEnd = (procedure) => procedure === "activateDeployment";
  const accepted = await harness.deploy("shop", { one: "1", two: "2" });
  const ended: DeploymentResource = await harness.ended(accepted);
  assert.equal(ended.state, "failed");
  assert.equal(ended.error?.reason, "TEST_FAULT");
  assert.equal((await harness.send("GET", "/v1/apps/shop/functions")).status, 404);
  assert.deepEqual(await auditOf(harness, "activateDeployment"), []);
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  await gateway.until(() => gateway.batches.length > 0);
  assert.ok(gateway.entries().every(({ value }) => value?.kind === "key"));
  harness.faults.failsAtTheEnd = () => false;
  await harness.ended(await harness.deploy("shop", { one: "1", two: "2" }));
  assert.equal((await auditOf(harness, "activateDeployment")).length, 1);
});

test("what is refused leaves no record", async () => {
  await using harness = await openDeployed();
  const before = await harness.send("GET", "/v1/audit?limit=1000");
  const { body: viewer } = await harness.send<{ id: string; key: string }>("POST", "/v1/keys", {
    body: { name: "v", role: "viewer" },
  });
  const { length } = (before.body as { items: unknown[] }).items;
  const { key } = viewer;
  assert.equal((await harness.send("DELETE", "/v1/apps/shop", { key })).status, 403);
  assert.equal((await harness.send("DELETE", "/v1/apps/absent")).status, 404);
  const body = { name: "x", role: "emperor" };
  assert.equal((await harness.send("POST", "/v1/keys", { body })).status, 400);
  const after = await harness.send("GET", "/v1/audit?limit=1000");
  assert.equal((after.body as { items: unknown[] }).items.length, length + 1);
});
