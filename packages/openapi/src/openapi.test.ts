import assert from "node:assert/strict";
import { test } from "node:test";
import { createIdSource, isId, isRequestId, systemClock, systemRandom } from "@skerry/base";
import {
  type Operation,
  type OperationName,
  OPERATIONS,
  PATH_PARAMETERS,
} from "@skerry/api-schema";
import type { JsonSchema } from "@skerry/contracts";
import { openApiDocument, type OpenApiOperation } from "./openapi.ts";

const DOCUMENT = openApiDocument({ version: "1.2.3", apiUrl: "http://127.0.0.1:4400" });
const ROWS = Object.entries(OPERATIONS) as [OperationName, Operation][];

function declared(name: OperationName): OpenApiOperation {
  const { path, method } = OPERATIONS[name];
  const found = DOCUMENT.paths[path]?.[method.toLowerCase()];
  assert.equal(found?.operationId, name);
  return found;
}

function header(operation: OpenApiOperation, name: string): boolean {
  return operation.parameters.some((each) => each.in === "header" && each.name === name);
}

test("every row of the table is one operation of the document, and there is no other", () => {
  const ids = Object.values(DOCUMENT.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  assert.deepEqual(ids.toSorted(), Object.keys(OPERATIONS).toSorted());
});

test("what changes something takes an idempotency key, what has a tag its conditions", () => {
  for (const [name, row] of ROWS) {
    const operation = declared(name);
    assert.equal(header(operation, "Idempotency-Key"), row.mutates, name);
    assert.equal(header(operation, "If-Match"), row.conditional === true, name);
    assert.equal(header(operation, "If-None-Match"), row.tagged === true, name);
    assert.equal("422" in operation.responses, row.mutates, name);
    assert.ok(String(row.status) in operation.responses, name);
  }
});

test("every list is a page with a cursor", () => {
  for (const [name] of ROWS) {
    const { responses, parameters } = declared(name);
    const schema = responses["200"]?.content?.["application/json"]?.schema.$ref ?? "";
    const properties = DOCUMENT.components.schemas[schema.split("/").at(-1) ?? ""]?.properties;
    if (properties === undefined || !("items" in properties)) continue;
    assert.ok("nextCursor" in properties, name);
    const query = parameters.filter((each) => each.in === "query").map((each) => each.name);
    for (const parameter of ["limit", "cursor"]) assert.ok(query.includes(parameter), name);
  }
});

test("every parameter of a path has a rule that says what it is", () => {
  const named = ROWS.flatMap(([, { path }]) =>
    [...path.matchAll(/\{(\w+)\}/g)].map(([, id = ""]) => id),
  );
  assert.deepEqual([...new Set(named)].toSorted(), Object.keys(PATH_PARAMETERS).toSorted());
});

test("the rules of ids accept what base makes and refuse what it does not know", () => {
  const ids = createIdSource({ clock: systemClock(), random: systemRandom() });
  const samples = [
    ...[ids.id("dep"), ids.id("inst"), ids.id("key"), ids.id("node"), ids.id("ses")],
    ...[ids.requestId(), "", "dep_1", "x"],
  ];
  const isKnown = {
    deployment: (id: string) => isId("dep", id),
    instance: (id: string) => isId("inst", id),
    node: (id: string) => isId("node", id),
    key: (id: string) => isId("key", id),
    session: (id: string) => isId("ses", id),
    request: (id: string) => isRequestId(id),
  };
  for (const [name, accepts] of Object.entries(isKnown)) {
    const rule = PATH_PARAMETERS[name as keyof typeof isKnown];
    for (const id of [...samples, ...samples.map((each) => each.toUpperCase())]) {
      assert.equal(rule.safeParse(id).success, accepts(id), `${name}: ${id}`);
    }
  }
});

test("every reference leads to a schema, and every schema is referred to", () => {
  const text = JSON.stringify(DOCUMENT);
  const named = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name = ""]) => name);
  assert.deepEqual([...new Set(named)].toSorted(), Object.keys(DOCUMENT.components.schemas));
});

test("requests are closed and answers open for additions; what has a default may be left out", () => {
  const { FunctionConfig, FunctionConfigInput } = DOCUMENT.components.schemas;
  assert.equal(FunctionConfigInput?.additionalProperties, false);
  assert.equal(FunctionConfig?.additionalProperties, undefined);
  assert.deepEqual(FunctionConfigInput?.required ?? [], []);
  assert.ok(FunctionConfig?.required?.includes("memoryMb"));
  const memory: JsonSchema = FunctionConfigInput?.properties?.["memoryMb"] ?? {};
  assert.deepEqual([memory.type, memory.default], ["integer", 128]);
});
