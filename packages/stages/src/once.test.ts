/** Whose a key is, where a guard lets in callers without naming them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "@skerry/contracts";
import type { Exchange } from "./exchange.ts";
import { onceOf } from "./once.ts";

interface Said {
  readonly auth: unknown;
  readonly principal?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly policy?: object;
}

function keyedBy({ auth, principal, headers = {}, policy }: Said): ReturnType<typeof onceOf> {
  const idempotency = { header: "Idempotency-Key", required: false, credentials: [], ...policy };
  const stage = { apiId: "api_1", stage: "release" };
  const route = { idempotency, auth } as unknown as Route;
  const req = { headers: { "idempotency-key": "k-1", ...headers } };
  const rawHeaders = Object.entries(req.headers).flat();
  return onceOf({
    ...{ guarded: { name: "orders", route, stage }, method: "POST", url: "/orders" },
    ...{ passed: { principal }, came: { req: { ...req, rawHeaders }, target: { rawQuery: "" } } },
  } as unknown as Exchange);
}

test("callers that an authorizer names by an empty word are told apart by what it goes by", () => {
  const auth = { authorizer: { function: "guard", by: [{ header: "x-visitor" }] } };
  const [ada, bob] = ["ada", "bob"].map((visitor) =>
    keyedBy({ auth, principal: "", headers: { "x-visitor": visitor } }),
  );
  assert.deepEqual([ada?.isCallersOwn, bob?.isCallersOwn], [false, false]);
  assert.notDeepEqual(ada?.credentials, bob?.credentials);
  const named = keyedBy({ auth, principal: "ada", headers: { "x-visitor": "ada" } });
  assert.deepEqual([named?.isCallersOwn, named?.credentials], [true, []], "the control");
});

test("holders of tokens without a subject are told apart by the token, wherever it is", () => {
  const issuer = "https://login.example";
  for (const from of [undefined, { header: "Authorization" }, { cookie: "token" }]) {
    const auth = { jwt: { issuer, ...(from && { from }) } };
    const [ada, bob] = ["ada", "bob"].map((token) =>
      keyedBy({ auth, headers: { authorization: `Bearer ${token}`, cookie: `token=${token}` } }),
    );
    assert.notDeepEqual(ada?.credentials, bob?.credentials);
  }
});

test("headers by names that every object has are the request's own or none", () => {
  const header = "Constructor";
  const required = { header, required: true };
  assert.throws(() => keyedBy({ auth: "none", policy: required }), {
    reason: "ROUTE_IDEMPOTENCY_KEY_REQUIRED",
  });
  const keyed = keyedBy({ auth: "none", policy: required, headers: { constructor: "k-2" } });
  assert.equal(keyed?.key, "k-2");
  const policy = { credentials: ["toString", "__proto__", "X-User"] };
  const said = keyedBy({ auth: "none", policy, headers: { "x-user": "ada" } });
  const expected = [["toString"], ["__proto__"], ["X-User", "ada"]].map(([name, value]) =>
    JSON.stringify([name, value]),
  );
  assert.deepEqual(said?.credentials, expected);
});
