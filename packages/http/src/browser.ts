/**
 * What a browser adds to a request, and what follows from it. A session's cookie is sent by the
 * browser itself, so the platform asks who made the browser send it: only its own page may.
 */
import type { IncomingMessage } from "node:http";
import { fail } from "./errors.ts";

/**
 * Cookies do not know ports, and functions answer on another port of the same host. The path keeps
 * the cookie from their addresses, which all begin with another one.
 */
export const COOKIE_PATH = "/v1";

/** One name for each port, so that two platforms on one host do not sign each other out. */
export function cookieNameOf(apiUrl: string): string {
  const { port, protocol } = new URL(apiUrl);
  return `skerry-console-${port === "" ? protocol.slice(0, -1) : port}`;
}

/** The `Set-Cookie` of a session; an empty text ends it. */
export function setCookie(name: string, text: string, maxAgeSeconds: number): string {
  return `${name}=${text}; Path=${COOKIE_PATH}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict`;
}

/** The cookie of that name; undefined when it was not sent, or more than once. */
export function cookieOf(req: IncomingMessage, name: string): string | undefined {
  const found = (req.headers.cookie ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined;
}

/**
 * Throws REQUEST_FROM_ELSEWHERE unless the browser says that our own page sent the request
 * (`Sec-Fetch-Site`, Fetch Metadata Request Headers, section 2.4). A page on another port is the
 * same site but another origin. What only reads may also come from the address bar.
 *
 * Browsers say that only to addresses that they trust: HTTPS, and this machine's own. Else our
 * origin must stand in `Origin`, which comes with every request that changes something, or, where
 * that is absent from one that reads, in `Referer`. Another page can forge neither.
 */
export function assertOwnPage(req: IncomingMessage): void {
  const { headers, method } = req;
  const isRead = method === "GET" || method === "HEAD";
  const site = headers["sec-fetch-site"];
  if (site === "same-origin" || (site === "none" && isRead)) return;
  const { host, origin, referer } = headers;
  const named = origin === undefined && isRead ? originOf(referer) : origin;
  const own = [`http://${host}`, `https://${host}`];
  if (site === undefined && host !== undefined && own.includes(named ?? "")) return;
  throw fail("REQUEST_FROM_ELSEWHERE");
}

/** Undefined without a page, and for what is no URL. */
function originOf(referer: string | undefined): string | undefined {
  const url = referer === undefined ? null : URL.parse(referer);
  return url === null ? undefined : `${url.protocol}//${url.host}`;
}
