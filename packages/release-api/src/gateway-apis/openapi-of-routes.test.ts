import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import { openApiOfRoutes } from "./openapi-of-routes.ts";

const ABOUT = {
  title: "shop/web",
  version: "test:3",
  servers: ["http://test.web.shop.localhost/"],
};
const to = { answer: { status: 204 } };

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly required?: boolean }[];
  readonly requestBody: unknown;
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security: unknown;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly servers: unknown;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly securitySchemes: Readonly<Record<string, unknown>> };
}

function documentOf(...routes: readonly RouteInput[]): Document {
  const parsed = routes.map((one) => route.parse(one));
  return openApiOfRoutes(parsed, ABOUT) as unknown as Document;
}

function operationOf({ paths }: Document, path: string, method: string): Operation {
  const found = paths[path]?.[method];
  assert.ok(found !== undefined, `${method} ${path}`);
  return found;
}

test("paths, parameters, bodies and ids of operations come from the routes", () => {
  const body = { type: "object", required: ["title"] };
  const query = { properties: { page: { type: "string" } }, required: ["page"] };
  const document = documentOf(
    { path: "/a/{id}", to, methods: ["GET"], name: "one-a", schemas: { query }, auth: "none" },
    { path: "/a/{name}", to, methods: ["PUT", "QUERY"], schemas: { body } },
    { path: "/files/{rest...}", to, methods: ["GET"] },
    { path: "/", to },
  );
  const { openapi, info, servers, paths } = document;
  assert.deepEqual([openapi, info.version], ["3.1.0", "test:3"]);
  assert.deepEqual(servers, [{ url: "http://test.web.shop.localhost" }]);
  assert.deepEqual(Object.keys(paths).sort(), ["/", "/a/{id}", "/files/{rest}"]);
  const get = operationOf(document, "/a/{id}", "get");
  const put = operationOf(document, "/a/{id}", "put");
  assert.equal(get.operationId, "one-a");
  assert.deepEqual(get.parameters, [
    { name: "id", in: "path", required: true, schema: { type: "string" } },
    { name: "page", in: "query", schema: { type: "string" }, required: true },
  ]);
  assert.deepEqual(get.security, []);
  assert.deepEqual(put.parameters[0]?.name, "id", "one spelling for one path");
  const content = { "application/json": { schema: body } };
  assert.deepEqual(put.requestBody, { required: true, content });
  assert.equal(operationOf(document, "/files/{rest}", "get").parameters[0]?.name, "rest");
  const all = Object.values(paths["/"] ?? {});
  assert.equal(all.length, 7, "every method that OpenAPI knows");
  const ids = Object.values(paths).flatMap((item) =>
    Object.values(item).map(({ operationId }) => operationId),
  );
  assert.equal(new Set(ids).size, ids.length, "each id once");
});

test("who may call is a scheme of its own for each way", () => {
  const jwt = { issuer: "https://id.example", audience: ["a"], jwksUrl: "https://id.example/k" };
  const document = documentOf(
    { path: "/k", to, methods: ["GET"] },
    { path: "/j", to, methods: ["GET"], auth: { jwt: { ...jwt, scopes: ["read"] } } },
    { path: "/c", to, methods: ["GET"], auth: { jwt: { ...jwt, from: { cookie: "id" } } } },
    { path: "/f", to, methods: ["GET"], auth: { authorizer: { function: "guard" } } },
  );
  const security = (path: string) => operationOf(document, path, "get").security;
  assert.deepEqual(security("/k"), [{ key: [] }, { keyHeader: [] }]);
  assert.deepEqual(security("/j"), [{ jwt: ["read"] }]);
  assert.deepEqual(security("/c"), [{ jwt2: [] }]);
  assert.deepEqual(security("/f"), [{ authorizer: [] }]);
  assert.deepEqual(document.components.securitySchemes["jwt2"], {
    type: "apiKey",
    in: "cookie",
    name: "id",
  });
});

test("of several for one method of one path the one that wins is described", () => {
  const document = documentOf(
    { path: "/a", to, name: "low" },
    { path: "/a", to, name: "of-host", host: "shop.example", methods: ["GET"] },
    { path: "/a", to, name: "high", priority: 5, methods: ["GET"] },
  );
  assert.equal(operationOf(document, "/a", "get").operationId, "high");
  assert.equal(operationOf(document, "/a", "post").operationId, "low-post");
});

test("a key that has a request made once is a header of the methods that it counts for", () => {
  const idempotency = { required: true };
  const headers = { properties: { "idempotency-key": { type: "string", format: "uuid" } } };
  const document = documentOf(
    { path: "/a", to: { function: "f" }, methods: ["POST", "PUT"], idempotency },
    { path: "/b", to: { function: "f" }, methods: ["PATCH"], idempotency, schemas: { headers } },
  );
  const { parameters, responses } = operationOf(document, "/a", "post");
  const [key] = parameters;
  assert.deepEqual([key?.name, key?.required], ["Idempotency-Key", true]);
  assert.ok("409" in responses && "422" in responses);
  const put = operationOf(document, "/a", "put");
  assert.deepEqual([put.parameters, "422" in put.responses], [undefined, false]);
  const described = operationOf(document, "/b", "patch").parameters;
  assert.deepEqual(
    described.map(({ name }) => name),
    ["idempotency-key"],
  );
});
