/** Lists of addresses say the same as Node's own, whatever the spelling. */
import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import { test } from "node:test";
import { seededRandom } from "@skerry/base";
import { addressBits, callerOfAddress, compileAddresses } from "./address-set.ts";

function isIn(list: readonly string[], address: string): boolean {
  const bits = addressBits(address);
  assert.ok(bits !== undefined, address);
  assert.equal(bits.length, 8, address);
  return compileAddresses(list).has(bits);
}

test("a network takes its first and its last address and none beside", () => {
  const list = ["192.0.2.0/24", "10.1.2.3", "2001:db8::/33", "203.0.113.128/25"];
  for (const inside of [
    ...["192.0.2.0", "192.0.2.255", "10.1.2.3", "203.0.113.128", "203.0.113.255"],
    ...["2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:DB8:0:0:0::1"],
  ]) {
    assert.ok(isIn(list, inside), inside);
  }
  for (const outside of [
    ...["192.0.1.255", "192.0.3.0", "10.1.2.2", "10.1.2.4", "203.0.113.127", "203.0.114.0"],
    ...["2001:db8:8000::", "2001:db7:ffff::", "::", "::1", "::192.0.2.1"],
  ]) {
    assert.ok(!isIn(list, outside), outside);
  }
});

test("an IPv4 address is the same when an IPv6 address carries it", () => {
  const spellings = ["::ffff:192.0.2.7", "::FFFF:c000:207", "0:0:0:0:0:ffff:192.0.2.7"];
  for (const spelling of spellings) {
    assert.ok(isIn(["192.0.2.0/24"], spelling), spelling);
    assert.ok(isIn([spelling], "192.0.2.7"), spelling);
  }
  assert.ok(isIn(["::ffff:192.0.2.0/120"], "192.0.2.255"));
  assert.ok(!isIn(["::ffff:192.0.2.0/120"], "192.0.3.0"));
  assert.ok(isIn(["0.0.0.0/0"], "255.255.255.255"));
  assert.ok(!isIn(["0.0.0.0/0"], "2001:db8::1"));
  assert.ok(isIn(["::/0"], "192.0.2.1"));
  assert.ok(isIn(["fe80::/10"], "fe80::1%eth0"));
});

test("what is no address is none", () => {
  for (const text of [
    "",
    "localhost",
    "1.2.3",
    "01.2.3.4",
    "0x7f.1",
    "1.2.3.4.5",
    ":::",
    "1::2::3",
  ]) {
    assert.equal(addressBits(text), undefined, text);
  }
});

test("addresses of one /64 are one caller, and each IPv4 address is its own", () => {
  const of = (address: string): string => callerOfAddress(addressBits(address) ?? "");
  assert.equal(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  assert.notEqual(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
  assert.notEqual(of("192.0.2.1"), of("192.0.2.2"));
  assert.equal(of("192.0.2.1"), of("::ffff:192.0.2.1"));
});

test("random lists and addresses are judged as Node's block list judges them", () => {
  const random = seededRandom(7);
  const below = (most: number): number => Math.floor(random.float() * most);
  const v4 = (): string => [10, below(2), below(4), below(256)].join(".");
  const v6 = (): string => `2001:db8:${below(4).toString(16)}::${below(65_536).toString(16)}`;
  for (let round = 0; round < 300; round += 1) {
    const blocks = new BlockList();
    const list = Array.from({ length: 1 + below(6) }, () => {
      const [network, prefix] = below(2) === 0 ? [v4(), below(33)] : [v6(), below(129)];
      blocks.addSubnet(network, prefix, isIP(network) === 4 ? "ipv4" : "ipv6");
      return `${network}/${prefix}`;
    });
    // A network of all IPv6 addresses holds mapped ones too, which Node sees otherwise.
    if (list.some((text) => text.includes(":") && Number(text.split("/")[1]) < 8)) continue;
    for (const address of Array.from({ length: 20 }, () => (below(2) === 0 ? v4() : v6()))) {
      const family = isIP(address) === 4 ? "ipv4" : "ipv6";
      assert.equal(isIn(list, address), blocks.check(address, family), `${address} in ${list}`);
    }
  }
});
