/** What a request must look like: query, headers, and a body that is read for it and goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "@skerry/base";
import type { RouteInput } from "@skerry/contracts";
import { GuardWorld, verdict, type Asked } from "../../test/guard-world.ts";

const BODY = {
  type: "object",
  required: ["name"],
  properties: {
    name: { type: "string", pattern: "^[a-z]+$" },
    tags: { items: { type: "string" } },
  },
  additionalProperties: false,
};

function worldOf(schemas: NonNullable<RouteInput["schemas"]>, more: Partial<RouteInput> = {}) {
  const world = new GuardWorld();
  const guard = world.guard();
  const of = world.route({ auth: "none", schemas, ...more });
  return {
    world,
    guard,
    of,
    ask: (asked: Asked) => verdict(() => guard.check(of, world.facts(asked))),
  };
}

const posted = (body: string, type = "application/json"): Asked => ({
  ...{ method: "POST", body },
  headers: [
    ["content-type", type],
    ["content-length", String(Buffer.byteLength(body))],
  ],
});

test("a body that fits goes on as it came, and one that does not is told where", async () => {
  const { world, guard, of } = worldOf({ body: BODY });
  const text = '{ "name": "ann",\n"tags": ["a"] }';
  const passed = await guard.check(of, world.facts(posted(text)));
  assert.equal(Buffer.from(passed.body ?? []).toString(), text);
  const refused = guard.check(of, world.facts(posted('{"name":"Ann","tags":["a",1],"x":0}')));
  await assert.rejects(Promise.resolve(refused), (error: unknown) => {
    const { reason, httpStatus, details } = PlatformError.from(error);
    assert.deepEqual([reason, httpStatus], ["ROUTE_SCHEMA_MISMATCH", 400]);
    assert.deepEqual(details["places"], [
      "/name: it does not match the pattern",
      "/tags/1: not of type string",
      "/x: nothing may stand here",
    ]);
    return true;
  });
});

test("what is no JSON, or does not say that it is, is not looked at", async () => {
  const { ask } = worldOf({ body: BODY });
  const good = '{"name":"ann"}';
  for (const type of [
    "application/json",
    "Application/JSON; charset=UTF-8",
    "application/vnd.a+json",
  ]) {
    assert.equal(await ask(posted(good, type)), "passed", type);
  }
  for (const type of ["", "text/plain", "application/jsonp", "application/json; charset=utf-16"]) {
    assert.equal(await ask(posted(good, type)), "ROUTE_BODY_TYPE_REFUSED", type);
  }
  const { headers = [], ...rest } = posted(good);
  const coded: Asked = { ...rest, headers: [...headers, ["content-encoding", "gzip"]] };
  assert.equal(await ask(coded), "ROUTE_BODY_TYPE_REFUSED");
  for (const text of ["{", "name=ann", "\ufeff{}", " ", "{}{}", "NaN"]) {
    assert.equal(await ask(posted(text)), "ROUTE_BODY_NOT_JSON", JSON.stringify(text));
  }
  assert.equal(await ask({ method: "POST" }), "ROUTE_BODY_NOT_JSON");
  assert.equal(await ask({ method: "GET" }), "passed");
});

test("no expression of a schema holds a gateway up", async () => {
  const { ask } = worldOf({ body: { properties: { a: { pattern: "^(a+)+$" } } } });
  const evil = JSON.stringify({ a: `${"a".repeat(2_000)}!` });
  assert.equal(await ask(posted(evil)), "ROUTE_SCHEMA_MISMATCH");
});

test("a query and headers are looked at without a promise, a repeated parameter as a list", async () => {
  const { world, guard, of, ask } = worldOf({
    query: {
      required: ["page"],
      properties: { page: { type: "string", pattern: "^[0-9]{1,3}$" } },
    },
    headers: { properties: { "x-tier": { enum: ["gold"] } } },
  });
  assert.ok(!(guard.check(of, world.facts({ url: "/a?page=1" })) instanceof Promise));
  assert.equal(await ask({ url: "/a?page=%31&z=1" }), "passed");
  for (const url of ["/a", "/a?page=x", "/a?page=1&page=2", "/a?page=x&page=1", "/a?page"]) {
    assert.equal(await ask({ url }), "ROUTE_SCHEMA_MISMATCH", url);
  }
  assert.equal(
    await ask({ url: "/a?page=1", headers: [["X-Tier", "lead"]] }),
    "ROUTE_SCHEMA_MISMATCH",
  );
  assert.equal(await ask({ url: "/a?page=1", headers: [["X-Tier", "gold"]] }), "passed");
});

test("a schema that cannot be used lets nothing pass", async () => {
  const { ask } = worldOf({ query: { $ref: "https://elsewhere.example/schema" } });
  assert.equal(await ask({}), "ROUTE_SCHEMA_MISMATCH");
});

test("a request that was let in and then does not fit is under way no longer", async () => {
  const { ask } = worldOf({ body: BODY }, { limits: { concurrency: 1 } });
  for (let n = 0; n < 3; n += 1) {
    assert.equal(await ask(posted("{}")), "ROUTE_SCHEMA_MISMATCH");
    assert.equal(await ask(posted("{")), "ROUTE_BODY_NOT_JSON");
  }
  assert.equal(await ask(posted('{"name":"ann"}')), "passed");
  // The control: one that passed is under way.
  assert.equal(await ask(posted('{"name":"ann"}')), "ROUTE_CONCURRENCY_LIMITED");
});

test("a body takes room until its request is over, and one that is refused takes none", async () => {
  const world = new GuardWorld();
  const guard = world.guard({ bodiesBytesMax: 20 });
  const of = world.route({ auth: "none", schemas: { body: BODY } });
  const check = () => guard.check(of, world.facts(posted('{"name":"ann"}')));
  for (let n = 0; n < 9; n += 1) {
    const misfit = world.facts(posted('{"name":1}'));
    assert.equal(await verdict(() => guard.check(of, misfit)), "ROUTE_SCHEMA_MISMATCH");
  }
  const first = await check();
  assert.equal(await verdict(check), "ROUTE_BODIES_BUSY");
  first.done?.();
  assert.equal(await verdict(check), "passed");
});

test("a body is looked at up to a megabyte, unless its route takes more", async () => {
  const long = (bytes: number): string => `{"name":"${"a".repeat(bytes - 11)}"}`;
  const body = { properties: { name: { type: "string" } } };
  const announced = worldOf({ body });
  assert.equal(await announced.ask(posted(long(1 << 20))), "passed");
  assert.equal(await announced.ask(posted(long((1 << 20) + 1))), "ROUTE_BODY_TOO_LARGE");
  const streamed: Asked = {
    ...{ method: "POST", body: long((1 << 20) + 1) },
    headers: [
      ["content-type", "application/json"],
      ["transfer-encoding", "chunked"],
    ],
  };
  assert.equal(await announced.ask(streamed), "ROUTE_BODY_TOO_LARGE");
  const larger = worldOf({ body }, { limits: { bodyBytesMax: 2 << 20 } });
  assert.equal(await larger.ask(streamed), "passed");
  assert.equal(await larger.ask(posted(long((2 << 20) + 1))), "ROUTE_BODY_TOO_LARGE");
});

test("a body that takes too much to be looked at is refused for that, not for its shape", async () => {
  const { guard, of, world } = worldOf({ body: { items: { multipleOf: 0.01 } } });
  const cents = (count: number): Asked => posted(`[${"1.5,".repeat(count - 1)}1.5]`);
  const refused = Promise.resolve(guard.check(of, world.facts(cents(130_000))));
  await assert.rejects(refused, { reason: "ROUTE_SCHEMA_TOO_COSTLY", httpStatus: 400 });
  assert.equal(await verdict(() => guard.check(of, world.facts(cents(1_000)))), "passed");
});
