import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type {
  AuditResource,
  DeploymentResource,
  FunctionResource,
  ReleaseResource,
} from "@skerry/api-schema";
import { createIdSource, silentLog, systemClock, systemRandom } from "@skerry/base";
import { openPostgresStore } from "@skerry/store";
import { hasPostgres, startPostgres, type PostgresServer } from "@skerry/testkit";
import { Harness } from "../test/harness.ts";
import { storeModule14 } from "../test/store-module-14.ts";

interface Items<T> {
  readonly items: readonly T[];
}

/** What a user does from the first upload to the last removal, over whatever store is below. */
async function walk(harness: Harness): Promise<void> {
  harness.agent();
  const gateway = harness.peer({ role: "gateway", id: "gw_1" }).watch(0);
  const accepted = await harness.deploy("shop", { hello: "1", bye: "2" });
  assert.equal(accepted.state, "building");
  const ended: DeploymentResource = await harness.ended(accepted);
  assert.equal(ended.state, "succeeded", JSON.stringify(ended));
  assert.deepEqual(
    ended.functions.map(({ state, warnings }) => [state, warnings]),
    [
      ["active", []],
      ["active", []],
    ],
  );
  const found = await harness.send<FunctionResource>("GET", "/v1/apps/shop/functions/hello");
  assert.equal(found.body.latest.id, ended.functions[0]?.revisionId);
  assert.deepEqual(found.body.urls, [
    "http://hello.shop.localhost:4480/",
    "http://127.0.0.1:4480/-/shop/hello/",
  ]);
  const key = { name: "ci", role: "developer", apps: ["shop"] };
  const once = { body: key, headers: { "idempotency-key": "ci-key" } };
  const made = await harness.send<{ id: string; key: string }>("POST", "/v1/keys", once);
  const replays = await Promise.all([1, 2].map(() => harness.send("POST", "/v1/keys", once)));
  for (const replay of replays) assert.deepEqual(replay.body, made.body);
  const changed = await harness.deploy("shop", { hello: "3" }, { timeoutMs: 500 });
  assert.equal((await harness.ended(changed)).state, "succeeded");
  const listed = await harness.send<Items<FunctionResource>>("GET", "/v1/apps/shop/functions", {
    key: made.body.key,
  });
  assert.deepEqual(
    listed.body.items.map(({ name, etag }) => `${name} ${etag}`),
    ['bye "1"', 'hello "2"'],
  );
  await harness.restart();
  const again = harness.peer({ role: "gateway", id: "gw_1" }).watch(gateway.seq);
  await again.until(() => again.batches.length === 1);
  assert.equal((await harness.send("DELETE", "/v1/apps/shop/functions/bye")).status, 204);
  assert.equal((await harness.send("DELETE", "/v1/apps/shop")).status, 204);
  assert.equal((await harness.send("DELETE", `/v1/keys/${made.body.id}`)).status, 204);
  await again.until(() => again.entries().length === 3);
  assert.ok(again.entries().every(({ value }) => value === null));
  const audit = await harness.send<Items<AuditResource>>("GET", "/v1/audit");
  assert.deepEqual(
    audit.body.items.map(({ details }) => details["operation"]),
    [
      ...["deleteKey", "deleteApp", "deleteFunction", "activateDeployment", "createDeployment"],
      ...["putPackage", "createKey", "activateDeployment", "createDeployment", "putPackage"],
      ...["putPackage", "ensureLocalKey"],
    ],
  );
}

test("an upload becomes a function that gateways hear of, until it is removed", async () => {
  await using harness = await Harness.open();
  await walk(harness);
});

/** A release of an app whose routes go along, and an alias with variables, as this release has. */
async function releaseRoutes(harness: Harness): Promise<void> {
  harness.agent();
  await harness.ended(await harness.deploy("shop", { hello: "1" }));
  const app = "/v1/apps/shop";
  const said = async (method: string, path: string, body: object): Promise<void> => {
    const reply = await harness.send(method, `${app}${path}`, { body });
    assert.ok(reply.status < 300, `${path}: ${JSON.stringify(reply.body)}`);
  };
  const routes = [{ path: "/", to: { function: "hello" }, auth: "none" }];
  await said("PUT", "/gateway-apis/public", { routes });
  await said("POST", "/functions/hello/versions", {});
  const target = { version: 1, env: { LEVEL: "warn" } };
  await said("PUT", "/functions/hello/aliases/loud", { target });
  await said("POST", "/releases", { stages: ["release"] });
  const { body } = await harness.send<Items<ReleaseResource>>("GET", `${app}/releases`);
  assert.deepEqual(
    body.items.map(({ apis }) => apis.map(({ api, stage }) => [api, stage])),
    [[["public", "release"]]],
  );
}

/** Opens a database that an earlier release has made, and works in it. */
async function upgrade(databaseUrl: string): Promise<void> {
  const deps = { log: silentLog(), clock: systemClock(), random: systemRandom() };
  const options = { url: databaseUrl, modules: [storeModule14], poolMax: 1 };
  const earlier = await openPostgresStore(deps, options);
  const account = { freshId: createIdSource(deps).id("acct"), wallMs: 1 };
  const accountId = await earlier.call(storeModule14.module, "ensureAccount", account);
  await earlier.call(storeModule14.module, "leaveRelease", accountId);
  await earlier.close();
  await using harness = await Harness.open({}, databaseUrl);
  const { body } = await harness.send<Items<ReleaseResource>>("GET", "/v1/apps/old/releases");
  assert.deepEqual(
    body.items.map(({ reason, state, apis }) => [reason, state, apis]),
    [["of before", "done", []]],
  );
  await releaseRoutes(harness);
}

if (hasPostgres()) {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());

  test("the same holds over PostgreSQL", async () => {
    await using harness = await Harness.open({}, server.url);
    await walk(harness);
  });

  test("the tables of an earlier release are upgraded in PostgreSQL, and what is in them stays", async (t) => {
    const earlier = await startPostgres();
    t.after(() => earlier.stop());
    await upgrade(earlier.url);
  });
}
