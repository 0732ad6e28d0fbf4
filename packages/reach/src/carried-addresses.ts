/**
 * IPv4 addresses inside IPv6 ones. A machine or a translator on the way unwraps them, so whoever
 * judges an address has to judge what it carries as well. Pure; what is no IPv6 address carries
 * nothing.
 */
import { isIPv6 } from "node:net";

const GROUPS = 8;
const NAT64_PREFIX = 0x64;
const NAT64_GROUP = 0xff9b;

/** What the well-known forms carry: a few candidates, most of them what the address does mean. */
export function carriedIpv4(address: string): readonly string[] {
  const groups = groupsOf(address);
  if (groups === undefined) return [];
  const [first = 0, second = 0] = groups;
  const carried: string[] = [];
  const isZeroTo = (end: number): boolean => groups.slice(0, end).every((group) => group === 0);
  // ::a.b.c.d, ::ffff:a.b.c.d and ::ffff:0:a.b.c.d (RFC 4291 section 2.5.5, RFC 2765).
  if (isZeroTo(4)) carried.push(ipv4At(groups, 6));
  // 64:ff9b::/96 (RFC 6052) and 64:ff9b:1::/48 (RFC 8215), in which any prefix may be used.
  if (first === NAT64_PREFIX && second === NAT64_GROUP) carried.push(...translated(groups));
  // 6to4 (RFC 3056).
  if (first === 0x2002) carried.push(ipv4At(groups, 1));
  // Teredo: its server, and its client with every bit turned (RFC 4380 section 4).
  if (first === 0x2001 && second === 0) {
    carried.push(ipv4At(groups, 2));
    carried.push(
      ipv4At(
        groups.map((group) => group ^ 0xffff),
        6,
      ),
    );
  }
  // ISATAP (RFC 5214 section 6.1).
  if ((groups[4] ?? 0) % 0x200 === 0 && groups[5] === 0x5efe) carried.push(ipv4At(groups, 6));
  return carried;
}

/** What the address carries if its network uses it for NAT64, by each length of RFC 6052. */
export function translatedIpv4(address: string): readonly string[] {
  const groups = groupsOf(address);
  return groups === undefined ? [] : translated(groups);
}

/** RFC 6052 section 2.2: the bits 64 to 71 are left out. */
function translated(groups: readonly number[]): readonly string[] {
  const bytes = groups.flatMap((group) => [group >> 8, group & 0xff]);
  const withoutU = [...bytes.slice(0, 8), ...bytes.slice(9)];
  const at = (from: number): string => withoutU.slice(from, from + 4).join(".");
  return [at(4), at(5), at(6), at(7), at(8), ipv4At(groups, 6)];
}

function ipv4At(groups: readonly number[], at: number): string {
  const [high = 0, low = 0] = groups.slice(at, at + 2);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}

/** The eight groups of an IPv6 address, of which a URL knows the one canonical form. */
function groupsOf(address: string): readonly number[] | undefined {
  const bare = address.replace(/%.*/, "");
  if (!isIPv6(bare)) return undefined;
  const [head = "", tail = ""] = new URL(`http://[${bare}]/`).hostname.slice(1, -1).split("::");
  const read = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = read(head);
  const behind = read(tail);
  const zeros = Array<number>(GROUPS - before.length - behind.length).fill(0);
  return [...before, ...zeros, ...behind];
}
