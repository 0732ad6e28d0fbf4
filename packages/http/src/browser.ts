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
 * same site but another origin. A browser that does not say must name our origin in `Origin`. What
 * only reads may also come from the address bar.
 */
export function assertOwnPage(req: IncomingMessage): void {
  const isRead = req.method === "GET" || req.method === "HEAD";
  const site = req.headers["sec-fetch-site"];
  if (site === "same-origin" || (site === "none" && isRead)) return;
  if (site === undefined && isOwnOrigin(req)) return;
  throw fail("REQUEST_FROM_ELSEWHERE");
}

function isOwnOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
