/**
 * Sets of IP addresses as lists of routes name them, compiled once and looked up by halving. An
 * IPv4 address is the same in each spelling that carries one: `::ffff:192.0.2.1` is `192.0.2.1`.
 * Addresses are compared as text of eight characters, one for each 16 bits, which JavaScript orders
 * as the bits are ordered.
 */
import { isIP } from "node:net";

const GROUPS = 8;
const BITS = 128;
const GROUP_BITS = 16;
const GROUP_MAX = 0xffff;
/** `::ffff:0:0/96` (RFC 4291, 2.5.5.2). */
const MAPPED = "\0\0\0\0\0\uffff";
const IPV4_BEGINS_AT = BITS - 32;

export interface AddressSet {
  /** `bits` is of `addressBits`. */
  has(bits: string): boolean;
}

/** All 128 bits of an address, as text that only compares; undefined for what is no address. */
export function addressBits(address: string): string | undefined {
  const zone = address.indexOf("%");
  const bare = zone < 0 ? address : address.slice(0, zone);
  switch (isIP(bare)) {
    case 4:
      return MAPPED + ipv4Groups(bare);
    case 6:
      return ipv6Groups(bare);
    default:
      return undefined;
  }
}

/**
 * Whom an address stands for: an IPv4 address for itself, an IPv6 address for its /64, because one
 * host has as many of those as it likes.
 */
export function callerOfAddress(bits: string): string {
  return bits.startsWith(MAPPED) ? bits : bits.slice(0, 4);
}

/** Compiles addresses and networks in CIDR notation; what is neither is left out. */
export function compileAddresses(list: readonly string[]): AddressSet {
  const ranges = list
    .flatMap((text) => rangeOf(text) ?? [])
    .toSorted((a, b) => (a.first < b.first ? -1 : 1));
  const firsts: string[] = [];
  const lasts: string[] = [];
  for (const { first, last } of ranges) {
    const before = lasts.at(-1);
    if (before === undefined || first > before) {
      firsts.push(first);
      lasts.push(last);
    } else if (last > before) lasts[lasts.length - 1] = last;
  }
  return {
    has(bits) {
      let low = 0;
      let high = firsts.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((firsts[middle] ?? "") <= bits) low = middle + 1;
        else high = middle;
      }
      return low > 0 && bits <= (lasts[low - 1] ?? "");
    },
  };
}

interface Range {
  readonly first: string;
  readonly last: string;
}

function rangeOf(text: string): Range | undefined {
  const slash = text.indexOf("/");
  const bits = addressBits(slash < 0 ? text : text.slice(0, slash));
  if (bits === undefined) return undefined;
  if (slash < 0) return { first: bits, last: bits };
  const said = Number(text.slice(slash + 1));
  const length = said + (isIP(text.slice(0, slash)) === 4 ? IPV4_BEGINS_AT : 0);
  return { first: filled(bits, length, 0), last: filled(bits, length, GROUP_MAX) };
}

/** The first `length` bits of an address, and of `fill` the rest. */
function filled(bits: string, length: number, fill: number): string {
  let text = "";
  for (let group = 0; group < GROUPS; group += 1) {
    const kept = Math.min(GROUP_BITS, Math.max(0, length - group * GROUP_BITS));
    const mask = (GROUP_MAX << (GROUP_BITS - kept)) & GROUP_MAX;
    text += String.fromCharCode((bits.charCodeAt(group) & mask) | (fill & ~mask));
  }
  return text;
}

function ipv4Groups(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = text.split(".").map(Number);
  return String.fromCharCode((a << 8) | b, (c << 8) | d);
}

function ipv6Groups(text: string): string {
  const dotted = text.lastIndexOf(".") < 0 ? -1 : text.lastIndexOf(":") + 1;
  const tail = dotted < 0 ? "" : ipv4Groups(text.slice(dotted));
  // What stands before the dotted part ends with a colon, of `::` or of its last group.
  const plain = dotted < 0 ? text : text.slice(0, dotted).replace(/(?<!:):$/, "");
  const [head = "", rest] = plain.split("::");
  const before = groupsOf(head);
  if (rest === undefined) return before + tail;
  const after = groupsOf(rest) + tail;
  return before + "\0".repeat(GROUPS - before.length - after.length) + after;
}

function groupsOf(text: string): string {
  if (text === "") return "";
  return String.fromCharCode(...text.split(":").map((group) => Number.parseInt(group, 16)));
}
