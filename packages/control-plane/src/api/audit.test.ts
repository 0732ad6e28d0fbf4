import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionId, InstanceId } from "@skerry/base";
import {
  OPERATIONS,
  type AuditResource,
  type DeploymentResource,
  type OperationName,
  type PlatformResource,
} from "@skerry/contracts";
import { AGENT_ID, Harness, type Reply } from "../../test/harness.ts";
import { instanceOf, instancesReply } from "../../test/instances.ts";
import { built, inBody } from "../../test/peer-double.ts";
import { sourceZip } from "../../test/source-zip.ts";

type Mutating = {
  [N in OperationName]: (typeof OPERATIONS)[N]["mutates"] extends true ? N : never;
}[OperationName];

const INSTANCE = "inst_01kzzzzzzzzzzzzzzzzzzzzzzz" as InstanceId;
const ZIP = sourceZip("export const handler = () => 2;");

/** One request of each operation that changes something; a missing one is a type error. */
const REQUESTS: Readonly<Record<Mutating, (harness: Harness) => Promise<Reply>>> = {
  putPackage: (harness) =>
    harness.send("PUT", `/v1/apps/shop/packages/${ZIP.digest}`, { raw: ZIP.bytes }),
  createDeployment: async (harness) => {
    const sourceDigest = await harness.upload("shop", "export const handler = () => 3;");
    const functions = [{ name: "third", sourceDigest }];
    return harness.send("POST", "/v1/apps/shop/deployments", { body: { functions } });
  },
  deleteFunction: (harness) => harness.send("DELETE", "/v1/apps/shop/functions/hello"),
  deleteApp: (harness) => harness.send("DELETE", "/v1/apps/shop"),
  createKey: (harness) =>
    harness.send("POST", "/v1/keys", { body: { name: "ci", role: "developer" } }),
  deleteKey: async (harness) => {
    const body = { name: "old", role: "viewer" };
    const { body: key } = await harness.send<{ id: string }>("POST", "/v1/keys", { body });
    return harness.send("DELETE", `/v1/keys/${key.id}`);
  },
  stopInstance: (harness) => harness.send("DELETE", `/v1/instances/${INSTANCE}`),
  probeNode: async (harness) => {
    const { body } = await harness.send<PlatformResource>("GET", "/v1/platform");
    return harness.send("POST", `/v1/nodes/${body.nodes[0]?.id}/probes`);
  },
  createSignInLink: (harness) => harness.send("POST", "/v1/sign-in-links", { body: {} }),
  deleteConsoleSession: async (harness) => {
    const { id } = await harness.signIn();
    return harness.send("DELETE", `/v1/console-sessions/${id}`);
  },
  putSavedEvent: (harness) =>
    harness.send("PUT", "/v1/apps/shop/functions/hello/events/one", { body: { event: { a: 1 } } }),
  deleteSavedEvent: async (harness) => {
    const path = "/v1/apps/shop/functions/hello/events/two";
    await harness.send("PUT", path, { body: { event: null } });
    return harness.send("DELETE", path);
  },
};

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
};

const NAMES = Object.keys(REQUESTS) as Mutating[];

async function openDeployed(): Promise<Harness> {
  const harness = await Harness.open();
  const functionIds: FunctionId[] = [];
  harness.peer({
    role: "agent",
    id: AGENT_ID,
    answer: (head) => {
      if (head.op === "build") return built(head as never);
      if (head.op === "stop-instance") return { found: true };
      if (head.op === "probe") {
        return inBody({}, JSON.stringify({ ok: true, tookMs: 1, probes: [] }));
      }
      return instancesReply(functionIds.map((id) => instanceOf(id, { id: INSTANCE })));
    },
  });
  const ended = await harness.ended(await harness.deploy("shop", { hello: "1", second: "2" }));
  assert.equal(ended.state, "succeeded");
  const found = await harness.send<{ id: FunctionId }>("GET", "/v1/apps/shop/functions/second");
  functionIds.push(found.body.id);
  return harness;
}

async function auditOf(harness: Harness, operation: string): Promise<readonly AuditResource[]> {
  const path = "/v1/audit?limit=1000";
  const { body } = await harness.send<{ items: AuditResource[] }>("GET", path);
  return body.items.filter(({ details }) => details["operation"] === operation);
}

/** Everything that users can see of the platform's state. */
async function visibleState(harness: Harness): Promise<string> {
  const replies = [];
  for (const path of ["/v1/apps", "/v1/apps/shop/functions", "/v1/keys", "/v1/platform"]) {
    replies.push((await harness.send("GET", path)).body);
  }
  return JSON.stringify(replies);
}

test("the table of requests has every operation that changes something, and no other", () => {
  const mutating = Object.entries(OPERATIONS).filter(([, { mutates }]) => mutates);
  assert.deepEqual(NAMES.toSorted(), mutating.map(([name]) => name).toSorted());
});

for (const name of NAMES) {
  test(`${name} writes exactly one audit record, naming key and request`, async () => {
    await using harness = await openDeployed();
    const before = await auditOf(harness, name);
    const reply = await REQUESTS[name](harness);
    assert.equal(reply.status, OPERATIONS[name].status, JSON.stringify(reply.body));
    const known = new Set(before.map(({ id }) => id));
    const requestId = reply.headers.get("x-skerry-request-id");
    const fresh = (await auditOf(harness, name)).filter(({ id }) => !known.has(id));
    const own = fresh.filter((record) => record.requestId === requestId);
    assert.equal(own.length, 1);
    assert.equal(own[0]?.action, OPERATIONS[name].action);
    const { body: who } = await harness.send<{ keyId: string }>("GET", "/v1/principal");
    assert.equal(own[0]?.keyId, who.keyId);
  });

  test(`${name} leaves neither change nor record when its transaction fails at the end`, async () => {
    await using harness = await openDeployed();
    const stateBefore = name === "deleteKey" ? "" : await visibleState(harness);
    const recordsBefore = await auditOf(harness, name);
    harness.faults.failsAtTheEnd = (procedure) => procedure === PROCEDURES[name];
    const reply = await REQUESTS[name](harness);
    harness.faults.failsAtTheEnd = () => false;
    assert.equal(reply.status, 409, JSON.stringify(reply.body));
    assert.deepEqual(await auditOf(harness, name), recordsBefore);
    if (stateBefore !== "") assert.equal(await visibleState(harness), stateBefore);
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
