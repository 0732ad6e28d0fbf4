/** Values are encoded for where they land, and choose no server, folder or header of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "@skerry/base";
import fc from "fast-check";
import { headerProblems, rewriteHeaders } from "./header-changes.ts";
import {
  renderHeader,
  renderRedirect,
  rewritePath,
  upstreamUrl,
  type TemplateValues,
} from "./render.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261122);
const VALUES: TemplateValues = {
  params: { id: "a b/c", rest: "x/é ?#%2e", empty: "", dot: ".", evil: "/evil.example" },
  variables: { base: "https://shop.example/v2", crlf: "a\r\nx-admin: 1" },
  requestId: "req_1",
  host: "shop.example:8080",
  path: "/old/%C3%A9",
  query: "q=1%202&r",
  clientIp: "192.0.2.1",
};

test("an address is encoded by place: path, query, server", () => {
  for (const [template, expected] of [
    ["/n/{id}", "/n/a%20b/c"],
    ["/n/{rest}", "/n/x/%C3%A9%20%3F%23%252e"],
    ["/n?{request.query}", "/n?q=1%202&r"],
    ["/n?at={request.path}&id={id}", "/n?at=%2Fold%2F%25C3%25A9&id=a%20b%2Fc"],
    ["{stage.base}{request.path}", "https://shop.example/v2/old/%C3%A9"],
    ["https://{request.host}{request.path}", "https://shop.example:8080/old/%C3%A9"],
    ["/#/{id}", "/#/a%20b%2Fc"],
    ["/é {{x}", "/%C3%A9%20{x}"],
    ["/{stage.crlf}", "/a%0D%0Ax-admin:%201"],
    ["{evil}", "/evil.example"],
    ["/{evil}", "/evil.example"],
    ["/{empty}/x", "/x"],
  ] as const)
    assert.equal(renderRedirect(template, VALUES), expected, template);
});

test("a request chooses no server and no folder above", () => {
  for (const template of [
    "/{dot}{dot}/x",
    "/a/{dot}",
    "https://{id}/",
    "https://{evil}.x/",
    "x{id}",
  ])
    assert.throws(() => renderRedirect(template, VALUES), { reason: "ROUTE_ADDRESS_INVALID" });
  for (const template of ["/{stage.none}", "/{stage.__proto__}", "/{constructor}"])
    assert.throws(() => renderRedirect(template, VALUES), { reason: "ROUTE_VARIABLE_MISSING" });
});

test("a path keeps its query unless it has one of its own", () => {
  assert.equal(rewritePath("/n/{id}", VALUES), "/n/a%20b/c?q=1%202&r");
  assert.equal(rewritePath("/n?", VALUES), "/n");
  assert.equal(rewritePath("/n?a=1", VALUES), "/n?a=1");
  assert.equal(rewritePath("/n?a=1&{request.query}#x", VALUES), "/n?a=1&q=1%202&r");
  assert.throws(() => rewritePath("{stage.base}", VALUES), { reason: "ROUTE_ADDRESS_INVALID" });
});

test("an upstream's own path and query stand before the request's", () => {
  const of = (template: string, url: string): string =>
    upstreamUrl(template, { url, values: VALUES });
  assert.equal(of("http://h:81", "/a?b"), "http://h:81/a?b");
  assert.equal(of("http://h/v1/?k=1#f", "/a?b"), "http://h/v1/a?k=1&b");
  assert.equal(of("{stage.base}", "/"), "https://shop.example/v2/");
  for (const template of ["file:///etc", "/x", "http://", "http://[x"])
    assert.throws(() => of(template, "/a"), { reason: "ROUTE_ADDRESS_INVALID" }, template);
});

test("a header holds what a header may, and none of it is another header", () => {
  assert.equal(renderHeader("id={id}; {stage.crlf}", VALUES), "id=a b/c; a%0D%0Ax-admin: 1");
  assert.equal(renderHeader("{rest}{stage.none}\u0000{{", VALUES), "x/%C3%A9 ?#%2e%00{");
});

test("headers are removed and set by name, in any case, but for the platform's", () => {
  const changes = {
    set: { "X-Id": "{id}", "content-length": "1", "x-skerry-principal": "root" },
    remove: ["Cookie", "host"],
  };
  const flat = ["cookie", "a", "COOKIE", "b", "x-id", "1", "X-ID", "2", "host", "h", "a", "b"];
  assert.deepEqual(rewriteHeaders(changes, flat, VALUES), [
    ...["host", "h", "a", "b", "x-id", "a b/c"],
  ]);
  assert.equal(rewriteHeaders(undefined, flat, VALUES), flat);
  assert.deepEqual(headerProblems(changes), [
    "content-length is the platform's to set.",
    "x-skerry-principal is the platform's to set.",
    "host is the platform's to set.",
  ]);
});

test("whatever a request holds, what is made of it is read as one path below the template's", () => {
  const text = fc.string({ unit: "binary", maxLength: 12 });
  const awkward = fc.constantFrom(
    "..",
    ".",
    "%2e%2e",
    "//h",
    "\\",
    "\r\n",
    "?",
    "#",
    "@",
    ";",
    "é",
  );
  const value = fc.array(fc.oneof(text, awkward), { maxLength: 3 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(value, value, (a, rest) => {
      const values = { ...VALUES, params: { a: a.toWellFormed(), rest: rest.toWellFormed() } };
      let url: string;
      try {
        url = rewritePath("/in/{a}/{rest}", values);
      } catch (error) {
        return PlatformError.from(error).reason === "ROUTE_ADDRESS_INVALID";
      }
      const resolved = new URL(url, "http://own.example");
      assert.equal(resolved.host, "own.example");
      assert.ok(resolved.pathname.startsWith("/in/"), url);
      assert.equal(resolved.search.slice(1), VALUES.query);
      const decoded = decodeURIComponent(resolved.pathname.slice("/in/".length));
      return decoded === `${values.params.a}/${values.params.rest}`;
    }),
    { seed: SEED, numRuns: 500 },
  );
});
