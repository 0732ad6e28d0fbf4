import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isSameAuthority, parseAuthority } from "./authority.ts";

const LONG_LABEL = "a".repeat(64);

describe("parseAuthority", () => {
  for (const [text, hostname, port] of [
    ["hello.shop.localhost", "hello.shop.localhost", undefined],
    ["Hello.SHOP.localhost:4480", "hello.shop.localhost", 4480],
    ["localhost:1", "localhost", 1],
    ["my_gateway:65535", "my_gateway", 65_535],
    ["a-b.c", "a-b.c", undefined],
    ["1a.b", "1a.b", undefined],
    ["127.0.0.1:80", "127.0.0.1", 80],
    ["[::1]", "[::1]", undefined],
    ["[0:0:0:0:0:0:0:1]:8080", "[::1]", 8080],
    ["[2001:DB8::1]:443", "[2001:db8::1]", 443],
  ] as const) {
    it(`reads ${text}`, () => assert.deepEqual(parseAuthority(text), { hostname, port }));
  }

  for (const text of [
    undefined,
    "",
    ":80",
    "a:",
    "a:0",
    "a:080",
    "a:65536",
    "a:999999",
    "a:8x",
    "a:80:80",
    "a:-1",
    "a b",
    " a",
    "a,b",
    "a/b",
    "a\\b",
    "u@a",
    "a.",
    ".a",
    "a..b",
    "-a",
    "a-.b",
    "a%2eb",
    "a\u0000",
    "bücher.example",
    "xn--bcher-kva.example",
    "ｌocalhost",
    "127.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "256.0.0.1",
    "1.2.3.4.5",
    "1.2.3.4.",
    "[::1",
    "[::1]x",
    "[::1]:",
    "[fe80::1%eth0]",
    "[1.2.3.4]",
    "[]",
    "::1",
    `${LONG_LABEL}.a`,
    "a.".repeat(127) + "a".repeat(2),
  ]) {
    it(`refuses ${JSON.stringify(text?.slice(0, 30))}`, () => {
      assert.throws(() => parseAuthority(text), { reason: "HOST_INVALID" });
    });
  }

  it("takes a missing port for the default when it compares", () => {
    const named = parseAuthority("a:80");
    assert.ok(isSameAuthority(named, parseAuthority("A"), 80));
    assert.ok(!isSameAuthority(named, parseAuthority("a"), 443));
    assert.ok(!isSameAuthority(named, parseAuthority("b:80"), 80));
  });
});
