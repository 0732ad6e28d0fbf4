/**
 * The client against the API's published description: what it sends is what the document says, for
 * every operation of the document, and there is nothing else that it could send.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonSchema } from "@skerry/contracts";
import { openApiDocument, type OpenApiOperation } from "@skerry/openapi";
import { createOpenApiCheck } from "@skerry/testkit/openapi-check";
import { json, jsonLines, startApiDouble, type ApiDouble } from "../test/api-double.ts";
import { createClient, type Client } from "./index.ts";

const DOCUMENT = openApiDocument({ version: "1.2.3", apiUrl: "http://127.0.0.1:4400" });
const CHECK = createOpenApiCheck(DOCUMENT);
const SCHEMAS = DOCUMENT.components.schemas;
const ULID = "01kzzzzzzzzzzzzzzzzzzzzzzz";

/** Values that fit the patterns of parameters; what has no pattern takes any text. */
const SAMPLES: readonly string[] = [
  ...["checkout", `src_${"a".repeat(64)}`, "01a1fc77-df64-7f8d-973e-e3a314b4a0b6"],
  ...["2026-11-21T10:00:00Z", "order=7", "2026-01-31", "day,app", "7"],
  ...["dep", "inst", "key", "node", "ses", "sec", "cfg", "rdr", "rel"].map(
    (prefix) => `${prefix}_${ULID}`,
  ),
];

function sampleOf(schema: JsonSchema): unknown {
  const { $ref, enum: values, properties, required = [], items, pattern, type } = schema;
  if ($ref !== undefined) return sampleOf(SCHEMAS[$ref.split("/").at(-1) ?? ""] ?? {});
  if (values !== undefined) return values[0];
  if (schema.anyOf !== undefined) return sampleOf(schema.anyOf[0] ?? {});
  if (items !== undefined) return [sampleOf(items)];
  if (properties !== undefined) {
    return Object.fromEntries(required.map((name) => [name, sampleOf(properties[name] ?? {})]));
  }
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (type === "object" || type === undefined) return {};
  const fits = SAMPLES.find((each) => pattern === undefined || new RegExp(pattern, "u").test(each));
  assert.ok(fits !== undefined, `no sample fits ${pattern}`);
  return fits;
}

function argumentsOf({ parameters, requestBody }: OpenApiOperation): object {
  const given = (place: string): Record<string, unknown> =>
    Object.fromEntries(
      parameters
        .filter((each) => each.in === place)
        .map(({ name, schema }) => [name, sampleOf(schema)]),
    );
  const body = requestBody?.content["application/json"]?.schema;
  return {
    ...{ params: given("path"), query: given("query") },
    ...(body === undefined ? {} : { body: sampleOf(body) }),
    ...(requestBody?.content["application/zip"] === undefined ? {} : { archive: "zip" }),
  };
}

const OPERATIONS = Object.values(DOCUMENT.paths).flatMap((methods) => Object.values(methods));

async function sendAll(api: ApiDouble, operation: OpenApiOperation): Promise<void> {
  const client = createClient({ apiUrl: api.url, gatewayUrl: api.url, key: "sk_test" });
  type Method = (args: object) => Promise<unknown> | AsyncIterable<unknown>;
  const answered = (client[operation.operationId] as Method)(argumentsOf(operation));
  if (!(Symbol.asyncIterator in answered)) return void (await answered);
  for await (const line of answered) assert.notEqual(line, undefined);
}

test("the client has a method for every operation of the document, and only calls of functions beside", () => {
  const client: Client = createClient({ apiUrl: "http://a", gatewayUrl: "http://b" });
  const known = OPERATIONS.map(({ operationId }): string => operationId);
  const calls = ["invoke", "invokeAsync", "invokeMany"];
  assert.deepEqual(Object.keys(client).toSorted(), [...known, ...calls].toSorted());
});

for (const operation of OPERATIONS) {
  const { operationId: name } = operation;
  test(`${name}: what the client sends is what the document says`, async () => {
    const isLines = JSON.stringify(operation.responses).includes("x-ndjson");
    await using api = await startApiDouble(isLines ? jsonLines([{}]) : json({}));
    await sendAll(api, operation);
    const [asked] = api.asked;
    assert.ok(asked !== undefined);
    const headers = new Headers(asked.headers as Record<string, string>);
    const request = { method: asked.method, path: asked.url, headers, body: asked.body };
    assert.equal(CHECK.operationOf(asked.method, asked.url), name);
    assert.deepEqual(CHECK.requestProblems(request), []);
    const idempotent = operation.parameters.some((each) => each.name === "Idempotency-Key");
    assert.equal(headers.has("idempotency-key"), idempotent);
  });
}

test("a request that the document does not allow is found: the check's own control", () => {
  const headers = new Headers({ "content-type": "application/json" });
  const problems = (method: string, path: string, body = "") =>
    CHECK.requestProblems({ method, path, headers, body });
  const key = '{"name":"ci","role":"viewer"}';
  assert.deepEqual(problems("POST", "/v1/keys", key), []);
  const bad: readonly Parameters<typeof problems>[] = [
    ["POST", "/v1/keys", '{"name":"ci"}'],
    ["POST", "/v1/keys", '{"name":"ci","role":"viewer","more":1}'],
    ["POST", "/v1/keys"],
    ["GET", "/v1/keys", key],
    ["GET", "/v1/keys?limit=0"],
    ["GET", "/v1/keys?surprise=1"],
    ["DELETE", "/v1/keys/none"],
    ["PUT", "/v1/keys", key],
  ];
  for (const each of bad) assert.notDeepEqual(problems(...each), [], each.join(" "));
});
