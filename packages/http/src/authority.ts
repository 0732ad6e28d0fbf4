/**
 * One reading of `Host` for routing and guarding. Names are ASCII, lower-cased, in one spelling:
 * IDN in either form, a trailing dot, user info, an empty or zero port and IPv4 in any but dotted
 * decimal form are refused, because other software reads them differently.
 */
import { isIPv6 } from "node:net";

import { fail } from "./errors.ts";

export interface Authority {
  /** Lower case; an IPv6 address stands in brackets, compressed. */
  readonly hostname: string;
  /** Undefined when the header names none. */
  readonly port: number | undefined;
}

const NAME_CHARS_MAX = 253;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const PORT = /^[1-9][0-9]{0,4}$/;
const NUMBER_LIKE = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;

/** Reads a Host header or the authority of an absolute URL. Throws `HOST_INVALID`. Pure. */
export function parseAuthority(text: string | undefined): Authority {
  if (text === undefined || text === "") throw fail("HOST_INVALID");
  if (text.charCodeAt(0) === 0x5b) return parseBracketed(text);
  const colon = text.indexOf(":");
  const hostname = (colon < 0 ? text : text.slice(0, colon)).toLowerCase();
  if (!isHostname(hostname)) throw fail("HOST_INVALID");
  return { hostname, port: colon < 0 ? undefined : parsePort(text.slice(colon + 1)) };
}

/** True when both name the same host and port; a missing port equals `portDefault`. */
export function isSameAuthority(a: Authority, b: Authority, portDefault: number): boolean {
  return a.hostname === b.hostname && (a.port ?? portDefault) === (b.port ?? portDefault);
}

function isHostname(name: string): boolean {
  if (name.length > NAME_CHARS_MAX) return false;
  const labels = name.split(".");
  if (NUMBER_LIKE.test(labels[labels.length - 1] ?? "")) return IPV4.test(name);
  for (const label of labels) if (!LABEL.test(label) || label.startsWith("xn--")) return false;
  return true;
}

function parseBracketed(text: string): Authority {
  const end = text.indexOf("]");
  const address = text.slice(1, end);
  if (end < 0 || address.includes("%") || !isIPv6(address)) throw fail("HOST_INVALID");
  const rest = text.slice(end + 1);
  if (rest !== "" && rest.charCodeAt(0) !== 0x3a) throw fail("HOST_INVALID");
  const { hostname } = new URL(`http://[${address}]`);
  return { hostname, port: rest === "" ? undefined : parsePort(rest.slice(1)) };
}

function parsePort(text: string): number {
  const port = PORT.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw fail("HOST_INVALID");
  return port;
}
