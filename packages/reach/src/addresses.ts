/**
 * Which addresses are public, and which are guarded: those where a machine asks its cloud about
 * itself, and all link-local ones.
 *
 * Public IPv4: all but the special-purpose ranges of IANA's registry (RFC 6890 and its updates).
 * IPv6: only global unicast, less the ranges that are special or that carry an IPv4 address inside
 * (6to4, Teredo), whose true end this machine cannot judge; the forms outside 2000::/3, such as
 * IPv4-mapped and NAT64, fall with everything else there.
 *
 * An address is guarded in every form that carries it: a translator on the way would unwrap it.
 */
import { BlockList, isIP } from "node:net";
import { carriedIpv4, translatedIpv4 } from "./carried-addresses.ts";

const IPV4_SPECIAL: readonly (readonly [network: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

const IPV6_GLOBAL: readonly [network: string, prefix: number] = ["2000::", 3];
const IPV6_SPECIAL: readonly (readonly [network: string, prefix: number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
];

/** Where machines of a cloud ask about themselves; what they are told opens the account. */
const METADATA: readonly string[] = [
  // Amazon, Google, Azure, Oracle, OpenStack, DigitalOcean, IBM, Hetzner and others.
  "169.254.169.254",
  // Amazon: credentials of containers and of pods.
  "169.254.170.2",
  "169.254.170.23",
  "fd00:ec2::254",
  "fd00:ec2::23",
  // Google.
  "fd20:ce::254",
  // Alibaba.
  "100.100.100.200",
  // Oracle, of old.
  "192.0.0.192",
  // Azure's wire server.
  "168.63.129.16",
  // Scaleway.
  "169.254.42.42",
  "fd00:42::42",
  // Tencent.
  "169.254.0.23",
];
const LINK_LOCAL_V4: readonly [network: string, prefix: number] = ["169.254.0.0", 16];
const LINK_LOCAL_V6: readonly [network: string, prefix: number] = ["fe80::", 10];

/** Says of an address in the canonical form that a resolver gives whether it is public. */
export type AddressPolicy = (address: string) => boolean;

/** What no function's configuration can open: see the module. */
export function publicAddresses(): AddressPolicy {
  const special = new BlockList();
  for (const [network, prefix] of IPV4_SPECIAL) special.addSubnet(network, prefix, "ipv4");
  for (const [network, prefix] of IPV6_SPECIAL) special.addSubnet(network, prefix, "ipv6");
  const global6 = new BlockList();
  global6.addSubnet(...IPV6_GLOBAL, "ipv6");
  const isGuarded = guardedAddresses();
  return (address) => {
    switch (isIP(address)) {
      case 4:
        return !special.check(address, "ipv4") && !isGuarded(address);
      case 6:
        // A zone names an interface of this machine.
        return (
          !address.includes("%") &&
          global6.check(address, "ipv6") &&
          !special.check(address, "ipv6") &&
          !isGuarded(address)
        );
      default:
        return false;
    }
  };
}

/**
 * True for link-local addresses, of which only the machine itself or its cloud answers, and for the
 * metadata addresses of clouds; in each form that carries one. False for what is no address.
 */
export function guardedAddresses(): AddressPolicy {
  const guarded = new BlockList();
  guarded.addSubnet(...LINK_LOCAL_V4, "ipv4");
  guarded.addSubnet(...LINK_LOCAL_V6, "ipv6");
  for (const address of METADATA) guarded.addAddress(address, familyOf(address));
  return (address) => {
    if (isIP(address) === 0) return false;
    const bare = address.replace(/%.*/, "");
    if (guarded.check(bare, familyOf(bare))) return true;
    if (carriedIpv4(bare).some((one) => guarded.check(one, "ipv4"))) return true;
    // Behind a prefix that only the network knows, by the whole address alone: no chance hit.
    return translatedIpv4(bare).some((one) => METADATA.includes(one));
  };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/**
 * True for a name that some resolvers take for an IPv4 address in octal, hexadecimal, as one number
 * or with parts left out: its last label is a number (WHATWG URL, "ends in a number").
 */
export function isOddAddress(host: string): boolean {
  const last = host.slice(host.lastIndexOf(".") + 1);
  return isIP(host) === 0 && /^(?:[0-9]+|0x[0-9a-f]*)$/i.test(last);
}
