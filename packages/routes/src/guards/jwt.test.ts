/** Tokens by abuse: what is refused, and that the very same made rightly is taken. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { test } from "node:test";
import type { JwtPolicy } from "@skerry/contracts";
import { readJwkSet, type CheckKey } from "./jwk-set.ts";
import { decideClaims } from "./jwt-claims.ts";
import { chooseKey, isSignedBy, readToken } from "./jwt.ts";

const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 1_000;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const otherEc = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");

const jwkOf = (key: KeyObject, more: object = {}) => ({
  ...key.export({ format: "jwk" }),
  ...more,
});
const JWKS = [
  jwkOf(rsa.publicKey, { kid: "rsa" }),
  jwkOf(ec.publicKey, { kid: "ec", alg: "ES256", use: "sig", key_ops: ["verify"] }),
  jwkOf(ed.publicKey, { kid: "ed" }),
];
const KEYS = readJwkSet(JWKS);
const POLICY: JwtPolicy = {
  issuer: "https://issuer.example",
  audience: ["api"],
  algorithms: ["RS256", "ES256"],
  clockSkewSeconds: 60,
  claims: {},
  scopes: [],
};
const CLAIMS = { iss: "https://issuer.example", aud: "api", sub: "user-1", exp: NOW + 300 };

const part = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function made(header: unknown, claims: unknown, by: KeyObject = ec.privateKey): string {
  const signed = `${part(header)}.${part(claims)}`;
  const hash = by.asymmetricKeyType === "ed25519" ? null : "sha256";
  const options = { key: by, dsaEncoding: "ieee-p1363" as const };
  return `${signed}.${sign(hash, Buffer.from(signed), options).toString("base64url")}`;
}

interface World {
  readonly policy?: Partial<JwtPolicy>;
  readonly keys?: readonly CheckKey[];
  readonly nowMs?: number;
}

/** What a guard makes of a token: `good`, or why not. */
function judged(token: string, { policy, keys = KEYS, nowMs = NOW_MS }: World = {}): string {
  const whole = { ...POLICY, ...policy };
  const read = readToken(token, whole.algorithms);
  if ("problem" in read) return read.problem;
  const key = chooseKey(read, keys);
  if (key === undefined) return "no key";
  if (!isSignedBy(read, key)) return "signature";
  const said = decideClaims(read.claims, whole, nowMs);
  if (said.kind === "good") return "good";
  return said.kind === "invalid" ? said.problem : `missing ${said.missing}`;
}

const HEADER = { alg: "ES256", kid: "ec" };

test("a token of a key of the set is taken, by each kind of signature that the policy names", () => {
  assert.equal(judged(made(HEADER, CLAIMS)), "good");
  assert.equal(
    judged(made({ alg: "RS256", kid: "rsa", typ: "JWT" }, CLAIMS, rsa.privateKey)),
    "good",
  );
  const eddsa = made({ alg: "EdDSA", kid: "ed", typ: "at+jwt" }, CLAIMS, ed.privateKey);
  assert.equal(judged(eddsa, { policy: { algorithms: ["EdDSA"] } }), "good");
  assert.match(judged(eddsa), /algorithm/);
});

test("which signatures count is never the token's to say", () => {
  const unsigned = (alg: unknown): string => `${part({ alg, kid: "ec" })}.${part(CLAIMS)}.`;
  for (const alg of ["none", "None", "NONE", "nOnE", "", null, ["ES256"], { ES256: 1 }, "es256"]) {
    assert.match(judged(unsigned(alg)), /algorithm/, JSON.stringify(alg));
  }
  // RS256's public key as the secret of HS256.
  const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
  for (const secret of [pem, JSON.stringify(JWKS[0])]) {
    const signed = `${part({ alg: "HS256", kid: "rsa" })}.${part(CLAIMS)}`;
    const mac = createHmac("sha256", secret).update(signed).digest("base64url");
    assert.match(judged(`${signed}.${mac}`), /algorithm/);
  }
  // A good signature under the name of another algorithm or of a key of another type.
  assert.equal(judged(made({ alg: "RS256", kid: "ec" }, CLAIMS)), "no key");
  assert.equal(judged(made({ alg: "ES256", kid: "rsa" }, CLAIMS, rsa.privateKey)), "no key");
  const pss = { alg: "PS256", kid: "rsa" };
  const asPss = made(pss, CLAIMS, rsa.privateKey);
  assert.equal(judged(asPss, { policy: { algorithms: ["PS256"] } }), "signature");
});

test("a key that comes with the token checks nothing", () => {
  const jwk = jwkOf(otherEc.publicKey, { kid: "mine" });
  for (const more of [
    ...[{ jwk }, { jwk, kid: "mine" }, { jku: "https://evil.example/keys", kid: "mine" }],
    ...[
      { x5u: "https://evil.example/cert", kid: "ec" },
      { x5c: ["AA=="], kid: "ec" },
    ],
    ...[{ kid: "../../../dev/null" }, { kid: "ec' OR '1'='1" }, { kid: "" }, { kid: "__proto__" }],
  ]) {
    const verdict = judged(made({ alg: "ES256", ...more }, CLAIMS, otherEc.privateKey));
    assert.ok(["no key", "signature"].includes(verdict), `${verdict} of ${JSON.stringify(more)}`);
  }
  assert.match(judged(made({ alg: "ES256", kid: 7 }, CLAIMS)), /kid/);
  assert.match(judged(made({ alg: "ES256", kid: "k".repeat(300) }, CLAIMS)), /kid/);
});

test("a token without a kid is checked by the only key that could, and not by guessing", () => {
  assert.equal(judged(made({ alg: "ES256" }, CLAIMS)), "good");
  const two = readJwkSet([...JWKS, jwkOf(otherEc.publicKey, { kid: "second" })]);
  assert.equal(judged(made({ alg: "ES256" }, CLAIMS), { keys: two }), "no key");
});

test("what is changed after it was signed is refused", () => {
  const [head = "", body = "", tail = ""] = made(HEADER, CLAIMS).split(".");
  assert.equal(judged(`${head}.${part({ ...CLAIMS, sub: "admin" })}.${tail}`), "signature");
  assert.equal(judged(`${head}.${body}.${tail.slice(0, -6)}`), "signature");
  assert.equal(judged(`${head}.${body}.`), "signature");
  const zeros = Buffer.alloc(64).toString("base64url");
  assert.equal(judged(`${head}.${body}.${zeros}`), "signature");
  const der = sign("sha256", Buffer.from(`${head}.${body}`), ec.privateKey).toString("base64url");
  assert.equal(judged(`${head}.${body}.${der}`), "signature");
});

test("what is not the one way to write a token is none", () => {
  const token = made(HEADER, CLAIMS);
  const [head = "", body = "", tail = ""] = token.split(".");
  const twice = `{"alg":"none","alg":"ES256","kid":"ec"}`;
  const hidden = `{"sub":"a","\\u0073ub":"b","exp":${NOW + 9},"iss":"${POLICY.issuer}","aud":"api"}`;
  for (const odd of [
    ...[
      "",
      ".",
      "..",
      "a.b",
      `${token}.`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `.${body}.${tail}`,
    ],
    ...[
      `${head}.${body}.${tail}.${tail}`,
      `${head}.${body}.${tail}.x.y`,
      `${head}=.${body}.${tail}`,
    ],
    ...[`${head}.${body}.${tail.slice(0, -1)}${String.fromCharCode(tail.charCodeAt(85) + 1)}`],
    ...[made(twice, CLAIMS), made(HEADER, hidden), made("[]", CLAIMS), made(HEADER, "[]")],
    ...[made(HEADER, "null"), made(HEADER, `"text"`), made(HEADER, "{")],
    ...[`${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString("base64url")}.${tail}`],
  ]) {
    assert.equal(judged(odd), "it is no JWT in compact form", JSON.stringify(odd.slice(0, 80)));
  }
  for (const name of ["crit", "b64", "zip", "enc"]) {
    const value = name === "b64" ? false : ["exp"];
    assert.match(judged(made({ ...HEADER, [name]: value }, CLAIMS)), new RegExp(name));
  }
  assert.match(judged(made({ ...HEADER, typ: "logout+jwt" }, CLAIMS)), /typ/);
  assert.match(judged(made(HEADER, { ...CLAIMS, pad: "x".repeat(9_000) })), /longer/);
});

test("times hold to the second with the skew, and nothing holds for ever", () => {
  const at = (more: object): string => judged(made(HEADER, { ...CLAIMS, ...more }));
  assert.equal(at({ exp: NOW - 59 }), "good");
  assert.match(at({ exp: NOW - 60 }), /expired/);
  assert.equal(at({ nbf: NOW + 60, iat: NOW + 60 }), "good");
  assert.match(at({ nbf: NOW + 61 }), /nbf/);
  assert.match(at({ iat: NOW + 61 }), /iat/);
  for (const exp of [undefined, null, "9999999999", true, [NOW + 9]])
    assert.match(at({ exp }), /exp/);
  const huge = JSON.stringify({ ...CLAIMS, exp: 0 }).replace(`"exp":0`, `"exp":1e999`);
  assert.match(judged(made(HEADER, huge)), /exp/);
  assert.match(at({ nbf: "0" }), /nbf/);
});

test("issuer, audience, claims and scopes are compared as they are", () => {
  const at = (more: object, policy: Partial<JwtPolicy> = {}): string =>
    judged(made(HEADER, { ...CLAIMS, ...more }), { policy });
  for (const iss of [
    "https://issuer.example/",
    "HTTPS://issuer.example",
    ["https://issuer.example"],
  ]) {
    assert.match(at({ iss }), /issuer/);
  }
  assert.equal(at({ aud: ["other", "api"] }), "good");
  for (const aud of ["apis", "ap", "", [], undefined, { api: true }, [["api"]]]) {
    assert.match(at({ aud }), /audience/, JSON.stringify(aud));
  }
  assert.equal(at({ tier: "gold" }, { claims: { tier: ["silver", "gold"] } }), "good");
  assert.equal(
    at({ groups: ["a", "b"], ok: true }, { claims: { groups: "b", ok: "true" } }),
    "good",
  );
  assert.equal(at({}, { claims: { constructor: "x" } }), "missing claim constructor");
  assert.equal(at({ tier: "goldish" }, { claims: { tier: "gold" } }), "missing claim tier");
  assert.equal(at({ scope: "read write" }, { scopes: ["write", "read"] }), "good");
  assert.equal(at({ scope: "read writer" }, { scopes: ["write"] }), "missing scope write");
  assert.equal(at({ scp: ["read"] }, { scopes: ["read"] }), "good");
  assert.equal(at({ scope: "", scp: ["read"] }, { scopes: ["read"] }), "missing scope read");
});

test("keys that should check nothing are not among the keys of a set", () => {
  const small = generateKeyPairSync("rsa", { modulusLength: 1_024 });
  const { n } = rsa.publicKey.export({ format: "jwk" });
  for (const [why, jwk] of Object.entries({
    secret: { kty: "oct", k: "AAAA", kid: "ec" },
    private: jwkOf(ec.privateKey, { kid: "ec" }),
    encrypts: jwkOf(ec.publicKey, { use: "enc" }),
    signs: jwkOf(ec.publicKey, { key_ops: ["sign"] }),
    weak: jwkOf(small.publicKey),
    huge: { kty: "RSA", n: Buffer.alloc(2_048, 0xff).toString("base64url"), e: "AQAB" },
    slow: { kty: "RSA", n, e: Buffer.alloc(64, 0xff).toString("base64url") },
    misnamed: jwkOf(ec.publicKey, { alg: "RS256" }),
    offCurve: { ...jwkOf(ec.publicKey), y: Buffer.alloc(32, 1).toString("base64url") },
    curve: { kty: "EC", crv: "__proto__", x: "AA", y: "AA" },
    exchange: { kty: "OKP", crv: "X25519", x: Buffer.alloc(32, 9).toString("base64url") },
    text: "key",
    nothing: null,
  })) {
    assert.deepEqual(readJwkSet([jwk]), [], why);
  }
  assert.equal(KEYS.length, 3);
});

test("without the check of its signature a forged token would pass all others", () => {
  const forged = made(HEADER, CLAIMS, otherEc.privateKey);
  assert.equal(judged(forged), "signature");
  const read = readToken(forged, POLICY.algorithms);
  assert.ok(!("problem" in read) && chooseKey(read, KEYS) !== undefined);
  assert.equal(decideClaims(read.claims, POLICY, NOW_MS).kind, "good");
});
