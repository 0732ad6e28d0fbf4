import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import { diffRoutes, type RoutesState } from "./diff-routes.ts";

function state(routes: readonly RouteInput[], served: RoutesState["served"] = null): RoutesState {
  return { routes: routes.map((one) => route.parse(one)), served };
}

const to = { answer: { body: "ok" } };
const LIVE = { qualifier: "live", variables: { colour: "blue", size: "1" } };

test("a route is the same one by its name, else by its methods and place", () => {
  const before = state([
    { path: "/a", to, name: "a" },
    { path: "/b", to },
    { path: "/c", to },
  ]);
  const after = state([
    { path: "/b", to: { answer: { body: "no" } }, auth: "none" },
    { path: "/moved", to, name: "a" },
    { path: "/c", to, methods: ["GET"] },
  ]);
  const { added, removed, changed, isSame } = diffRoutes(before, after);
  assert.equal(isSame, false);
  assert.deepEqual([added, removed], [["GET /c"], ["* /c"]]);
  assert.deepEqual(
    changed.map((one) => [one.route, one.keys]),
    [
      ["* /b", ["auth", "to"]],
      ["a", ["path"]],
    ],
  );
  assert.deepEqual([changed[1]?.before["path"], changed[1]?.after["path"]], ["/a", "/moved"]);
});

test("the same routes in another order, and with keys in another order, are the same", () => {
  const schema = { type: "object", properties: { a: {}, b: {} } };
  const turned = { properties: { b: {}, a: {} }, type: "object" };
  const before = state(
    [
      { path: "/a", to, schemas: { body: schema } },
      { path: "/b", to },
    ],
    LIVE,
  );
  const variables = { size: "1", colour: "blue" };
  const after = state(
    [
      { path: "/b", to },
      { path: "/a", to, schemas: { body: turned } },
    ],
    {
      ...LIVE,
      variables,
    },
  );
  assert.equal(diffRoutes(before, after).isSame, true);
});

test("variables and qualifiers are compared where both sides have them", () => {
  const next = { qualifier: "next", variables: { colour: "red", shape: "x" } };
  const { qualifier, variables, isSame } = diffRoutes(state([], LIVE), state([], next));
  assert.equal(isSame, false);
  assert.deepEqual(qualifier, { from: "live", to: "next" });
  assert.deepEqual(variables, { added: ["shape"], removed: ["size"], changed: ["colour"] });
  assert.equal(diffRoutes(state([]), state([], LIVE)).isSame, true);
});
