/**
 * What Node's parser lets through and two HTTP implementations could still read differently is
 * refused here.
 */
import type { IncomingMessage } from "node:http";

import { isSameAuthority, parseAuthority } from "./authority.ts";
import { fail } from "./errors.ts";
import type { HttpLimits } from "./limits.ts";
import { parseRequestTarget, type ParsedTarget } from "./target.ts";

/** So many are below 2^53, and a petabyte less one. */
const LENGTH_DIGITS_MAX = 15;

/**
 * The parsed target of a request that may be handled. Throws for a repeated Host, a Host that
 * contradicts an absolute target, a version other than 1.x, any transfer coding but `chunked`, any
 * at all in HTTP/1.0, a length of too many digits, and too many header lines.
 */
export function admitRequest(req: IncomingMessage, limits: HttpLimits): ParsedTarget {
  if (req.httpVersionMajor !== 1) throw fail("REQUEST_VERSION_REFUSED");
  const { rawHeaders } = req;
  const count = rawHeaders.length / 2;
  if (count > limits.headersMax) {
    throw fail("REQUEST_HEADERS_TOO_MANY", { count, countMax: limits.headersMax });
  }
  if (countHosts(rawHeaders) > 1) throw fail("HOST_AMBIGUOUS");
  const coding = req.headers["transfer-encoding"];
  if (coding !== undefined && (req.httpVersionMinor === 0 || coding.toLowerCase() !== "chunked")) {
    throw fail("REQUEST_FRAMING_REFUSED");
  }
  assertLength(req);
  const target = parseRequestTarget(req.url ?? "");
  if (target.authority !== undefined && req.headers.host !== undefined) {
    const host = parseAuthority(req.headers.host);
    if (!isSameAuthority(host, target.authority, 80)) throw fail("HOST_AMBIGUOUS");
  }
  return target;
}

/** Throws for a length that is no exact number to every reader. */
export function assertLength({ headers }: IncomingMessage): void {
  const digits = headers["content-length"]?.length ?? 0;
  if (digits > LENGTH_DIGITS_MAX) throw fail("REQUEST_FRAMING_REFUSED");
}

function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts;
}
