import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { OPERATIONS } from "@skerry/api-schema";
import { LIMITS } from "@skerry/contracts";
import { Harness, type Problem, type Request } from "../../test/harness.ts";

const DIGEST = `src_${"a".repeat(64)}`;
const JSON_TYPE = { "content-type": "application/json" };
const PLANS = "/v1/apps/shop/plans";

function functionsWith(change: object): Request {
  return { body: { functions: [{ name: "hello", sourceDigest: DIGEST, ...change }] } };
}

interface Bad {
  readonly what: string;
  readonly method?: string;
  readonly path?: string;
  readonly request?: Request;
  readonly status?: number;
  readonly reason?: string;
  /** Must stand in the message. */
  readonly says?: RegExp;
}

const raw = (text: string | Buffer): Request => ({ raw: text, headers: JSON_TYPE });

const TABLE: readonly Bad[] = [
  { what: "an empty body", request: raw(""), reason: "BODY_NOT_JSON", says: /empty/ },
  { what: "half of a JSON text", request: raw('{"functions": ['), reason: "BODY_NOT_JSON" },
  { what: "two JSON texts", request: raw("{} {}"), reason: "BODY_NOT_JSON" },
  {
    what: "bytes that are no UTF-8",
    request: raw(Buffer.from([0x22, 0xff, 0x22])),
    reason: "BODY_NOT_JSON",
  },
  { what: "an array", request: raw("[]"), says: /expected object/ },
  { what: "null", request: raw("null"), says: /expected object/ },
  { what: "a string", request: raw('"functions"'), says: /expected object/ },
  { what: "no functions", request: raw('{"functions": []}'), says: /functions/ },
  {
    what: "another media type",
    request: { raw: "{}", headers: { "content-type": "text/html" } },
    status: 415,
  },
  {
    what: "a form",
    request: { raw: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
    status: 415,
  },
  {
    what: "a body beyond the limit",
    request: raw(`"${"x".repeat(LIMITS.apiBodyBytesMax)}"`),
    status: 413,
  },
  {
    what: "a million opening brackets",
    request: raw("[".repeat(1_000_000)),
    reason: "BODY_NOT_JSON",
  },
  {
    what: "JSON nested too deep",
    request: raw("[".repeat(500) + "]".repeat(500)),
    reason: "BODY_TOO_DEEP",
  },
  {
    what: "deep nesting in an unknown key",
    request: raw(`{"x":${"[".repeat(400_000)}${"]".repeat(400_000)}}`),
    reason: "BODY_TOO_DEEP",
  },
  {
    what: "__proto__ at the top",
    request: raw('{"__proto__": {"functions": []}}'),
    says: /__proto__/,
  },
  {
    what: "__proto__ in env",
    request: raw(
      `{"functions":[{"name":"a","sourceDigest":"${DIGEST}","config":{"env":{"__proto__":"x"}}}]}`,
    ),
    says: /__proto__/,
  },
  { what: "an escaped __proto__", request: raw('{"\\u005f_proto__": 1}'), says: /__proto__/ },
  {
    what: "constructor as a key",
    request: raw('{"constructor": {}}'),
    says: /unknown key "constructor"/,
  },
  {
    what: "a misspelt key",
    request: { body: { function: [] } },
    says: /unknown key "function", did you mean "functions"\?/,
  },
  {
    what: "a misspelt key of a function",
    request: functionsWith({ sourcedigest: "" }),
    says: /did you mean "sourceDigest"\?/,
  },
  {
    what: "a misspelt setting",
    request: functionsWith({ config: { memoryMB: 128 } }),
    says: /did you mean "memoryMb"\?/,
  },
  {
    what: "a setting out of range",
    request: functionsWith({ config: { memoryMb: 1 } }),
    says: /functions\.0\.config\.memoryMb/,
  },
  {
    what: "a setting of the wrong type",
    request: functionsWith({ config: { timeoutMs: "10" } }),
    says: /timeoutMs/,
  },
  {
    what: "a number that JSON rounds to infinity",
    request: raw(
      `{"functions":[{"name":"a","sourceDigest":"${DIGEST}","config":{"timeoutMs":1e999}}]}`,
    ),
    says: /timeoutMs/,
  },
  {
    what: "a reserved environment name",
    request: functionsWith({ config: { env: { SKERRY_X: "1" } } }),
    says: /SKERRY_/,
  },
  {
    what: "an environment that is too large",
    request: functionsWith({ config: { env: { A: "x".repeat(40_000) } } }),
    says: /bytes/,
  },
  { what: "an upper-case name", request: functionsWith({ name: "Hello" }), says: /lower-case/ },
  { what: "a name that is a path", request: functionsWith({ name: "../x" }), says: /lower-case/ },
  {
    what: "a digest that is none",
    request: functionsWith({ sourceDigest: "src_1" }),
    says: /64 hexadecimal/,
  },
  {
    what: "a function that is named twice",
    request: {
      body: {
        functions: [
          { name: "a", sourceDigest: DIGEST },
          { name: "a", sourceDigest: DIGEST },
        ],
      },
    },
    says: /"a" is given twice/,
  },
  {
    what: "too many functions",
    request: {
      body: {
        functions: Array.from({ length: 201 }, (_, i) => ({ name: `f${i}`, sourceDigest: DIGEST })),
      },
    },
    says: /functions/,
  },
  {
    what: "several problems at once",
    request: functionsWith({ name: "", config: { memoryMb: 0, handler: "1" } }),
    says: /name.*handler.*memoryMb/,
  },
  { what: "an app name that cannot be", path: "/v1/apps/Shop/plans", says: /app name/ },
  { what: "an encoded slash in the path", path: "/v1/apps/a%2fb/plans", status: 400 },
  { what: "a dot segment", path: "/v1/apps/..;x/plans", status: 400 },
  {
    what: "an unknown query key",
    method: "GET",
    path: "/v1/apps?limt=3",
    says: /did you mean "limit"\?/,
  },
  {
    what: "a query key given twice",
    method: "GET",
    path: "/v1/apps?limit=3&limit=4",
    says: /given twice/,
  },
  {
    what: "__proto__ in the query",
    method: "GET",
    path: "/v1/apps?__proto__=3",
    says: /__proto__/,
  },
  {
    what: "a limit beyond the largest",
    method: "GET",
    path: "/v1/apps?limit=100000",
    says: /limit/,
  },
  { what: "a limit that is no number", method: "GET", path: "/v1/apps?limit=ten", says: /limit/ },
  {
    what: "a cursor that was never given out",
    method: "GET",
    path: "/v1/apps?cursor=!!",
    says: /cursor/,
  },
  { what: "a cursor of bytes", method: "GET", path: "/v1/keys?cursor=AAEC", says: /cursor/ },
  {
    what: "a query where there is none",
    method: "GET",
    path: "/v1/platform?x=1",
    says: /unknown key "x"/,
  },
  {
    what: "the id of another kind",
    method: "GET",
    path: `/v1/apps/shop/deployments/fn_${"0".repeat(26)}`,
    says: /deployment/,
  },
  {
    what: "a request id that is none",
    method: "GET",
    path: "/v1/apps/shop/functions/hello/invocations/x",
    says: /request/,
  },
  {
    what: "a path that does not exist",
    method: "GET",
    path: "/v1/nothing",
    status: 404,
    reason: "ROUTE_UNKNOWN",
  },
  { what: "no file of the page", method: "GET", path: "/x", status: 404, reason: "ROUTE_UNKNOWN" },
  {
    what: "a trailing slash",
    method: "GET",
    path: "/v1/apps/",
    status: 404,
    reason: "ROUTE_UNKNOWN",
  },
  {
    what: "a method that is not possible",
    method: "PATCH",
    path: "/v1/apps",
    status: 405,
    reason: "METHOD_NOT_ALLOWED",
  },
  {
    what: "a write on a list",
    method: "DELETE",
    path: "/v1/keys",
    status: 405,
    says: /GET, HEAD, POST/,
  },
  {
    what: "an idempotency key with spaces",
    request: { ...functionsWith({}), headers: { "idempotency-key": "a b" } },
    path: "/v1/apps/shop/deployments",
    reason: "IDEMPOTENCY_KEY_INVALID",
  },
  {
    what: "an If-Match that is no tag",
    method: "DELETE",
    path: "/v1/apps/shop/functions/hello",
    request: { headers: { "if-match": "1" } },
    reason: "IF_MATCH_INVALID",
  },
  {
    what: "a role that does not exist",
    path: "/v1/keys",
    request: { body: { name: "x", role: "root" } },
    says: /role/,
  },
  {
    what: "a key for no app at all",
    path: "/v1/keys",
    request: { body: { name: "x", role: "viewer", apps: [] } },
    says: /apps/,
  },
  {
    what: "an upload that is no zip",
    method: "PUT",
    path: `/v1/apps/shop/packages/${DIGEST}`,
    request: { raw: "hello" },
    reason: "ARCHIVE_NOT_ZIP",
  },
  {
    what: "an upload for a digest that is none",
    method: "PUT",
    path: "/v1/apps/shop/packages/src_1",
    request: { raw: "hello" },
    says: /64 hexadecimal/,
  },
];

test("bad input gets a typed error that names what is wrong, and changes nothing", async (t) => {
  await using harness = await Harness.open();
  for (const bad of TABLE) {
    await t.test(bad.what, async () => {
      const { method = "POST", path = PLANS, request: sent = functionsWith({}) } = bad;
      const { status, body, headers } = await harness.send<Problem>(
        method,
        path,
        method === "GET" ? {} : sent,
      );
      const text = JSON.stringify(body);
      assert.equal(status, bad.status ?? 400, text);
      if (bad.reason !== undefined) assert.equal(body.error.reason, bad.reason, text);
      if (bad.says !== undefined) assert.match(body.error.message, bad.says);
      assert.ok(body.error.hint.length > 0 && body.error.message.length < 5_000, text);
      assert.equal(body.error.retryable, false);
      assert.equal(
        headers.get("x-skerry-request-id") ?? body.error.requestId,
        body.error.requestId,
      );
    });
  }
  const { body } = await harness.send<{ items: unknown[] }>("GET", "/v1/apps");
  assert.deepEqual(body.items, []);
  assert.deepEqual(Object.keys({}), [], "no prototype was changed");
});

test("a sound request of the table's kind is let through", async () => {
  await using harness = await Harness.open();
  const { status } = await harness.send("POST", PLANS, functionsWith({}));
  assert.equal(status, 200);
});

test("an announced body that is too large is refused before it is sent", async () => {
  await using harness = await Harness.open();
  const { status, text } = await new Promise<{ status: number | undefined; text: string }>(
    (resolve, reject) => {
      const req = request(`${harness.url}${PLANS}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${harness.adminKey}`,
          ...JSON_TYPE,
          "content-length": 10 ** 12,
        },
      });
      req.on("error", reject).on("response", (res) => {
        let answer = "";
        res.setEncoding("utf8");
        res.on("data", (chunk: string) => (answer += chunk));
        res.on("end", () => resolve({ status: res.statusCode, text: answer }));
      });
      req.flushHeaders();
    },
  );
  assert.equal(status, 413);
  assert.match(text, /BODY_TOO_LARGE/);
});

test("a body that trickles in is cut off at its deadline", async () => {
  await using harness = await Harness.open({ bodyDeadlineMs: 50 });
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${harness.adminKey}`,
      ...JSON_TYPE,
      "content-length": 5,
    };
    const req = request(`${harness.url}${PLANS}`, { method: "POST", headers });
    req.on("error", reject).on("response", (res) => resolve(res.resume().statusCode));
    req.write("{");
  });
  assert.equal(status, 408);
});

test("HEAD answers like GET, without a body", async () => {
  await using harness = await Harness.open();
  for (const operation of Object.values(OPERATIONS)) {
    if (operation.method !== "GET" || operation.path.includes("{")) continue;
    const head = await harness.send("HEAD", operation.path);
    assert.equal(head.status, 200, operation.path);
    assert.equal(head.body, "");
  }
});

test("every answer, good or bad, carries its request id", async () => {
  await using harness = await Harness.open();
  const seen = new Set<string | null>();
  for (const path of ["/v1/apps", "/v1/nothing", "/v1/apps?limit=x", "/v1/apps/absent/functions"]) {
    const { headers } = await harness.send("GET", path);
    const id = headers.get("x-skerry-request-id");
    assert.match(id ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
    seen.add(id);
  }
  assert.equal(seen.size, 4);
});

test("more requests at once than the limit are refused, and those under way go on", async () => {
  await using harness = await Harness.open({ requestsMax: 1 });
  const release = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  harness.faults.before = (procedure) => {
    if (procedure !== "listApps") return undefined;
    entered.resolve();
    return release.promise;
  };
  const first = harness.send("GET", "/v1/apps");
  await entered.promise;
  const second = await harness.send<Problem>("GET", "/v1/platform");
  assert.equal(second.body.error.reason, "API_OVERLOADED");
  assert.equal(second.headers.get("retry-after"), "1");
  release.resolve();
  assert.equal((await first).status, 200);
});

test("a fault inside is answered without its details, and logged with the request id", async () => {
  await using harness = await Harness.open();
  harness.faults.before = (procedure) => {
    if (procedure === "listApps") throw new TypeError("secret internals");
  };
  const { status, body } = await harness.send<Problem>("GET", "/v1/apps");
  assert.equal(status, 500);
  assert.ok(!JSON.stringify(body).includes("secret"));
  const line = harness.platformLog.find(
    ({ fields }) => fields["requestId"] === body.error.requestId,
  );
  assert.match(String(line?.fields["error"]), /secret internals/);
});
