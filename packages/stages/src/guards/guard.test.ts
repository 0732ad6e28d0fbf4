/** Who may pass a route, in which order it is asked, and that who asks nothing costs nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlatformError } from "@skerry/base";
import { GuardWorld, verdict } from "../../test/guard-world.ts";
import { guardHeaders } from "./challenge.ts";
import { failGuard } from "./errors.ts";

test("a route that asks nothing lets everyone pass at once, with one and the same answer", () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const of = world.route({ auth: "none" });
  const facts = world.facts();
  assert.ok(!(guard.check(of, facts) instanceof Promise));
  assert.equal(guard.check(of, facts), guard.check(of, world.facts()));
});

test("a route for holders of keys takes those that may invoke functions of its app", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const of = world.route({});
  const sent = async (...headers: (readonly [string, string])[]): Promise<string> =>
    await verdict(() => guard.check(of, world.facts({ headers })));
  const key = world.key("developer");
  assert.equal(await sent(), "ROUTE_KEY_REQUIRED");
  assert.equal(await sent(["Authorization", "Bearer of.another.kind"]), "ROUTE_KEY_REQUIRED");
  assert.equal(await sent(["X-Skerry-Key", "sk_nobody"]), "ROUTE_KEY_INVALID");
  assert.equal(await sent(["Authorization", `Bearer ${key}`]), "passed");
  assert.equal(await sent(["X-Skerry-Key", key]), "passed");
  assert.equal(await sent(["X-Skerry-Key", world.key("viewer")]), "ROUTE_CALL_FORBIDDEN");
  const elsewhere = world.key("developer", ["blog"]);
  assert.equal(await sent(["X-Skerry-Key", elsewhere]), "ROUTE_CALL_FORBIDDEN");
  const twice = [`Bearer ${key}`, "Bearer other"].map((one) => ["Authorization", one] as const);
  assert.equal(await sent(...twice), "ROUTE_CREDENTIALS_AMBIGUOUS");
  assert.equal(await sent(...twice.toReversed()), "ROUTE_CREDENTIALS_AMBIGUOUS");
  const said = guard.check(of, world.facts({ headers: [["x-skerry-key", key]] }));
  assert.ok(!(said instanceof Promise));
  assert.ok(said.principal?.startsWith("key_"));
});

test("who is denied is denied though allowed, and who is on no list of those allowed, too", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const from = async (ips: object, ip: string): Promise<string> =>
    await verdict(() => guard.check(world.route({ auth: "none", ips }), world.facts({ ip })));
  const both = { allow: ["10.0.0.0/8", "2001:db8::/32"], deny: ["10.6.0.0/16"] };
  assert.equal(await from(both, "10.5.0.1"), "passed");
  assert.equal(await from(both, "2001:db8::1"), "passed");
  for (const ip of ["10.6.0.1", "::ffff:10.6.0.1", "192.0.2.1", "2001:db9::1", "", "unix"]) {
    assert.equal(await from(both, ip), "ROUTE_ADDRESS_FORBIDDEN", ip);
  }
  assert.equal(await from({ deny: ["192.0.2.1"] }, "192.0.2.2"), "passed");
  assert.equal(await from({ deny: ["192.0.2.1"] }, "not an address"), "ROUTE_ADDRESS_FORBIDDEN");
  assert.equal(await from({ allow: [] }, "192.0.2.1"), "ROUTE_ADDRESS_FORBIDDEN");
});

test("who is not let in uses up nothing of the rate of those who are", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const of = world.route({ limits: { rate: { perSecond: 1, burst: 2 } } });
  const key: readonly [string, string] = ["x-skerry-key", world.key("developer")];
  const asked = async (headers: readonly (readonly [string, string])[]): Promise<string> =>
    await verdict(() => guard.check(of, world.facts({ headers })));
  for (let n = 0; n < 50; n += 1) assert.equal(await asked([]), "ROUTE_KEY_REQUIRED");
  assert.deepEqual(
    [await asked([key]), await asked([key]), await asked([key])],
    ["passed", "passed", "ROUTE_RATE_LIMITED"],
  );
  // The control: were it counted before, the first would have been turned away.
});

test("a rate by address holds before anybody is asked who it is, and for a whole /64", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const of = world.route({ limits: { rate: { perSecond: 1, burst: 1, by: "ip" } } });
  const from = async (ip: string): Promise<string> =>
    await verdict(() => guard.check(of, world.facts({ ip })));
  assert.equal(await from("2001:db8::1"), "ROUTE_KEY_REQUIRED");
  assert.equal(await from("2001:db8::2"), "ROUTE_RATE_LIMITED");
  assert.equal(await from("2001:db8:0:1::2"), "ROUTE_KEY_REQUIRED");
  assert.equal(await from("192.0.2.1"), "ROUTE_KEY_REQUIRED");
  world.clock.advance(1_000);
  assert.equal(await from("2001:db8::3"), "ROUTE_KEY_REQUIRED");
});

test("a rate by caller is each key's own, wherever it comes from, and outlives a publication", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const limits = { rate: { perSecond: 0.5, burst: 1, by: "caller" as const } };
  const routes = [1, 2].map((publication) => world.route({ limits }, publication));
  const asked = async (key: string, publication = 0, ip = "192.0.2.1"): Promise<string> => {
    const of = routes[publication] ?? world.route({ limits });
    return await verdict(() =>
      guard.check(of, world.facts({ headers: [["x-skerry-key", key]], ip })),
    );
  };
  const [one, other] = [world.key("developer"), world.key("developer")];
  assert.equal(await asked(one), "passed");
  assert.equal(await asked(one, 0, "192.0.2.2"), "ROUTE_RATE_LIMITED");
  assert.equal(await asked(one, 1), "ROUTE_RATE_LIMITED");
  assert.equal(await asked(other), "passed");
  world.clock.advance(2_000);
  assert.equal(await asked(one, 1), "passed");
});

test("each of several gateways holds its part of a rate and of what is under way", async () => {
  const world = new GuardWorld();
  const limits = { rate: { perSecond: 40, burst: 8 }, concurrency: 4 };
  const of = world.route({ auth: "none", limits });
  const guard = world.guard({ gateways: 2 });
  const passes = [guard.check(of, world.facts()), guard.check(of, world.facts())];
  assert.equal(await verdict(() => guard.check(of, world.facts())), "ROUTE_CONCURRENCY_LIMITED");
  for (const pass of passes) if (!(pass instanceof Promise)) pass.done?.();
  // Four tokens for those that passed; who was refused spent none, and stays out of the count.
  const more = [guard.check(of, world.facts()), guard.check(of, world.facts())];
  for (const pass of more) if (!(pass instanceof Promise)) pass.done?.();
  assert.equal(await verdict(() => guard.check(of, world.facts())), "ROUTE_RATE_LIMITED");
  assert.equal(await verdict(() => guard.check(of, world.facts())), "ROUTE_RATE_LIMITED");
});

test("as many are under way as the route takes; one that ends twice makes room once", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const routes = [1, 2].map((publication) =>
    world.route({ auth: "none", limits: { concurrency: 2 } }, publication),
  );
  const [first, second] = routes.map((of) => guard.check(of, world.facts()));
  const next = async (): Promise<string> =>
    await verdict(() => guard.check(routes[0] ?? world.route({}), world.facts()));
  assert.equal(await next(), "ROUTE_CONCURRENCY_LIMITED");
  assert.ok(first !== undefined && !(first instanceof Promise) && second !== undefined);
  first.done?.();
  first.done?.();
  assert.equal(await next(), "passed");
  assert.equal(await next(), "ROUTE_CONCURRENCY_LIMITED");
});

test("a body that is announced longer than the route takes is not waited for", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const of = world.route({ auth: "none", limits: { bodyBytesMax: 10 } });
  const long = async (length: string): Promise<string> =>
    await verdict(() => guard.check(of, world.facts({ headers: [["content-length", length]] })));
  assert.equal(await long("10"), "passed");
  assert.equal(await long("11"), "ROUTE_BODY_TOO_LARGE");
});

test("refusals say how to authenticate, when to come again, and have the status of their kind", () => {
  const shown = (error: PlatformError): unknown => [error.httpStatus, guardHeaders(error)[1]];
  assert.deepEqual(shown(failGuard("ROUTE_KEY_REQUIRED")), [401, 'Bearer realm="skerry"']);
  const invalid = 'Bearer realm="skerry", error="invalid_token"';
  assert.deepEqual(shown(failGuard("ROUTE_TOKEN_INVALID")), [401, invalid]);
  const insufficient = 'Bearer realm="skerry", error="insufficient_scope"';
  assert.deepEqual(shown(failGuard("ROUTE_TOKEN_INSUFFICIENT")), [403, insufficient]);
  assert.deepEqual(shown(failGuard("ROUTE_ADDRESS_FORBIDDEN")), [403, undefined]);
  assert.deepEqual(shown(failGuard("ROUTE_RATE_LIMITED")), [429, undefined]);
  assert.deepEqual(shown(failGuard("ROUTE_AUTH_UNAVAILABLE")), [503, undefined]);
});
