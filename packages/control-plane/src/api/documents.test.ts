import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { OPERATIONS, type OpenApiDocument, type OperationName } from "@skerry/contracts";
import { createOpenApiCheck, findOpenApiProblems } from "@skerry/testkit";
import { Harness, type Problem, type Reply } from "../../test/harness.ts";
import { MUTATING, openDeployed, sendMutation, type Mutating } from "../../test/mutations.ts";

const DOCUMENT = "/v1/openapi.json";
const REFERENCE = "/v1/reference";
const REQUEST = "01a1fc77-df64-7f8d-973e-e3a314b4a0b6";
const FN = "/v1/apps/shop/functions/hello";

type Reading = Exclude<OperationName, Mutating>;

/** A request of each operation that only reads; a missing one is a type error. */
const READS: Readonly<Record<Reading, (harness: Harness) => Promise<Reply>>> = {
  getPlatform: (harness) => harness.send("GET", "/v1/platform"),
  getPrincipal: (harness) => harness.send("GET", "/v1/principal"),
  listApps: (harness) => harness.send("GET", "/v1/apps"),
  listFunctions: (harness) => harness.send("GET", "/v1/apps/shop/functions"),
  getFunction: (harness) => harness.send("GET", FN),
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
  getMetrics: (harness) => harness.send("GET", "/metrics"),
  listKeys: (harness) => harness.send("GET", "/v1/keys"),
  listAudit: (harness) => harness.send("GET", "/v1/audit"),
};

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
