/**
 * Which addresses are public. IPv4: all but the special-purpose ranges of IANA's registry (RFC 6890
 * and its updates). IPv6: only global unicast, less the ranges that are special or that carry an
 * IPv4 address inside (6to4, Teredo), whose true end this machine cannot judge; the forms outside
 * 2000::/3, such as IPv4-mapped and NAT64, fall with everything else there.
 */
import { BlockList, isIP } from "node:net";

const IPV4_SPECIAL: readonly (readonly [network: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  // What a cloud's machines ask about themselves: Azure's wire server.
  ["168.63.129.16", 32],
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

/** Says of an address in the canonical form that a resolver gives whether it is public. */
export type AddressPolicy = (address: string) => boolean;

/** What no function's configuration can open: see the module. */
export function publicAddresses(): AddressPolicy {
  const special = new BlockList();
  for (const [network, prefix] of IPV4_SPECIAL) special.addSubnet(network, prefix, "ipv4");
  for (const [network, prefix] of IPV6_SPECIAL) special.addSubnet(network, prefix, "ipv6");
  const global6 = new BlockList();
  global6.addSubnet(...IPV6_GLOBAL, "ipv6");
  return (address) => {
    switch (isIP(address)) {
      case 4:
        return !special.check(address, "ipv4");
      case 6:
        // A zone names an interface of this machine.
        return (
          !address.includes("%") &&
          global6.check(address, "ipv6") &&
          !special.check(address, "ipv6")
        );
      default:
        return false;
    }
  };
}

/** Of link-local addresses only the machine itself, or its cloud, answers: never a target. */
export function isLinkLocal(address: string): boolean {
  const linkLocal = new BlockList();
  linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
  linkLocal.addSubnet("fe80::", 10, "ipv6");
  const family = isIP(address);
  return (
    family !== 0 && linkLocal.check(address.replace(/%.*/, ""), family === 4 ? "ipv4" : "ipv6")
  );
}

/**
 * True for a name that some resolvers take for an IPv4 address in octal, hexadecimal, as one number
 * or with parts left out: its last label is a number (WHATWG URL, "ends in a number").
 */
export function isOddAddress(host: string): boolean {
  const last = host.slice(host.lastIndexOf(".") + 1);
  return isIP(host) === 0 && /^(?:[0-9]+|0x[0-9a-f]*)$/i.test(last);
}
