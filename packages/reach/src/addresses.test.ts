/** Which addresses are public, guarded or this machine's own, in every form that carries them. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { guardedAddresses, publicAddresses } from "./addresses.ts";
import { carriedIpv4 } from "./carried-addresses.ts";
import { systemNetwork } from "./network.ts";

/** Where clouds are asked about their machines, in forms that lead there or may be led there. */
const METADATA: readonly string[] = [
  ...["169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "169.254.0.23"],
  ...["100.100.100.200", "192.0.0.192", "168.63.129.16", "169.254.1.2"],
  ...["fd00:ec2::254", "FD00:0EC2:0:0:0:0:0:0254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"],
  ...["fe80::1", "fe80::1%eth0", "febf::1", "fe80::a9fe:a9fe", "fe80:0:0:0:0:0:a9fe:a9fe"],
  // IPv4-mapped, -compatible and -translated.
  ...["::ffff:169.254.169.254", "::FFFF:A9FE:A9FE", "0:0:0:0:0:ffff:a9fe:a9fe"],
  ...["::169.254.169.254", "::a9fe:a9fe", "::ffff:0:169.254.169.254", "::ffff:0:a9fe:a9fe"],
  ...["::ffff:100.100.100.200", "::ffff:6464:64c8", "::ffff:168.63.129.16", "::ffff:a83f:8110"],
  ...["::ffff:192.0.0.192", "::ffff:c000:c0", "::6464:64c8", "::ffff:169.254.9.9"],
  // NAT64: the well-known prefix, the local one with each length, and one that nobody knows.
  ...["64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "0064:ff9b:0:0:0:0:a9fe:a9fe"],
  ...["64:ff9b::100.100.100.200", "64:ff9b::168.63.129.16", "64:ff9b::192.0.0.192"],
  ...["64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:2::a9fe:a9fe"],
  ...["64:ff9b:1:2:a9:fea9:fe00:0", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b::169.254.7.7"],
  ...["2001:db8:64::a9fe:a9fe", "2001:db8:a9fe:a9fe::", "2001:db8:122:a9fe:a9:fe00::"],
  ...["2606:4700:64::6464:64c8", "2606:4700::a83f:8110", "2606:4700:1:2:64:6464:c800:0"],
  // 6to4, Teredo with its server or its client, ISATAP.
  ...["2002:a9fe:a9fe::", "2002:a9fe:a9fe::1", "2002:6464:64c8:1::1", "2002:a83f:8110::"],
  ...["2001:0:a9fe:a9fe::", "2001:0:1:1:0:0:5601:5601", "2001::9b9b:9b37"],
  ...["2001:db8::5efe:169.254.169.254", "2001:db8::200:5efe:a9fe:a9fe"],
];

test("public addresses are public, up to the edges of what is not", () => {
  const isPublic = publicAddresses();
  const ipv4 = ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"];
  const edges = ["126.255.255.255", "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0"];
  const more = [
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
  ];
  const ipv6 = ["2606:4700::1111", "2001:4860::8888", "2003::1", "2a00:1450::1", "3ffe::1"];
  for (const address of [...ipv4, ...edges, ...more, ...ipv6]) {
    assert.equal(isPublic(address), true, address);
  }
  for (const text of ["", "example.org", "1.1.1", "1.1.1.1 ", "2606:4700::1111%eth0"]) {
    assert.equal(isPublic(text), false, text);
  }
});

test("an address of this machine is not public, whatever its range", () => {
  const { isPublic } = systemNetwork();
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  assert.ok(own.length > 0);
  for (const { address } of own) assert.equal(isPublic(address), false, address);
});

test("link-local and metadata addresses are guarded, and not public, in every form", () => {
  assert.ok(METADATA.length >= 60, String(METADATA.length));
  const [isGuarded, isPublic] = [guardedAddresses(), publicAddresses()];
  for (const address of METADATA) {
    assert.equal(isGuarded(address), true, address);
    assert.equal(isPublic(address), false, address);
  }
  const others = ["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "fd00:ec2::1", "100.100.100.201"];
  const more = ["168.63.129.17", "::ffff:10.0.0.5", "64:ff9b::8.8.8.8", "2002:808:808::1", "name"];
  const noise = ["2606:4700::a9fe:a9ff", "2606:4700:a9fe:a9fd::", "169.253.255.255", "170.0.0.1"];
  for (const address of [...others, ...more, ...noise]) {
    assert.equal(isGuarded(address), false, address);
  }
});

test("what an IPv6 address carries is read from where each form has it", () => {
  const carries = (address: string, carried: string): void =>
    assert.ok(carriedIpv4(address).includes(carried), `${address}: ${carriedIpv4(address)}`);
  // The examples of RFC 6052 section 2.4, within the prefix of RFC 8215.
  carries("64:ff9b:1:c000:2:2100::", "192.0.2.33");
  carries("64:ff9b:1:3c0:0:221::", "192.0.2.33");
  carries("64:ff9b:1:344:c0:2:2100::", "192.0.2.33");
  carries("64:ff9b::192.0.2.33", "192.0.2.33");
  carries("::ffff:192.0.2.33", "192.0.2.33");
  carries("2002:c000:221::1", "192.0.2.33");
  // The example of RFC 4380 section 4.
  carries("2001:0:4136:e378:8000:63bf:3fff:fdd2", "65.54.227.120");
  carries("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45");
  for (const none of ["2606:4700::1111", "192.0.2.33", "name", ""]) {
    assert.deepEqual(carriedIpv4(none), [], none);
  }
});

test("this machine is known by every spelling of its addresses", () => {
  const { isOwn } = systemNetwork();
  const interfaces = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const own = interfaces.flatMap(({ address, family }) =>
    family === "IPv6" ? [address, address.toUpperCase()] : [address, `::ffff:${address}`],
  );
  const more = ["127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "::", "::1", "0:0:0:0:0:0:0:1"];
  const carried = ["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::ffff:0.0.0.0"];
  const led = ["64:ff9b::127.0.0.1", "2002:7f00:1::", "0:0:0:0:0:ffff:7f00:0001"];
  for (const address of [...own, ...more, ...carried, ...led]) {
    assert.equal(isOwn(address), true, address);
  }
  for (const address of ["10.255.255.1", "128.0.0.1", "2606:4700::1", "::2:0:0:0:1", "name", ""]) {
    assert.equal(isOwn(address), false, address);
  }
});
