/** Sets of keys are read once for all that wait, renewed with measure, and kept while away. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { silentLog } from "@skerry/base";
import type { JwtPolicy } from "@skerry/contracts";
import type { CheckKey } from "@skerry/routes";
import { HandClock } from "@skerry/testkit";
import { KeySets } from "./key-sets.ts";

const jwk = (kid: string) => ({
  ...generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }),
  kid,
});
const FIRST = jwk("first");
const SECOND = jwk("second");
const POLICY: JwtPolicy = {
  ...{
    issuer: "i",
    audience: ["a"],
    jwksUrl: "https://issuer.example/keys",
    claims: {},
    scopes: [],
  },
  ...{ algorithms: ["EdDSA"], clockSkewSeconds: 60 },
};
const has =
  (kid: string) =>
  (keys: readonly CheckKey[]): boolean =>
    keys.some((key) => key.kid === kid);

function worldOf() {
  const clock = new HandClock();
  const asked: PromiseWithResolvers<readonly unknown[]>[] = [];
  const fetch = (): Promise<readonly unknown[]> => {
    const answer = Promise.withResolvers<readonly unknown[]>();
    asked.push(answer);
    return answer.promise;
  };
  const sets = new KeySets({ clock, log: silentLog(), fetch });
  const kids = async (kid = "first", policy = POLICY): Promise<readonly unknown[]> =>
    (await sets.keysOf(policy, has(kid), "r")).map((key) => key.kid);
  return { clock, asked, sets, kids };
}

test("a hundred requests that need a set at once have it fetched once", async () => {
  const { asked, kids } = worldOf();
  const all = Array.from({ length: 100 }, () => kids());
  asked[0]?.resolve([FIRST]);
  assert.deepEqual(new Set((await Promise.all(all)).flat()), new Set(["first"]));
  await kids();
  assert.equal(asked.length, 1);
});

test("keys at hand are given at once, without a promise", async () => {
  const { asked, sets, kids } = worldOf();
  const first = kids();
  asked[0]?.resolve([FIRST]);
  await first;
  assert.ok(!(sets.keysOf(POLICY, has("first"), "r") instanceof Promise));
  const given = { ...POLICY, jwksUrl: undefined, keys: [FIRST] };
  assert.ok(!(sets.keysOf(given, has("first"), "r") instanceof Promise));
  assert.equal(sets.keysOf(given, has("?"), "r"), sets.keysOf(given, has("first"), "r"));
});

test("a key that the set lacks has it read anew, every half minute at most", async () => {
  const { clock, asked, kids } = worldOf();
  const first = kids();
  asked[0]?.resolve([FIRST]);
  await first;
  for (let n = 0; n < 100; n += 1) assert.deepEqual(await kids(`made up ${n}`), ["first"]);
  assert.equal(asked.length, 1, "what was just read is not read again for a key it lacks");
  clock.advance(30_000);
  const renewed = kids("second");
  asked[1]?.resolve([FIRST, SECOND]);
  assert.deepEqual(await renewed, ["first", "second"]);
  for (let n = 0; n < 100; n += 1) await kids(`made up ${n}`);
  assert.equal(asked.length, 2);
});

test("a set that has grown old is read behind the request that uses it", async () => {
  const { clock, asked, kids } = worldOf();
  const first = kids();
  asked[0]?.resolve([FIRST]);
  await first;
  clock.advance(600_001);
  assert.deepEqual(await kids(), ["first"]);
  assert.equal(asked.length, 2);
  asked[1]?.resolve([SECOND]);
  await asked[1]?.promise;
  assert.deepEqual(await kids("second"), ["second"]);
});

test("while its issuer is away a set goes on to hold for a day, and no longer", async () => {
  const { clock, asked, kids } = worldOf();
  const first = kids();
  asked[0]?.resolve([FIRST]);
  await first;
  for (let hour = 1; hour <= 23; hour += 1) {
    clock.advance(3_600_000);
    assert.deepEqual(await kids(), ["first"]);
    asked.at(-1)?.reject(new Error("away"));
    await asked.at(-1)?.promise.catch(() => undefined);
  }
  assert.equal(asked.length, 24);
  clock.advance(3_600_001);
  const late = kids();
  asked.at(-1)?.reject(new Error("away"));
  await assert.rejects(late, { reason: "ROUTE_AUTH_UNAVAILABLE" });
  const next = async (): Promise<unknown> => await kids();
  await assert.rejects(next, { reason: "ROUTE_AUTH_UNAVAILABLE" }, "nor a moment later");
});

test("an issuer that is away from the beginning lets nobody in, and is asked with measure", async () => {
  const { clock, asked, kids } = worldOf();
  const first = kids();
  asked[0]?.reject(new Error("away"));
  await assert.rejects(first, { reason: "ROUTE_AUTH_UNAVAILABLE", httpStatus: 503 });
  for (let n = 0; n < 50; n += 1) {
    await assert.rejects(kids(), { reason: "ROUTE_AUTH_UNAVAILABLE" });
  }
  assert.equal(asked.length, 1);
  clock.advance(5_000);
  const again = kids();
  asked[1]?.resolve([FIRST]);
  assert.deepEqual(await again, ["first"]);
});
