/**
 * Routes that a function guards: what it is told, how long its word holds, and that silence closes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuthorizerEvent, AuthorizerPolicy } from "@skerry/contracts";
import { GuardWorld, verdict, type Asked } from "../../test/guard-world.ts";
import { failGuard } from "./errors.ts";
import type { Passed } from "./facts.ts";

const OK = { status: 200, headers: [] };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const token = (text = "t"): Asked => ({ headers: [["authorization", text]] });

function worldOf(policy: Partial<AuthorizerPolicy> = {}) {
  const world = new GuardWorld();
  const guard = world.guard();
  const auth = { authorizer: { function: "gate", ...policy } };
  const route = world.route({ auth });
  const check = (asked: Asked = token(), of = route): Passed | Promise<Passed> =>
    guard.check(of, world.facts(asked));
  const ask = async (asked?: Asked, of = route): Promise<string> =>
    await verdict(() => check(asked, of));
  /** Asks, and has the function answer if it is called. */
  const answered = async (value: unknown, asked?: Asked, of = route): Promise<string> => {
    const before = world.calls.length;
    const said = ask(asked, of);
    if (world.calls.length > before) world.calls.at(-1)?.answer.whole(OK, json(value));
    return await said;
  };
  return { world, auth, check, ask, answered };
}

test("it is told the request's facts, and what it says of the caller is passed on", async () => {
  const { world, check } = worldOf({
    by: [{ header: "X-Token" }, { cookie: "s" }, { query: "k" }],
  });
  const headers = [["X-Token", "t"]] as const;
  const under = check({ method: "POST", url: "/a/b%20c?k=1&z=2", headers, ip: "192.0.2.9" });
  const [call] = world.calls;
  assert.ok(call?.request.method === "EVENT" && call.request.body instanceof Uint8Array);
  const event = JSON.parse(Buffer.from(call.request.body).toString()) as AuthorizerEvent;
  assert.deepEqual(event, {
    type: "skerry.authorize.v1",
    ...{ app: "shop", api: "web", stage: "release", route: "a", method: "POST", path: "/a/b c" },
    ...{ params: {}, credentials: { "header.x-token": "t", "query.k": "1" } },
    ...{ clientIp: "192.0.2.9", requestId: event.requestId },
  });
  const context = { plan: "gold" };
  call.answer.whole(OK, json({ allow: true, principal: "ann", context }));
  const { principal, claims } = await under;
  assert.deepEqual({ principal, claims }, { principal: "ann", claims: context });
});

test("whoever brings nothing is refused without asking, and whoever brings two things as well", async () => {
  const { world, ask } = worldOf();
  assert.equal(await ask({}), "ROUTE_CREDENTIALS_REQUIRED");
  assert.equal(await ask({ headers: [["authorization", ""]] }), "ROUTE_CREDENTIALS_REQUIRED");
  const twice = ["a", "b"].map((one) => ["authorization", one] as const);
  assert.equal(await ask({ headers: twice }), "ROUTE_CREDENTIALS_AMBIGUOUS");
  assert.equal(world.calls.length, 0);
});

test("what it said holds for the same credentials as long as the route says, allowed or not", async () => {
  const { world, answered } = worldOf({ cacheSeconds: 10 });
  assert.equal(await answered({ allow: true }, token("good")), "passed");
  assert.equal(await answered({ allow: false }, token("bad")), "ROUTE_AUTHORIZER_DENIED");
  for (let n = 0; n < 5; n += 1) {
    assert.equal(await answered({ allow: false }, token("good")), "passed");
    assert.equal(await answered({ allow: true }, token("bad")), "ROUTE_AUTHORIZER_DENIED");
  }
  assert.equal(world.calls.length, 2);
  assert.equal(await answered({ allow: false }, token("good2")), "ROUTE_AUTHORIZER_DENIED");
  world.clock.advance(10_000);
  assert.equal(await answered({ allow: false }, token("good")), "ROUTE_AUTHORIZER_DENIED");
  assert.equal(world.calls.length, 4);
});

test("another version of the function, another publication and another route are asked anew", async () => {
  const { world, auth, answered } = worldOf({ cacheSeconds: 3_600 });
  assert.equal(await answered({ allow: true }), "passed");
  world.revisionId = world.ids.id("rev");
  assert.equal(await answered({ allow: false }), "ROUTE_AUTHORIZER_DENIED");
  const next = world.route({ auth }, 2);
  assert.equal(await answered({ allow: true }, token(), next), "passed");
  const other = { ...next, name: "b" };
  assert.equal(await answered({ allow: false }, token(), other), "ROUTE_AUTHORIZER_DENIED");
  assert.equal(await answered({ allow: false }, token(), next), "passed");
});

test("a hundred requests with the same credentials ask once, those with others for themselves", async () => {
  const { world, ask } = worldOf();
  const same = Array.from({ length: 100 }, () => ask(token("same")));
  const other = ask(token("other"));
  assert.equal(world.calls.length, 2);
  world.calls[0]?.answer.whole(OK, json({ allow: true }));
  world.calls[1]?.answer.whole(OK, json({ allow: false }));
  assert.deepEqual(new Set(await Promise.all(same)), new Set(["passed"]));
  assert.equal(await other, "ROUTE_AUTHORIZER_DENIED");
});

test("where nothing is kept each request is judged by itself", async () => {
  const { world, ask } = worldOf({ cacheSeconds: 0 });
  const both = [ask(), ask()];
  assert.equal(world.calls.length, 2);
  world.calls[0]?.answer.whole(OK, json({ allow: true }));
  world.calls[1]?.answer.whole(OK, json({ allow: false }));
  assert.deepEqual(await Promise.all(both), ["passed", "ROUTE_AUTHORIZER_DENIED"]);
});

test("no answer, a late one and one of another form let nobody in, and are kept for nobody", async () => {
  const { world, ask, answered } = worldOf({ timeoutMs: 1_000 });
  const closed = "ROUTE_AUTH_UNAVAILABLE";
  const late = ask();
  world.clock.advance(1_000);
  assert.equal(await late, closed);
  assert.equal(world.calls[0]?.isAbandoned, true);
  world.calls[0]?.answer.whole(OK, json({ allow: true }));
  for (const odd of [
    ...[undefined, null, true, "allow", [], {}, { allow: "true" }, { allow: 1 }],
    ...[
      { allow: true, principal: 7 },
      { allow: true, more: 1 },
      { allow: true, context: { a: {} } },
    ],
    { allow: true, context: { a: "x".repeat(20_000) } },
  ]) {
    assert.equal(await answered(odd ?? "", token()), closed, JSON.stringify(odd));
  }
  const failed = ask();
  world.calls.at(-1)?.answer.fail(failGuard("ROUTE_KEY_REQUIRED"));
  assert.equal(await failed, closed);
  const teapot = ask();
  world.calls.at(-1)?.answer.whole({ status: 418, headers: [] }, json({ allow: true }));
  assert.equal(await teapot, closed);
  const broken = ask();
  world.calls.at(-1)?.answer.begin(OK, undefined);
  world.calls.at(-1)?.answer.write(json({ allow: true }));
  world.calls.at(-1)?.answer.reset();
  assert.equal(await broken, closed);
  world.refusing = failGuard("ROUTE_RATE_LIMITED");
  assert.equal(await ask(), closed);
  world.refusing = undefined;
  world.missing = failGuard("ROUTE_RATE_LIMITED");
  assert.equal(await ask(), closed);
  world.missing = undefined;
  // The control: the same request is let in as soon as it is allowed.
  assert.equal(await answered({ allow: true }), "passed");
  assert.equal(world.clock.timers, 0);
});

test("an answer that comes in parts is read whole", async () => {
  const { world, ask } = worldOf();
  const under = ask();
  const { answer } = world.calls[0] ?? assert.fail("it was not asked");
  const bytes = json({ allow: true });
  answer.begin(OK, undefined);
  for (const byte of bytes) answer.write(Uint8Array.of(byte));
  answer.end();
  assert.equal(await under, "passed");
});
