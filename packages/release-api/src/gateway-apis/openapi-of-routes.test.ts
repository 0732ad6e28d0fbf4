import assert from "node:assert/strict";
import { test } from "node:test";
import { route, type RouteInput } from "@skerry/contracts";
import { openApiOfRoutes } from "./openapi-of-routes.ts";

const ABOUT = {
  title: "shop/web",
  version: "test:3",
  servers: ["http://test.web.shop.localhost/"],
};
const to = { answer: { status: 204 } };

// oxlint-disable-next-line typescript/no-explicit-any -- a test looks at any place of it
function documentOf(...routes: readonly RouteInput[]): any {
  return openApiOfRoutes(
    routes.map((one) => route.parse(one)),
    ABOUT,
  );
}

test("paths, parameters, bodies and ids of operations come from the routes", () => {
  const body = { type: "object", required: ["title"] };
  const query = { properties: { page: { type: "string" } }, required: ["page"] };
  const { openapi, info, servers, paths } = documentOf(
    { path: "/a/{id}", to, methods: ["GET"], name: "one-a", schemas: { query }, auth: "none" },
    { path: "/a/{name}", to, methods: ["PUT", "QUERY"], schemas: { body } },
    { path: "/files/{rest...}", to, methods: ["GET"] },
    { path: "/", to },
  );
  assert.deepEqual([openapi, info.version], ["3.1.0", "test:3"]);
  assert.deepEqual(servers, [{ url: "http://test.web.shop.localhost" }]);
  assert.deepEqual(Object.keys(paths).sort(), ["/", "/a/{id}", "/files/{rest}"]);
  const { get, put } = paths["/a/{id}"];
  assert.equal(get.operationId, "one-a");
  assert.deepEqual(get.parameters, [
    { name: "id", in: "path", required: true, schema: { type: "string" } },
    { name: "page", in: "query", schema: { type: "string" }, required: true },
  ]);
  assert.deepEqual(get.security, []);
  assert.deepEqual(put.parameters[0].name, "id", "one spelling for one path");
  assert.deepEqual(put.requestBody.content["application/json"].schema, body);
  assert.equal(paths["/files/{rest}"].get.parameters[0].name, "rest");
  const all = Object.values<object>(paths["/"]);
  assert.equal(all.length, 7, "every method that OpenAPI knows");
  const ids = Object.values<object>(paths).flatMap((item) =>
    Object.values<{ operationId: string }>(item as never).map(({ operationId }) => operationId),
  );
  assert.equal(new Set(ids).size, ids.length, "each id once");
});

test("who may call is a scheme of its own for each way", () => {
  const jwt = { issuer: "https://id.example", audience: ["a"], jwksUrl: "https://id.example/k" };
  const { paths, components } = documentOf(
    { path: "/k", to, methods: ["GET"] },
    { path: "/j", to, methods: ["GET"], auth: { jwt: { ...jwt, scopes: ["read"] } } },
    { path: "/c", to, methods: ["GET"], auth: { jwt: { ...jwt, from: { cookie: "id" } } } },
    { path: "/f", to, methods: ["GET"], auth: { authorizer: { function: "guard" } } },
  );
  assert.deepEqual(paths["/k"].get.security, [{ key: [] }, { keyHeader: [] }]);
  assert.deepEqual(paths["/j"].get.security, [{ jwt: ["read"] }]);
  assert.deepEqual(paths["/c"].get.security, [{ jwt2: [] }]);
  assert.deepEqual(paths["/f"].get.security, [{ authorizer: [] }]);
  assert.deepEqual(components.securitySchemes["jwt2"], {
    type: "apiKey",
    in: "cookie",
    name: "id",
  });
});

test("of several for one method of one path the one that wins is described", () => {
  const { paths } = documentOf(
    { path: "/a", to, name: "low" },
    { path: "/a", to, name: "of-host", host: "shop.example", methods: ["GET"] },
    { path: "/a", to, name: "high", priority: 5, methods: ["GET"] },
  );
  assert.equal(paths["/a"].get.operationId, "high");
  assert.equal(paths["/a"].post.operationId, "low-post");
});
