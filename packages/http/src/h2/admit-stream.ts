/**
 * What of a stream may be handled as a request. nghttp2 has refused what RFC 9113 calls malformed
 * by now: pseudo headers twice, unknown or late, header lines of connections, upper case, line
 * breaks in values, and bodies that do not have the length they announced.
 */
import { assertLength } from "../admission.ts";
import { isSameAuthority, parseAuthority } from "../authority.ts";
import { fail } from "../errors.ts";
import type { HttpLimits } from "../limits.ts";
import { nodeHttp } from "../node-http.ts";
import { parseRequestTarget, type ParsedTarget } from "../target.ts";
import type { StreamHead, StreamRequest } from "./stream-request.ts";

const HTTPS_PORT = 443;
/**
 * What HTTP/1.1 takes here. Any word is a method in HTTP/2, and one that another hop writes in
 * capital letters would be another method behind the guards.
 */
const METHODS: ReadonlySet<string> = new Set(
  nodeHttp.METHODS.filter((method) => method !== "CONNECT"),
);

/** The header lines of a stream as HTTP/1.1 would say them. Total. */
export function readStreamHead(
  raw: readonly string[],
  hasBody: boolean,
): StreamHead & { readonly scheme: string; readonly authority: string | undefined } {
  const pseudo = new Map<string, string>();
  const lines: string[] = [];
  const cookies: string[] = [];
  let hasLength = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const value = raw[i + 1] ?? "";
    if (name.startsWith(":")) pseudo.set(name, value);
    else if (name === "cookie") cookies.push(value);
    else lines.push(name, value);
    hasLength ||= name === "content-length";
  }
  const authority = pseudo.get(":authority");
  const hosts = lines.filter((name, i) => i % 2 === 0 && name === "host").length;
  if (authority !== undefined && hosts === 0) lines.unshift("host", authority);
  // RFC 9113, section 8.2.3.
  if (cookies.length > 0) lines.push("cookie", cookies.join("; "));
  if (hasBody && !hasLength) lines.push("transfer-encoding", "chunked");
  return {
    method: pseudo.get(":method") ?? "",
    path: pseudo.get(":path") ?? "",
    scheme: pseudo.get(":scheme") ?? "",
    authority,
    lines,
  };
}

/**
 * The parsed target of a stream's request. Throws for a host that is missing, repeated or another
 * than `:authority`, a scheme other than `https`, a path that is none, a method that HTTP/1.1 does
 * not know, and what `admitRequest` refuses of lengths and header lines.
 */
export function admitStream(
  req: StreamRequest,
  said: { readonly scheme: string; readonly authority: string | undefined },
  limits: HttpLimits,
): ParsedTarget {
  const count = req.rawHeaders.length / 2;
  if (count > limits.headersMax) {
    throw fail("REQUEST_HEADERS_TOO_MANY", { count, countMax: limits.headersMax });
  }
  assertLength(req);
  if (!METHODS.has(req.method ?? "")) throw fail("REQUEST_METHOD_UNKNOWN");
  if (said.scheme !== "https" || !(req.url ?? "").startsWith("/")) {
    throw fail("TARGET_FORM_REFUSED");
  }
  const hosts = req.rawHeaders.filter((name, i) => i % 2 === 0 && name === "host").length;
  if (hosts > 1) throw fail("HOST_AMBIGUOUS");
  const host = parseAuthority(req.headers.host);
  if (said.authority !== undefined) {
    const named = parseAuthority(said.authority);
    if (!isSameAuthority(host, named, HTTPS_PORT)) throw fail("HOST_AMBIGUOUS");
  }
  return parseRequestTarget(req.url ?? "");
}
