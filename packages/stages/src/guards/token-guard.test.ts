/** Routes for holders of tokens, from the header to who calls. What tokens are is in routes. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { LeapClock } from "@skerry/testkit";
import { GuardWorld, verdict, type Asked } from "../../test/guard-world.ts";
import { fetchKeySet } from "./fetch-key-set.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEYS = [{ ...ec.publicKey.export({ format: "jwk" }), kid: "k" }];
const JWT = { issuer: "https://issuer.example", audience: ["api"], keys: KEYS };

function tokenFor(world: GuardWorld, more: object = {}, by: KeyObject = ec.privateKey): string {
  const exp = world.clock.wallMs() / 1_000 + 300;
  const claims = { iss: JWT.issuer, aud: "api", sub: "user-1", exp, ...more };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "ES256", kid: "k" })}.${part(claims)}`;
  const options = { key: by, dsaEncoding: "ieee-p1363" as const };
  return `${signed}.${sign("sha256", Buffer.from(signed), options).toString("base64url")}`;
}

test("a token says who calls; without one, and with two, nobody does", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const of = world.route({ auth: { jwt: JWT } });
  const token = tokenFor(world);
  const said = guard.check(of, world.facts({ headers: [["Authorization", `Bearer ${token}`]] }));
  assert.ok(!(said instanceof Promise));
  assert.deepEqual([said.principal, said.claims?.["iss"]], ["user-1", JWT.issuer]);
  const sent = async (...values: readonly string[]): Promise<string> => {
    const headers = values.map((value) => ["authorization", value] as const);
    return await verdict(() => guard.check(of, world.facts({ headers })));
  };
  assert.equal(await sent(`bearer  ${token}`), "passed");
  assert.equal(await sent(), "ROUTE_TOKEN_REQUIRED");
  assert.equal(await sent("Basic dTpw"), "ROUTE_TOKEN_REQUIRED");
  assert.equal(await sent("Bearer"), "ROUTE_TOKEN_REQUIRED");
  assert.equal(await sent(`Bearer ${token}, Bearer ${token}`), "ROUTE_TOKEN_INVALID");
  assert.equal(await sent(`Bearer ${token}`, "Bearer x"), "ROUTE_CREDENTIALS_AMBIGUOUS");
  assert.equal(await sent("Bearer x", `Bearer ${token}`), "ROUTE_CREDENTIALS_AMBIGUOUS");
  const forged = tokenFor(world, { sub: "admin" }, other.privateKey);
  assert.equal(await sent(`Bearer ${forged}`), "ROUTE_TOKEN_INVALID");
});

test("a token whose signature was checked once still expires, and lets in where it may alone", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const headers = [["authorization", `Bearer ${tokenFor(world)}`]] as const;
  const at = async (jwt: object): Promise<string> =>
    await verdict(() =>
      guard.check(world.route({ auth: { jwt: { ...JWT, ...jwt } } }), world.facts({ headers })),
    );
  assert.equal(await at({}), "passed");
  assert.equal(await at({ audience: ["other"] }), "ROUTE_TOKEN_INVALID");
  assert.equal(await at({ algorithms: ["RS256"] }), "ROUTE_TOKEN_INVALID");
  assert.equal(await at({ scopes: ["write"] }), "ROUTE_TOKEN_INSUFFICIENT");
  // Its key is gone from the set: what was checked before counts no more.
  const changed = [{ ...other.publicKey.export({ format: "jwk" }), kid: "k" }];
  assert.equal(await at({ keys: changed }), "ROUTE_TOKEN_INVALID");
  world.clock.advance(361_000);
  assert.equal(await at({}), "ROUTE_TOKEN_INVALID");
});

test("a token is taken from where the route says and from nowhere else", async () => {
  const world = new GuardWorld();
  const guard = world.guard();
  const token = tokenFor(world);
  const at = async (from: object, asked: Asked): Promise<string> =>
    await verdict(() =>
      guard.check(
        world.route({ auth: { jwt: { ...JWT, from: from as { cookie: string } } } }),
        world.facts(asked),
      ),
    );
  const cookie = { cookie: "session" };
  assert.equal(await at(cookie, { headers: [["Cookie", `a=b; session=${token}`]] }), "passed");
  assert.equal(
    await at(cookie, { headers: [["Cookie", `session=${token}; session=x`]] }),
    "ROUTE_CREDENTIALS_AMBIGUOUS",
  );
  const bearer: Asked = { headers: [["authorization", `Bearer ${token}`]] };
  assert.equal(await at(cookie, bearer), "ROUTE_TOKEN_REQUIRED");
  assert.equal(await at({ header: "X-Token" }, { headers: [["x-token", token]] }), "passed");
  assert.equal(await at({ header: "X-Token" }, bearer), "ROUTE_TOKEN_REQUIRED");
  assert.equal(await at(cookie, { url: `/a?session=${token}` }), "ROUTE_TOKEN_REQUIRED");
});

async function servedBy<T>(
  listener: RequestListener,
  run: (url: string, clock: LeapClock) => Promise<T>,
): Promise<T> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await run(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
      new LeapClock(),
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const dial = async ({ host, port }: { host: string; port: number }) => connect(port, host);

test("a set is read from its URL: whole, of bounded size and time, and never by a redirect", async () => {
  const fetched = async (listener: RequestListener, leapMs?: number): Promise<unknown> =>
    await servedBy(listener, async (url, clock) => {
      const under = fetchKeySet({ clock, connect: dial }, url);
      under.catch(() => undefined);
      if (leapMs !== undefined) clock.leap(leapMs);
      return await under.catch((error: unknown) => String(error));
    });
  const body = JSON.stringify({ keys: KEYS });
  assert.deepEqual(await fetched((_, res) => res.end(body)), KEYS);
  assert.match(
    String(await fetched((_, res) => res.writeHead(302, { location: "/other" }).end())),
    /status 302/,
  );
  assert.match(String(await fetched((_, res) => res.end("x".repeat(300_000)))), /more than/);
  assert.match(String(await fetched((_, res) => res.end("{}"))), /no set of keys/);
  assert.match(String(await fetched((_, res) => res.end("<html>"))), /JSON/);
  assert.match(String(await fetched((_, res) => void res.write("{"), 5_000)), /no answer within/);
  assert.match(String(await fetched((req) => req.socket.destroy())), /hang up|reset|closed/);
});

test("a set whose address the platform does not allow is not read", async () => {
  const world = new GuardWorld();
  const asked: unknown[] = [];
  const guard = world.guard({
    connect: (target) => {
      asked.push(target);
      return Promise.reject(new Error("guarded"));
    },
  });
  const { issuer, audience } = JWT;
  const jwt = { issuer, audience, jwksUrl: "http://169.254.169.254/latest/meta-data" };
  const of = world.route({ auth: { jwt } });
  const headers = [["authorization", `Bearer ${tokenFor(world)}`]] as const;
  assert.equal(
    await verdict(() => guard.check(of, world.facts({ headers }))),
    "ROUTE_AUTH_UNAVAILABLE",
  );
  assert.deepEqual(asked, [{ host: "169.254.169.254", port: 80 }]);
});
