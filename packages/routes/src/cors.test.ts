/** An origin is told only when it fits, by the Fetch standard's CORS protocol. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route, RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import { preflightHeaders, preflightOf, withCors } from "./cors.ts";
import { findRoute, type FoundRoute } from "./find-route.ts";
import { compileRoutes } from "./route-table.ts";

type Cors = NonNullable<RouteInput["cors"]>;

function policyOf(cors: Cors): NonNullable<Route["cors"]> {
  const { cors: policy } = route.parse({ path: "/", to: { answer: {} }, cors });
  assert.ok(policy !== undefined);
  return policy;
}

/** The origin that an answer tells, and what it varies by. */
function told(cors: Cors, origin: string | undefined): string {
  const flat = withCors(policyOf(cors), origin, ["content-type", "text/plain"]);
  const of = (name: string): string => flat[flat.indexOf(name) + 1] ?? "";
  const allowed = flat.includes("access-control-allow-origin")
    ? of("access-control-allow-origin")
    : "-";
  return `${allowed} ${flat.includes("vary") ? of("vary") : "-"}`;
}

test("an origin that does not fit is told nothing", () => {
  const origins = ["https://shop.example", "https://*.shop.example", "http://*.dev.example:81"];
  for (const origin of [
    ...["https://shop.example", "https://a.shop.example", "https://a.b.shop.example"],
    "http://a.dev.example:81",
  ])
    assert.equal(told({ origins }, origin), `${origin} origin`);
  for (const origin of [
    ...["null", "", "https://evil.example", "http://a.shop.example", "https://shop.example:444"],
    ...["https://evilshop.example", "https://.shop.example", "https://evil.com/.shop.example"],
    ...[
      "https://evil.com#.shop.example",
      "https://x@a.shop.example",
      "https://evil.com:.shop.example",
    ],
    ...["https://shop.example.evil.com", "https://a.shop.example:444", "https://a.dev.example:81"],
    ...[
      "https://*.shop.example",
      "https://a.shop.example, https://evil.com",
      "HTTPS://shop.example",
    ],
    ...["https://a..shop.example", "http://a.dev.example", "https://shop.example "],
  ])
    assert.equal(told({ origins }, origin), "- origin", origin);
  assert.equal(told({ origins }, undefined), "- origin", "a cache is told that it varies");
  assert.equal(told({ origins: ["null"] }, "null"), "- origin");
});

test("all origins are told so, the same to each", () => {
  for (const origin of [undefined, "null", "https://a.example"])
    assert.equal(told({ origins: ["*"] }, origin), "* -");
});

test("the policy speaks in place of the target, and keeps what it varies by", () => {
  const policy = policyOf({
    ...{ origins: ["https://a.example"], credentials: true, exposed: ["x-total", "bad\r\n"] },
  });
  const flat = [
    ...["Vary", "accept", "vary", "Cookie", "Access-Control-Allow-Origin", "*", "x-total", "3"],
    ...["access-control-allow-credentials", "true"],
  ];
  assert.deepEqual(withCors(policy, "https://a.example", flat), [
    ...["x-total", "3", "vary", "accept, Cookie, origin"],
    ...["access-control-allow-origin", "https://a.example"],
    ...["access-control-allow-credentials", "true", "access-control-expose-headers", "x-total"],
  ]);
  assert.deepEqual(withCors(policy, "https://b.example", ["vary", "Origin"]), ["vary", "Origin"]);
});

const PREFLIGHT = [
  ...["Origin", "https://a.example", "Access-Control-Request-Method", "PUT"],
  ...["access-control-request-headers", "X-One, content-type,,bad name"],
];
const VARY = "origin, access-control-request-method, access-control-request-headers";

test("a preflight is told methods and headers of the policy, or else the route's and those asked for", () => {
  const preflight = preflightOf("OPTIONS", PREFLIGHT);
  assert.ok(preflight !== undefined);
  const cors = policyOf({ origins: ["https://a.example"] });
  assert.deepEqual(preflightHeaders({ methods: ["GET", "PUT"], cors }, preflight), [
    ...["access-control-allow-origin", "https://a.example"],
    ...["access-control-allow-methods", "GET, PUT"],
    ...["access-control-allow-headers", "x-one, content-type"],
    ...["access-control-max-age", "600", "vary", VARY],
  ]);
  const named = policyOf({
    ...{ origins: ["https://a.example"], methods: ["PUT"], headers: ["x-one"] },
    ...{ credentials: true, maxAgeSeconds: 5 },
  });
  assert.deepEqual(preflightHeaders({ methods: undefined, cors: named }, preflight), [
    ...["access-control-allow-origin", "https://a.example"],
    ...["access-control-allow-credentials", "true", "access-control-allow-methods", "PUT"],
    ...["access-control-allow-headers", "x-one", "access-control-max-age", "5", "vary", VARY],
  ]);
  const other = { ...preflight, origin: "https://b.example" };
  assert.deepEqual(preflightHeaders({ methods: undefined, cors: named }, other), ["vary", VARY]);
});

test("what lacks an origin or a method is no preflight, nor what has two", () => {
  assert.equal(preflightOf("GET", PREFLIGHT), undefined);
  assert.equal(preflightOf("OPTIONS", PREFLIGHT.slice(2)), undefined);
  assert.equal(preflightOf("OPTIONS", PREFLIGHT.slice(0, 2)), undefined);
  assert.equal(preflightOf("OPTIONS", [...PREFLIGHT, "origin", "https://b.example"]), undefined);
});

function asked(routes: readonly Partial<RouteInput>[], flat: readonly string[]): string {
  const parsed = routes.map((one) => route.parse({ path: "/a", to: { answer: {} }, ...one }));
  const request = { host: "h", segments: ["a"], method: "OPTIONS" };
  const found: FoundRoute<Route> = findRoute(compileRoutes(parsed), request, flat);
  if (found.kind === "found") return `route ${parsed.indexOf(found.route) + 1}`;
  return found.kind === "options" ? found.headers.slice(0, 2).join(": ") : found.kind;
}

test("OPTIONS is the route's that names it; else a preflight's, the route's that takes all, Allow", () => {
  const cors = { origins: ["https://a.example"] };
  const permitted = "access-control-allow-origin: https://a.example";
  assert.equal(asked([{ methods: ["PUT"], cors }], PREFLIGHT), permitted);
  assert.equal(asked([{ cors }], PREFLIGHT), permitted);
  assert.equal(asked([{ methods: ["PUT"], cors }, { methods: ["OPTIONS"] }], PREFLIGHT), "route 2");
  assert.equal(asked([{ methods: ["GET"], cors }], PREFLIGHT), "allow: GET, HEAD, OPTIONS");
  assert.equal(asked([{ methods: ["PUT"] }, {}], PREFLIGHT), "route 2");
  assert.equal(asked([{ cors }], []), "route 1");
  assert.equal(asked([{ methods: ["PUT"], cors }], []), "allow: PUT, OPTIONS");
  assert.equal(asked([{ path: "/b", cors }], PREFLIGHT), "missing");
});
