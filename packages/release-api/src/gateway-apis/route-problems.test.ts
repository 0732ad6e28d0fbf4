import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import { routeProblems } from "./route-problems.ts";

const OK = { answer: {} };

function problemsOf(...routes: readonly RouteInput[]): readonly string[] {
  return routeProblems(routes.map((one) => route.parse(one)));
}

test("routes that hold together have no problem", () => {
  const routes: readonly RouteInput[] = [
    { path: "/a/{id}", to: { redirect: "https://{stage.home}/b/{id}?{request.query}" } },
    { path: "/a/{id}/b", to: { upstream: "{stage.base}/x/{id}" } },
    { path: "/{rest...}", to: { upstream: "http://{stage.host}:8080/{rest}" }, methods: ["GET"] },
    { path: "/{all...}", to: OK, methods: ["POST"] },
    { path: "/{all...}", to: OK, host: "shop.example" },
    { path: "/b", to: { function: "f" }, methods: ["GET", "PATCH"], idempotency: {} },
  ];
  assert.deepEqual(problemsOf(...routes), []);
});

const WRONG: Readonly<Record<string, readonly [RegExp, ...RouteInput[]]>> = {
  "a parameter that the path does not have": [
    /Route 1, \* \/a: to\.redirect: \{id\}/,
    { path: "/a", to: { redirect: "/b/{id}" } },
  ],
  "a template of a downgrade": [
    /downgrade\.to\.1\.redirect/,
    { path: "/a", to: OK, downgrade: { to: ["stale", { redirect: "/{x}" }] } },
  ],
  "a header that is rewritten": [
    /rewrite\.response\.set\.x-a/,
    { path: "/a", to: OK, rewrite: { response: { set: { "x-a": "{x}" } } } },
  ],
  "a header of the platform": [
    /content-length is the platform's/,
    { path: "/a", to: { answer: { headers: { "content-length": "7" } } } },
  ],
  "a server that the caller chooses": [
    /nothing of the request/,
    { path: "/{host}", to: { upstream: "http://{host}/" } },
  ],
  "a server that the caller completes": [
    /nothing of the request/,
    { path: "/{rest...}", to: { upstream: "{stage.base}{rest}" } },
  ],
  "an upstream by another protocol": [
    /Begin with http/,
    { path: "/", to: { upstream: "ftp://x" } },
  ],
  "a redirect to a place without a beginning": [
    /Begin with http/,
    { path: "/{to}", to: { redirect: "{to}" } },
  ],
  "a key of what is no call of a function": [
    /idempotency: Only calls of a function/,
    { path: "/a", to: OK, idempotency: {} },
  ],
  "a key of methods that may be repeated": [
    /None of its methods is POST or PATCH/,
    { path: "/a", to: { function: "f" }, methods: ["PUT"], idempotency: {} },
  ],
  "a route that no request reaches": [
    /^Route 2, second: Route 1 of the list takes all/,
    { path: "/a/{id}", to: OK },
    { path: "/a/{name}", to: OK, name: "second" },
  ],
};
for (const [what, [problem, ...routes]] of Object.entries(WRONG)) {
  test(`refused is ${what}`, () => {
    const problems = problemsOf(...routes);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", problem);
  });
}
