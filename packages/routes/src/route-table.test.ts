/** One winner for each request, and the same as by sorting all routes and looking through them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePathPattern, type Route, type RouteInput } from "@skerry/contracts";
import { route } from "@skerry/contracts/schemas";
import fc from "fast-check";
import { routeLabel } from "./route-name.ts";
import { compileRoutes, duplicateProblems } from "./route-table.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261122);

type Place = Partial<RouteInput> & { readonly path: string };

function routesOf(...places: readonly Place[]): readonly Route[] {
  return places.map((place) => route.parse({ to: { answer: {} }, ...place }));
}

/** What the table says, in a few words: the place in the list, or the methods, or nothing. */
function said(routes: readonly Route[], asked: string): string {
  const [, method = "", host = "", path = ""] = /^(\S+) ([^/]*)(\/.*)$/.exec(asked) ?? [];
  const segments = path === "/" ? [] : path.slice(1).split("/");
  const found = compileRoutes(routes).match({ host, segments, method });
  if (found.kind === "missing") return "missing";
  if (found.kind === "method") return found.allowed.join(" ");
  const params = Object.entries(found.params).map(([name, value]) => ` ${name}=${value}`);
  return `${routes.indexOf(found.route) + 1}${params.join("")}`;
}

test("text goes before a parameter before the rest, from the left", () => {
  const routes = routesOf(
    { path: "/{rest...}" },
    { path: "/a/{x}/{y}" },
    { path: "/{x}/b/c" },
    { path: "/a/{x}/c" },
    { path: "/a/{rest...}" },
    { path: "/a" },
  );
  for (const [path, expected] of [
    ["/", "1 rest="],
    ["/a", "6"],
    ["/a/", "5 rest="],
    ["/a/b", "5 rest=b"],
    ["/a/b/c", "4 x=b"],
    ["/a/b/d", "2 x=b y=d"],
    ["/z/b/c", "3 x=z"],
    ["/z/b/d", "1 rest=z/b/d"],
    ["/a//c", "5 rest=/c"],
    ["/a/b/c/d", "5 rest=b/c/d"],
    ["/A/b/d", "1 rest=A/b/d"],
  ] as const)
    assert.equal(said(routes, `GET h${path}`), expected, path);
});

test("priority goes before the host, the host before the path", () => {
  const routes = routesOf(
    { path: "/a" },
    { path: "/{x}", host: "*.shop.example" },
    { path: "/{x}", host: "eu.shop.example" },
    { path: "/{x}", host: "*.eu.shop.example" },
    { path: "/{rest...}", priority: 1, methods: ["PUT"] },
  );
  for (const [asked, expected] of [
    ["GET other/a", "1"],
    ["GET shop.example/a", "1"],
    ["GET us.shop.example/a", "2 x=a"],
    ["GET eu.shop.example/a", "3 x=a"],
    ["GET x.y.eu.shop.example/a", "4 x=a"],
    ["PUT eu.shop.example/a", "5 rest=a"],
    ["GET other/b", "GET"],
  ] as const)
    assert.equal(said(routes, asked), expected === "GET" ? "PUT OPTIONS" : expected, asked);
});

test("a method leads on to a less specific route, and HEAD to GET's", () => {
  const routes = routesOf(
    { path: "/a", methods: ["GET"] },
    { path: "/{x}", methods: ["POST", "HEAD"] },
    { path: "/a/b" },
    { path: "/a/b", methods: ["HEAD"] },
  );
  for (const [asked, expected] of [
    ["HEAD h/a", "1"],
    ["POST h/a", "2 x=a"],
    ["OPTIONS h/a", "GET HEAD POST OPTIONS"],
    ["DELETE h/b", "HEAD POST OPTIONS"],
    ["DELETE h/c/d", "missing"],
    ["HEAD h/a/b", "4"],
    ["PROPFIND h/a/b", "3"],
  ] as const)
    assert.equal(said(routes, asked), expected, asked);
});

test("names of parameters are names like any other", () => {
  const [only] = routesOf({ path: "/{__proto__}/{constructor}" });
  assert.ok(only !== undefined);
  const found = compileRoutes([only]).match({ host: "h", segments: ["a", "b"], method: "GET" });
  assert.ok(found.kind === "found");
  assert.deepEqual(Object.entries(found.params), [
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
  const other = compileRoutes(routesOf({ path: "/a" }));
  assert.equal(other.match({ host: "h", segments: ["b"], method: "GET" }).kind, "missing");
});

test("a route is a duplicate when others of its place take all of its methods", () => {
  const routes = routesOf(
    { path: "/a/{x}", methods: ["GET"] },
    { path: "/a/{y}", methods: ["PUT"] },
    { path: "/a/{z}", methods: ["PUT", "GET"] },
    { path: "/a/{z}", methods: ["HEAD"] },
    { path: "/a/{z}" },
    { path: "/a/{z}", host: "h" },
    { path: "/a/{rest...}" },
    { path: "/b" },
    { path: "/b", priority: 1 },
  );
  assert.deepEqual(duplicateProblems(routes), [
    { index: 2, problem: "Routes 1, 2 of the list take all of its requests." },
    { index: 7, problem: "Route 9 of the list takes all of its requests." },
  ]);
});

test("a route without a name is called by its place", () => {
  const [first, second, third] = routesOf(
    { path: "/a/{x}", methods: ["GET", "PUT"] },
    { path: "/", host: "*.h" },
    { path: "/", name: "home" },
  );
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  assert.equal(routeLabel(first), "GET,PUT /a/{x}");
  assert.equal(routeLabel(second), "* *.h/");
  assert.equal(routeLabel(third), "home");
});

const segment = fc.constantFrom("a", "b", "{x}", "{y}");
const path = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
  .map(([segments, hasRest]) => [...segments, ...(hasRest ? ["{rest...}"] : [])])
  .map((segments) => `/${segments.join("/")}`)
  .filter((text) => parsePathPattern(text) !== undefined);
const place = fc.record(
  {
    path,
    host: fc.constantFrom("a.b.c", "*.b.c", "*.c"),
    methods: fc.uniqueArray(fc.constantFrom("GET" as const, "HEAD" as const, "PUT" as const), {
      minLength: 1,
    }),
    priority: fc.constantFrom(0, 0, 1, -1),
  },
  { requiredKeys: ["path"] },
);
const asked = fc.record({
  host: fc.constantFrom("a.b.c", "b.c", "x.b.c", "other"),
  segments: fc.array(fc.constantFrom("a", "b", "z", ""), { maxLength: 5 }),
  method: fc.constantFrom("GET", "HEAD", "PUT", "OPTIONS"),
});

type Asked = typeof asked extends fc.Arbitrary<infer T> ? T : never;

/** Sorts and looks; written without the table's tree, from what the module promises. */
function naive(routes: readonly Route[], { host, segments, method }: Asked): string {
  const fitting = routes.filter(
    (one) => fitsHost(one.host, host) && fitsPath(one.path, segments.join("/"), segments.length),
  );
  const taking = fitting.filter((one) => methodRank(one, method) < 9);
  const [first] = taking.toSorted(
    (a, b) =>
      b.priority - a.priority ||
      hostRank(b.host) - hostRank(a.host) ||
      comparePaths(a.path, b.path) ||
      methodRank(a, method) - methodRank(b, method),
  );
  if (first !== undefined) return `${routes.indexOf(first)}`;
  return fitting.length === 0 ? "missing" : "method";
}

function fitsHost(pattern: string | undefined, host: string): boolean {
  if (pattern === undefined) return true;
  return pattern.startsWith("*") ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function fitsPath(pattern: string, joined: string, count: number): boolean {
  const text = count === 0 ? "" : `/${joined}`;
  const source = (pattern === "/" ? "" : pattern)
    .replace(/\/\{rest\.\.\.\}$/, "(?:/.*)?")
    .replaceAll(/\{[xy]\}/g, "[^/]+");
  return new RegExp(`^${source}$`).test(text);
}

function hostRank(pattern: string | undefined): number {
  if (pattern === undefined) return 0;
  return pattern.startsWith("*") ? pattern.length : 1_000;
}

function methodRank({ methods }: Route, method: string): number {
  if (methods === undefined) return 2;
  if (methods.some((named) => named === method)) return 0;
  return method === "HEAD" && methods.includes("GET") ? 1 : 9;
}

function comparePaths(a: string, b: string): number {
  const ranks = (one: string): readonly number[] =>
    one.split("/").map((text) => (text.startsWith("{rest") ? 2 : text.startsWith("{") ? 1 : 0));
  const [left, right] = [ranks(a), ranks(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const by = (left[i] ?? 0) - (right[i] ?? 0);
    if (by !== 0) return by;
  }
  return 0;
}

test("the tree and a sorted list say the same", () => {
  fc.assert(
    fc.property(
      fc.array(place, { maxLength: 12 }),
      fc.array(asked, { maxLength: 12 }),
      (...all) => {
        const [places, requests] = all;
        const routes = routesOf(...places);
        const table = compileRoutes(routes);
        for (const request of requests) {
          const found = table.match(request);
          const got = found.kind === "found" ? `${routes.indexOf(found.route)}` : found.kind;
          assert.equal(got, naive(routes, request), JSON.stringify(request));
        }
        // What is called a duplicate wins nothing that was asked.
        for (const { index } of duplicateProblems(routes))
          for (const request of requests) assert.notEqual(naive(routes, request), `${index}`);
      },
    ),
    { seed: SEED, numRuns: 1_000 },
  );
});
