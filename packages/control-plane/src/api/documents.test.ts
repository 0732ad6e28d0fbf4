import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type OperationName, OPERATIONS } from "@skerry/api-schema";
import type { OpenApiDocument } from "@skerry/openapi";
import { createOpenApiCheck, findOpenApiProblems } from "@skerry/testkit/openapi-check";
import { Harness, type Problem, type Reply } from "../../test/harness.ts";
import {
  MUTATING,
  openDeployed,
  redrivePath,
  releasePath,
  sendMutation,
  type Mutating,
} from "../../test/mutations.ts";

const DOCUMENT = "/v1/openapi.json";
const REFERENCE = "/v1/reference";
const REQUEST = "01a1fc77-df64-7f8d-973e-e3a314b4a0b6";
const FN = "/v1/apps/shop/functions/hello";
const KEYS = "/v1/apps/shop/server-keys";
const ACTION = "/v1/apps/shop/actions/grant";
const TIMER = "/v1/apps/shop/timers/shown";
const TOPIC = "/v1/topics/shown";
const RULES = "/v1/apps/shop/rules";
const RULE = { pattern: { type: ["order.placed"] }, function: "hello" };
const TRIGGERS = "/v1/apps/shop/topic-triggers";
const TRIGGER = { topic: "shown", function: "hello" };

type Reading = Exclude<OperationName, Mutating>;

/** Its path; its stage `test` has a publication. */
async function madeApi(harness: Harness): Promise<string> {
  const path = "/v1/apps/shop/gateway-apis/web";
  const to = { answer: { body: "ok", headers: { "x-stage": "{stage.colour}" } } };
  const body = {
    routes: [{ path: "/a/{id}", to, auth: "none" }],
    stages: { test: { variables: { colour: "blue" } } },
  };
  const { status } = await harness.send("PUT", path, { body });
  assert.ok(status < 300, `${status}`);
  return path;
}

/** Its path. */
async function madeDomain(harness: Harness): Promise<string> {
  await madeApi(harness);
  const path = "/v1/domains/*.shop.example";
  const body = { app: "shop", api: "web", stage: "test" };
  const { status } = await harness.send("PUT", path, { body });
  assert.ok(status < 300, `${status}`);
  return path;
}

/** A request of each operation that only reads; a missing one is a type error. */
const READS: Readonly<Record<Reading, (harness: Harness) => Promise<Reply>>> = {
  getPlatform: (harness) => harness.send("GET", "/v1/platform"),
  getPrincipal: (harness) => harness.send("GET", "/v1/principal"),
  listApps: (harness) => harness.send("GET", "/v1/apps"),
  listFunctions: (harness) => harness.send("GET", "/v1/apps/shop/functions"),
  getFunction: (harness) => harness.send("GET", FN),
  getFunctionLane: (harness) => harness.send("GET", `${FN}/lane`),
  headPackage: async (harness) => {
    const digest = await harness.upload("shop", "1");
    return harness.send("HEAD", `/v1/apps/shop/packages/${digest}`);
  },
  planDeployment: async (harness) => {
    const sourceDigest = await harness.upload("shop", "1");
    const body = { functions: [{ name: "hello", sourceDigest }] };
    return harness.send("POST", "/v1/apps/shop/plans", { body });
  },
  getDeployment: async (harness) => {
    const { id } = await harness.deploy("shop", { hello: "4" });
    return harness.send("GET", `/v1/apps/shop/deployments/${id}`);
  },
  listDeployments: (harness) => harness.send("GET", "/v1/apps/shop/deployments"),
  listDeploymentLog: async (harness) => {
    const { id } = await harness.deploy("shop", { hello: "5" });
    return harness.send("GET", `/v1/apps/shop/deployments/${id}/logs`);
  },
  listInstances: (harness) => harness.send("GET", "/v1/instances"),
  listLogs: (harness) => {
    harness.logs.write("one");
    return harness.send("GET", `${FN}/logs`);
  },
  listInvocations: (harness) => harness.send("GET", `${FN}/invocations`),
  getInvocation: (harness) => {
    harness.invocations.records.push({
      ...{ requestId: REQUEST, revisionId: "rev_1", instanceId: null, outcome: "ok", status: 200 },
      ...{ startedAt: "2026-01-01T00:00:00.000Z", coldReason: "warm", startKind: "warm" },
      ...{ billedMs: 1, memoryMb: 128, bytesIn: 0, bytesOut: 1 },
      stagesMs: { queue: 0, place: 0, boot: 0, code: 0, init: 0, handler: 1 },
      ...{ site: "local", zone: "local", set: "local" },
    });
    return harness.send("GET", `${FN}/invocations/${REQUEST}`);
  },
  getInvocationTrace: (harness) => harness.send("GET", `${FN}/invocations/${REQUEST}/trace`),
  listConsoleSessions: async (harness) => {
    await harness.signIn();
    return harness.send("GET", "/v1/console-sessions");
  },
  getTraffic: (harness) => harness.send("GET", "/v1/traffic"),
  callFunction: (harness) => harness.send("POST", `${FN}/calls`, { body: { event: { a: 1 } } }),
  burstFunction: (harness) => {
    const body = { event: null, callers: 2, callsEach: 1 };
    return harness.send("POST", `${FN}/bursts`, { body });
  },
  listSavedEvents: async (harness) => {
    await harness.send("PUT", `${FN}/events/a`, { body: { event: [1] } });
    return harness.send("GET", `${FN}/events`);
  },
  getQuotas: (harness) => harness.send("GET", "/v1/quotas"),
  getUsage: (harness) => harness.send("GET", "/v1/usage"),
  getTop: (harness) => harness.send("GET", "/v1/top"),
  listSecrets: async (harness) => {
    await harness.send("PUT", "/v1/secrets/shown", { body: { value: "v" } });
    return harness.send("GET", "/v1/secrets");
  },
  getSecret: async (harness) => {
    await harness.send("PUT", "/v1/secrets/shown", { body: { value: "v" } });
    return harness.send("GET", "/v1/secrets/shown");
  },
  listAppSecrets: (harness) => harness.send("GET", "/v1/apps/shop/secrets"),
  getAppSecret: async (harness) => {
    await harness.send("PUT", "/v1/apps/shop/secrets/shown", { body: { value: "v" } });
    return harness.send("GET", "/v1/apps/shop/secrets/shown");
  },
  listConfigs: (harness) => harness.send("GET", "/v1/apps/shop/configs"),
  getConfig: async (harness) => {
    const path = "/v1/apps/shop/configs/shown.txt";
    await harness.send("PUT", path, { body: { content: "v" } });
    return harness.send("GET", path);
  },
  acceptInvocation: (harness) =>
    harness.send("POST", `${FN}/invocations`, { body: { event: [1], orderingKey: "a" } }),
  listAcceptedInvocations: (harness) => {
    harness.ledger.add({ state: "failed" });
    return harness.send("GET", "/v1/invocations?state=failed");
  },
  getAcceptedInvocation: (harness) => {
    const { id } = harness.ledger.add({ state: "failed" });
    return harness.send("GET", `/v1/invocations/${id}`);
  },
  followInvocation: (harness) => {
    const { id } = harness.ledger.add({ state: "succeeded" });
    return harness.send("GET", `/v1/invocations/${id}/moments`);
  },
  getAcceptedPayload: (harness) => {
    const { id } = harness.ledger.add({ state: "waiting" });
    return harness.send("GET", `/v1/invocations/${id}/payload`);
  },
  getAcceptedResult: (harness) => {
    const { id } = harness.ledger.add({ state: "succeeded" });
    return harness.send("GET", `/v1/invocations/${id}/result`);
  },
  listActions: async (harness) => {
    const body = { function: "hello", drives: { manual: true } };
    await harness.send("PUT", ACTION, { body });
    return harness.send("GET", "/v1/apps/shop/actions");
  },
  listServerKeys: async (harness) => {
    await harness.send("POST", KEYS, { body: { name: "players" } });
    return harness.send("GET", KEYS);
  },
  getAction: (harness) => harness.send("GET", ACTION),
  listVersions: (harness) => harness.send("GET", `${FN}/versions`),
  getVersion: async (harness) => harness.send("GET", `${FN}/versions/${await publish(harness)}`),
  getVersionFigures: async (harness) =>
    harness.send("GET", `${FN}/versions/${await publish(harness)}/figures`),
  listAliases: async (harness) => {
    await setAlias(harness);
    return harness.send("GET", `${FN}/aliases`);
  },
  getAlias: async (harness) => {
    await setAlias(harness);
    return harness.send("GET", `${FN}/aliases/shown`);
  },
  listAliasHistory: async (harness) => {
    await setAlias(harness);
    return harness.send("GET", `${FN}/aliases/shown/history`);
  },
  listGatewayApis: async (harness) => {
    await madeApi(harness);
    return harness.send("GET", "/v1/apps/shop/gateway-apis");
  },
  getGatewayApi: async (harness) => harness.send("GET", await madeApi(harness)),
  listGatewayApiLogs: async (harness) => {
    harness.logs.write("one");
    return harness.send("GET", `${await madeApi(harness)}/logs`);
  },
  listStages: async (harness) => harness.send("GET", `${await madeApi(harness)}/stages`),
  getStage: async (harness) => harness.send("GET", `${await madeApi(harness)}/stages/dev`),
  listPublications: async (harness) =>
    harness.send("GET", `${await madeApi(harness)}/stages/test/publications`),
  getPublication: async (harness) =>
    harness.send("GET", `${await madeApi(harness)}/stages/test/publications/1`),
  diffGatewayApi: async (harness) =>
    harness.send("GET", `${await madeApi(harness)}/diff?from=dev&to=draft`),
  getGatewayApiDocument: async (harness) =>
    harness.send("GET", `${await madeApi(harness)}/openapi?stage=test`),
  listDomains: async (harness) => {
    await madeDomain(harness);
    return harness.send("GET", "/v1/domains");
  },
  getDomain: async (harness) => harness.send("GET", await madeDomain(harness)),
  listReleases: async (harness) => {
    await releasePath(harness);
    return harness.send("GET", "/v1/apps/shop/releases");
  },
  getRelease: async (harness) => harness.send("GET", await releasePath(harness)),
  listRedrives: (harness) => harness.send("GET", "/v1/redrives"),
  getRedrive: async (harness) => harness.send("GET", await redrivePath(harness)),
  listTimers: async (harness) => {
    await harness.send("PUT", TIMER, { body: { function: "hello", cron: "0 8 * * *" } });
    return harness.send("GET", "/v1/apps/shop/timers");
  },
  getTimer: (harness) => harness.send("GET", TIMER),
  listTimerTicks: (harness) => harness.send("GET", `${TIMER}/ticks?count=2`),
  putEvents: (harness) =>
    harness.send("POST", "/v1/events", { body: { type: "order.placed", source: "/shop" } }),
  listEvents: (harness) => harness.send("GET", "/v1/events?from=latest"),
  listRules: async (harness) => {
    await harness.send("PUT", `${RULES}/a`, { body: RULE });
    return harness.send("GET", RULES);
  },
  getRule: async (harness) => {
    await harness.send("PUT", `${RULES}/a`, { body: RULE });
    return harness.send("GET", `${RULES}/a`);
  },
  testPattern: (harness) => {
    const event = { type: "order.placed", source: "/shop" };
    const body = { pattern: RULE.pattern, event };
    return harness.send("POST", "/v1/event-patterns/test", { body });
  },
  listTopics: async (harness) => {
    await harness.send("PUT", TOPIC, { body: {} });
    return harness.send("GET", "/v1/topics");
  },
  getTopic: async (harness) => {
    await harness.send("PUT", TOPIC, { body: {} });
    return harness.send("GET", TOPIC);
  },
  publishMessages: (harness) =>
    harness.send("POST", `${TOPIC}/messages`, { body: { messages: [{ key: "a", data: 1 }] } }),
  listTopicMessages: (harness) => harness.send("GET", `${TOPIC}/messages?from=latest`),
  followTopicMessages: (harness) => harness.send("GET", `${TOPIC}/messages/live`),
  listTopicTriggers: async (harness) => {
    await harness.send("PUT", `${TRIGGERS}/a`, { body: TRIGGER });
    return harness.send("GET", TRIGGERS);
  },
  getTopicTrigger: async (harness) => {
    await harness.send("PUT", `${TRIGGERS}/a`, { body: TRIGGER });
    return harness.send("GET", `${TRIGGERS}/a`);
  },
  listTopicDeadLetters: async (harness) => {
    await harness.send("PUT", `${TRIGGERS}/a`, { body: TRIGGER });
    return harness.send("GET", `${TRIGGERS}/a/dead-letters`);
  },
  getMetrics: (harness) => harness.send("GET", "/metrics"),
  listKeys: (harness) => harness.send("GET", "/v1/keys"),
  listAudit: (harness) => harness.send("GET", "/v1/audit"),
};

async function publish(harness: Harness): Promise<number> {
  const path = `${FN}/versions`;
  const { body } = await harness.send<{ version: number }>("POST", path, { body: {} });
  return body.version;
}

async function setAlias(harness: Harness): Promise<void> {
  const body = { target: { version: await publish(harness), stickyBy: { from: "path" } } };
  await harness.send("PUT", `${FN}/aliases/shown`, { body });
}

async function documentOf(harness: Harness): Promise<OpenApiDocument> {
  return (await harness.send<OpenApiDocument>("GET", DOCUMENT, { key: null })).body;
}

test("the document is valid OpenAPI 3.1 and needs no key", async () => {
  await using harness = await Harness.open();
  const document = await documentOf(harness);
  assert.match(document.openapi, /^3\.1\./);
  assert.deepEqual(await findOpenApiProblems(document), []);
  const { info, ...without } = document;
  assert.notDeepEqual(await findOpenApiProblems(without), [], "the control: no title");
  assert.equal(info.version, "0.1.0-test");
});

test("the real answer of every operation fits the document", async () => {
  await using harness = await openDeployed();
  const document = await documentOf(harness);
  const check = createOpenApiCheck(document);
  const seen = new Set<string>();
  const names: readonly OperationName[] = [...(Object.keys(READS) as Reading[]), ...MUTATING];
  // The harness holds every answer against the document and throws when one does not fit.
  for (const name of names.toSorted(lastWhatRemoves)) {
    const { status, body } =
      name in READS
        ? await READS[name as Reading](harness)
        : await sendMutation(harness, name as Mutating);
    assert.equal(status, OPERATIONS[name].status, `${name}: ${JSON.stringify(body)}`);
    seen.add(check.operationOf(OPERATIONS[name].method, OPERATIONS[name].path) ?? "");
  }
  const declared = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  assert.deepEqual([...seen].toSorted(), declared.toSorted());
});

function lastWhatRemoves(a: OperationName, b: OperationName): number {
  const rank = (name: OperationName): number =>
    ["deleteFunction", "stopInstance", "deleteApp"].indexOf(name);
  return rank(a) - rank(b);
}

test("an answer that does not fit is found: the check's own control", async () => {
  await using harness = await openDeployed();
  const check = createOpenApiCheck(await documentOf(harness));
  const reply = await harness.send<Record<string, unknown>>("GET", FN);
  const request = { method: "GET", path: FN };
  const answer = (body: object, status = 200) =>
    check.answerProblems(request, { ...reply, status, body: JSON.stringify(body) });
  const { name, ...nameless } = reply.body;
  assert.deepEqual(answer(reply.body), []);
  assert.notDeepEqual(answer(nameless), [], `${String(name)} is missing`);
  assert.notDeepEqual(answer({ ...reply.body, surprise: 1 }), []);
  assert.notDeepEqual(answer({ ...reply.body, urls: "http://x" }), []);
  assert.notDeepEqual(answer(reply.body, 201), []);
  const headers = new Headers({ "content-type": "text/html" });
  assert.notDeepEqual(check.answerProblems(request, { status: 200, headers, body: "" }), []);
});

test("both documents have tags, and are read and not written", async () => {
  await using harness = await Harness.open();
  for (const path of [DOCUMENT, REFERENCE]) {
    const first = await harness.send("GET", path, { key: null });
    assert.equal(first.status, 200);
    const headers = { "if-none-match": first.headers.get("etag") ?? "" };
    const again = await harness.send("GET", path, { key: null, headers });
    assert.deepEqual([again.status, again.body], [304, ""]);
    const head = await harness.send("HEAD", path, { key: null });
    assert.deepEqual([head.status, head.body], [200, ""]);
    const written = await harness.send<Problem>("POST", path, { key: null });
    assert.equal(written.status, 405);
    assert.equal(written.headers.get("allow"), "GET, HEAD");
  }
});

test("the page has every operation and schema, and runs nothing but its own style and script", async () => {
  await using harness = await Harness.open();
  const { headers, body } = await harness.send<string>("GET", REFERENCE, { key: null });
  const document = await documentOf(harness);
  for (const name of Object.keys(OPERATIONS)) assert.ok(body.includes(`id="${name}"`), name);
  for (const name of Object.keys(document.components.schemas)) {
    assert.ok(body.includes(`id="schema-${name}"`), name);
  }
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none';/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  for (const tag of ["style", "script"]) {
    const [text, ...others] = [...body.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, "gs"))];
    const digest = createHash("sha256")
      .update(text?.[1] ?? "")
      .digest("base64");
    assert.ok(policy.includes(`${tag}-src 'sha256-${digest}'`), tag);
    assert.equal(others.length, 0);
  }
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.doesNotMatch(body, / (src|on\w+|style)=/, "nothing is fetched, nothing runs inline");
  const links = [...body.matchAll(/ href="([^"]*)"/g)].map(([, href = ""]) => href);
  for (const href of links) {
    const target = href.slice(1);
    const stays = href === "data:," || href === DOCUMENT;
    assert.ok(stays || (href.startsWith("#") && body.includes(`id="${target}"`)), href);
  }
});
