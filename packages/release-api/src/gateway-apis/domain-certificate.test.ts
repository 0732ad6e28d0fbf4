import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { PlatformError } from "@skerry/base";
import { makeAuthority } from "@skerry/testkit";
import { assertOwnHost, certificateFacts, checkedChain } from "./domain-certificate.ts";

const NOW_MS = Date.UTC(2026, 10, 22);
const YEARS_MS = 2 * 366 * 86_400_000;
const authority = makeAuthority(NOW_MS);
const leaf = authority.issue(["shop.example", "*.shop.example"]);
const HOST = { host: "shop.example", nowMs: NOW_MS };

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    const { reason, details } = PlatformError.from(error);
    return `${reason}: ${String(details["why"])}`;
  }
  return "taken";
}

test("a chain that is good for the host is kept, its certificates alone", () => {
  const stray = `${leaf.key}\n# a note\n`;
  const chain = checkedChain(
    { chain: `${leaf.cert}${stray}${authority.cert}`, key: leaf.key },
    HOST,
  );
  assert.equal(chain.match(/BEGIN/g)?.length, 2);
  assert.ok(!chain.includes("PRIVATE KEY"));
  assert.deepEqual(certificateFacts(chain).names, ["shop.example", "*.shop.example"]);
  for (const host of ["*.shop.example", "pay.shop.example"]) {
    assert.ok(checkedChain({ chain: leaf.cert, key: leaf.key }, { ...HOST, host }));
  }
});

const { cert: chain, key } = leaf;
const other = authority.issue(["shop.example"]);
const passphrase = { cipher: "aes-256-cbc", passphrase: "secret" };
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const locked = pair.privateKey.export({ type: "pkcs8", format: "pem", ...passphrase }).toString();
const REFUSED: Readonly<Record<string, readonly [RegExp, () => unknown]>> = {
  "no certificate": [/is not PEM/, () => checkedChain({ chain: "none", key }, HOST)],
  "a key that is none": [/not a PEM private key/, () => checkedChain({ chain, key: "none" }, HOST)],
  "a key with a passphrase": [
    /without passphrase/,
    () => checkedChain({ chain, key: locked }, HOST),
  ],
  "another certificate's key": [
    /not that of its first/,
    () => checkedChain({ chain, key: other.key }, HOST),
  ],
  "a chain in another order": [
    /not that of its first/,
    () => checkedChain({ chain: authority.cert + chain, key }, HOST),
  ],
  "an issuer that did not sign": [
    /not signed by the next/,
    () => checkedChain({ chain: chain + makeAuthority(NOW_MS).cert, key }, HOST),
  ],
  "what has expired": [
    /expired/,
    () => checkedChain({ chain, key }, { ...HOST, nowMs: NOW_MS + YEARS_MS }),
  ],
  "what is not valid yet": [
    /not valid yet/,
    () => checkedChain({ chain, key }, { ...HOST, nowMs: NOW_MS - YEARS_MS }),
  ],
  "another host": [
    /it is for shop\.example/,
    () => checkedChain({ chain, key }, { ...HOST, host: "other.example" }),
  ],
  "two labels where a star is one": [
    /it is for/,
    () => checkedChain({ chain, key }, { ...HOST, host: "a.b.shop.example" }),
  ],
  "a host alone for a pattern": [
    /it is for/,
    () => checkedChain({ chain: other.cert, key: other.key }, { ...HOST, host: "*.shop.example" }),
  ],
};
for (const [what, [why, work]] of Object.entries(REFUSED)) {
  test(`refused is ${what}`, () => {
    assert.match(refusal(work), why);
  });
}

test("hosts of the platform, addresses and whole top levels are nobody's domain", () => {
  for (const host of ["localhost", "test.web.shop.apis.localhost", "10.0.0.1", "*.example", "gw"]) {
    assert.match(
      refusal(() => assertOwnHost(host, "gw")),
      /DOMAIN_RESERVED/,
      host,
    );
  }
  const refused = (host: string) => refusal(() => assertOwnHost(host, "gw.shop.example"));
  assert.match(refused("*.shop.example"), /DOMAIN_RESERVED/, "the gateway's own host is under it");
  assert.equal(refused("www.shop.example"), "taken");
  assert.equal(
    refusal(() => assertOwnHost("*.shop.example", "gw")),
    "taken",
  );
});
