import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, systemClock, systemRandom, type FunctionId } from "@skerry/base";
import { mintKey } from "@skerry/accounts";
import { type OperationName, OPERATIONS } from "@skerry/api-schema";
import { type Action, ACTIONS, type InstanceView, type Role } from "@skerry/contracts";
import { role } from "@skerry/contracts/schemas";
import { AGENT_ID, Harness, type Problem } from "../../test/harness.ts";
import { instanceOf, instancesReply } from "../../test/instances.ts";
import { built } from "../../test/peer-double.ts";

const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
const NAMES = Object.keys(OPERATIONS) as OperationName[];

/**
 * What each role may do, written out by hand: the code under test must not supply its own
 * expectation.
 */
const READ: readonly Action[] = [
  "platform.read",
  "apps.read",
  "functions.read",
  "timers.read",
  "actions.read",
  "topics.read",
  "events.read",
  "rules.read",
  "logs.read",
  "instances.read",
  "metrics.read",
  "quotas.read",
  "secrets.read",
  "configs.read",
  "invocations.read",
  "domains.read",
];
const DEVELOP: readonly Action[] = [
  ...READ,
  "timers.write",
  "actions.write",
  "topics.write",
  "topics.publish",
  "events.put",
  "rules.write",
  "functions.deploy",
  "functions.delete",
  "functions.invoke",
  "secrets.write",
  "configs.write",
  "invocations.write",
  "domains.write",
];
const OPERATE: readonly Action[] = [
  ...DEVELOP,
  ...(["instances.stop", "nodes.probe", "audit.read", "keys.read", "secrets.rotate"] as const),
  "quotas.write",
];
const EXPECTED: Readonly<Record<Role, readonly Action[]>> = {
  viewer: READ,
  developer: DEVELOP,
  operator: OPERATE,
  admin: ACTIONS,
};

/** What a key confined to apps may ask without naming an app. */
const OF_ACCOUNT: readonly Action[] = [
  "platform.read",
  "apps.read",
  "instances.read",
  "instances.stop",
  "invocations.read",
  "invocations.write",
  "domains.read",
  "domains.write",
];

/**
 * The path of an operation for things that do not exist, so that a call that is let through changes
 * nothing.
 */
function pathOf(name: OperationName, app: string): string {
  const values: Readonly<Record<string, string>> = {
    ...{ app, fn: "none", digest: `src_${"0".repeat(64)}`, key: ids.id("key") },
    ...{ deployment: ids.id("dep"), instance: ids.id("inst"), request: ids.requestId() },
    ...{ session: ids.id("ses"), event: "none", node: ids.id("node") },
    ...{ secret: "none", config: "none", timer: "none" },
    ...{ topic: "none", trigger: "none", rule: "none" },
    ...{ version: "1", alias: "none" },
    ...{ action: "none", serverKey: "none", redrive: ids.id("rdr") },
    host: "none.example",
    ...{ release: ids.id("rel"), api: "none", stage: "test", publication: "1" },
  };
  return OPERATIONS[name].path.replaceAll(/\{(\w+)\}/g, (_, key: string) => {
    assert.ok(values[key] !== undefined, `a sample of {${key}}, for ${name}`);
    return values[key];
  });
}

async function call(harness: Harness, name: OperationName, key: string | null, app = "shop") {
  const { method } = OPERATIONS[name];
  const hasBody = method === "POST" || method === "PUT";
  const request = { key, ...(hasBody ? { raw: "{}", headers: JSON_TYPE } : {}) };
  const reply = await harness.send<Problem | undefined>(method, pathOf(name, app), request);
  const reason = (reply.body as Partial<Problem> | undefined)?.error?.reason;
  return { status: reply.status, reason };
}

const JSON_TYPE = { "content-type": "application/json" };

async function makeKey(harness: Harness, roleName: Role, apps: readonly string[] | null) {
  const body = { name: `${roleName} key`, role: roleName, apps };
  const reply = await harness.send<{ id: string; key: string }>("POST", "/v1/keys", { body });
  assert.equal(reply.status, 201);
  return reply.body;
}

test("every operation is denied or let through exactly as role and app confinement say", async () => {
  await using harness = await Harness.open({ refusalsBurst: 10_000 });
  let checked = 0;
  for (const roleName of role.options) {
    for (const apps of [null, ["shop"], ["other"]]) {
      const { key } = await makeKey(harness, roleName, apps);
      for (const name of NAMES) {
        const { action, path } = OPERATIONS[name];
        const inApp = path.includes("{app}") ? apps === null || apps[0] === "shop" : undefined;
        const outside = apps === null || OF_ACCOUNT.includes(action);
        const allowed = EXPECTED[roleName].includes(action) && (inApp ?? outside);
        const { status, reason } = await call(harness, name, key);
        const where = `${roleName} confined to ${String(apps)}: ${name} answered ${status} ${reason}`;
        assert.equal(status === 403, !allowed, where);
        assert.notEqual(status, 401, where);
        if (!allowed && OPERATIONS[name].method !== "HEAD")
          assert.equal(reason, "ACTION_DENIED", where);
        checked += 1;
      }
    }
  }
  assert.equal(checked, NAMES.length * 12);
});

test("no operation answers without a valid key", async () => {
  await using harness = await Harness.open({ refusalsBurst: 10_000 });
  const revoked = await makeKey(harness, "admin", null);
  assert.equal((await harness.send("DELETE", `/v1/keys/${revoked.id}`)).status, 204);
  const stranger = mintKey(ids.id("key"), systemRandom()).text;
  const wrongSecret = harness.adminKey.slice(0, -4) + "AAAA";
  for (const name of NAMES) {
    for (const key of [null, stranger, wrongSecret, revoked.key, "nonsense", ""]) {
      const { status } = await call(harness, name, key);
      assert.equal(status, 401, `${name} with ${String(key).slice(0, 12)}`);
    }
  }
});

test("the permission check is what refuses: with the right key each operation gets past it", async () => {
  await using harness = await Harness.open();
  for (const name of NAMES) {
    const { status } = await call(harness, name, harness.adminKey);
    assert.ok(status !== 401 && status !== 403, `${name} answered ${status}`);
  }
});

test("an unknown key and a wrong secret get the same answer", async () => {
  await using harness = await Harness.open();
  const stranger = mintKey(ids.id("key"), systemRandom()).text;
  const wrongSecret = harness.adminKey.slice(0, -4) + "AAAA";
  const answers = [];
  for (const key of [stranger, wrongSecret]) {
    const { status, body } = await harness.send<Problem>("GET", "/v1/apps", { key });
    answers.push({ status, error: { ...body.error, requestId: "" } });
  }
  assert.deepEqual(answers[0], answers[1]);
});

test("two keys in one request are refused, whatever they are", async () => {
  await using harness = await Harness.open();
  const headers = { "x-skerry-key": harness.adminKey };
  const both = await harness.send<Problem>("GET", "/v1/apps", { headers });
  assert.equal(both.body.error.reason, "KEY_AMBIGUOUS");
  const one = await harness.send("GET", "/v1/apps", { headers, key: null });
  assert.equal(one.status, 200);
});

test("a confined key sees only its own apps in the list of apps", async () => {
  await using harness = await Harness.open();
  harness.agent();
  for (const app of ["one", "two", "three"])
    await harness.ended(await harness.deploy(app, { f: app }));
  const { key } = await makeKey(harness, "viewer", ["two", "absent"]);
  const { body } = await harness.send<{ items: { name: string }[] }>("GET", "/v1/apps", { key });
  assert.deepEqual(
    body.items.map(({ name }) => name),
    ["two"],
  );
});

test("a confined key sees and stops instances of its own apps only, if its role may", async () => {
  await using harness = await Harness.open();
  const views: InstanceView[] = [];
  const agent = harness.peer({
    ...{ role: "agent", id: AGENT_ID },
    answer: (head) => {
      if (head.op === "build") return built(head as never);
      return head.op === "stop-instance" ? { found: true } : instancesReply(views);
    },
  });
  for (const app of ["shop", "blog"]) {
    await harness.ended(await harness.deploy(app, { f: app }));
    const path = `/v1/apps/${app}/functions/f`;
    const { body } = await harness.send<{ id: FunctionId }>("GET", path);
    views.push(instanceOf(body.id, { id: ids.id("inst"), app, fn: "f" }));
  }
  const [own, foreign] = views.map(({ id }) => `/v1/instances/${id}`) as [string, string];
  const operator = await makeKey(harness, "operator", ["shop"]);
  const viewer = await makeKey(harness, "viewer", ["shop"]);
  const elsewhere = await makeKey(harness, "operator", ["other"]);
  const listed = async (key: string): Promise<readonly string[]> => {
    const list = await harness.send<{ items: { app: string }[] }>("GET", "/v1/instances", { key });
    return list.body.items.map(({ app }) => app);
  };
  assert.deepEqual(await listed(operator.key), ["shop"]);
  assert.deepEqual(await listed(viewer.key), ["shop"]);
  assert.deepEqual(await listed(elsewhere.key), []);
  assert.deepEqual((await listed(harness.adminKey)).toSorted(), ["blog", "shop"]);
  const stop = async (path: string, key: string): Promise<number> =>
    (await harness.send("DELETE", path, { key })).status;
  assert.equal(await stop(own, viewer.key), 403);
  assert.equal(await stop(own, elsewhere.key), 404);
  assert.equal(await stop(foreign, operator.key), 404, "as if it were not there");
  assert.deepEqual(
    agent.asked.filter(({ op }) => op === "stop-instance"),
    [],
  );
  assert.equal(await stop(own, operator.key), 204);
});

test("refused keys are slowed down by address while a valid key goes on", async () => {
  await using harness = await Harness.open({ refusalsBurst: 3, refusalsPerSecond: 0.01 });
  const statuses = [];
  for (let i = 0; i < 5; i += 1) {
    statuses.push((await harness.send("GET", "/v1/apps", { key: "guess" })).status);
  }
  assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
  assert.equal((await harness.send("GET", "/v1/apps")).status, 200);
});

test("one key's flood is limited and told when to come back", async () => {
  await using harness = await Harness.open({ keyRequestsBurst: 3, keyRequestsPerSecond: 0.01 });
  const { key } = await makeKey(harness, "viewer", null);
  const replies = [];
  for (let i = 0; i < 4; i += 1)
    replies.push(await harness.send<Problem>("GET", "/v1/apps", { key }));
  const last = replies.at(-1);
  assert.equal(last?.body.error.reason, "API_RATE_LIMITED");
  // As long as one takes, less what has gone by since.
  const retryAfterS = Number(last.headers.get("retry-after"));
  assert.ok(retryAfterS > 10 && retryAfterS <= 100, String(retryAfterS));
});

test("the platform's admin key is kept while its text is there, and replaced when it is lost", async () => {
  await using harness = await Harness.open();
  const first = harness.adminKey;
  await harness.restart();
  assert.equal(harness.adminKey, first);
  const fresh = await harness.control.ensureAdminKey(undefined);
  assert.ok(fresh !== undefined && fresh !== first);
  assert.equal((await harness.send("GET", "/v1/apps", { key: first })).status, 401);
  assert.equal((await harness.send("GET", "/v1/apps", { key: fresh })).status, 200);
});

test("the last unconfined admin key cannot be revoked", async () => {
  await using harness = await Harness.open();
  const { body } = await harness.send<{ items: { id: string }[] }>("GET", "/v1/keys");
  const path = `/v1/keys/${body.items[0]?.id}`;
  const refused = await harness.send<Problem>("DELETE", path);
  assert.equal(refused.body.error.reason, "KEY_LAST_ADMIN");
  await makeKey(harness, "admin", ["shop"]);
  assert.equal((await harness.send<Problem>("DELETE", path)).body.error.reason, "KEY_LAST_ADMIN");
  await makeKey(harness, "admin", null);
  assert.equal((await harness.send("DELETE", path)).status, 204);
});

test("a key confined to apps may not let a function of its app read the account's topics", async () => {
  await using harness = await Harness.open();
  await harness.send("PUT", "/v1/topics/prices", { body: {} });
  const path = "/v1/apps/shop/topic-triggers/store";
  const body = { topic: "prices", function: "hello" };
  const { key } = await makeKey(harness, "developer", ["shop"]);
  const refused = await harness.send<Problem>("PUT", path, { key, body });
  assert.deepEqual([refused.status, refused.body.error.reason], [403, "ACTION_DENIED"]);
  assert.equal(harness.topics.triggers.size, 0);
  const whole = await makeKey(harness, "developer", null);
  assert.equal((await harness.send("PUT", path, { key: whole.key, body })).status, 200);
});
