/**
 * Where requests carry who calls. Node keeps the first of two such headers, other software the
 * last: whoever comes with two is nobody.
 */
import type { IncomingMessage } from "node:http";
import { headerOf } from "@skerry/requests";
import type { CameRequest } from "../ports.ts";
import { failGuard } from "./errors.ts";

export type CredentialPlace =
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly query: string };

/** Throws when the header came more than once. `name` is in lower case. */
export function assertOnce({ rawHeaders }: IncomingMessage, name: string): void {
  let times = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const one = rawHeaders[at] ?? "";
    if (one.length === name.length && one.toLowerCase() === name) times += 1;
  }
  if (times > 1) throw failGuard("ROUTE_CREDENTIALS_AMBIGUOUS", { where: `header ${name}` });
}

/** What stands at a place of a request; undefined when nothing does. Throws when two things do. */
export function credentialAt(
  place: CredentialPlace,
  { req, target }: CameRequest,
): string | undefined {
  if ("header" in place) return headerAt(req, place.header.toLowerCase());
  if ("cookie" in place) return cookieAt(req, place.cookie);
  const all = new URLSearchParams(target.rawQuery).getAll(place.query);
  return onlyOf(all, `query ${place.query}`);
}

/** The credential of a Bearer scheme (RFC 6750, 2.1); undefined for another scheme. */
export function bearerOf(value: string | undefined): string | undefined {
  return value === undefined ? undefined : /^bearer +(\S.*)$/i.exec(value)?.[1];
}

function headerAt(req: IncomingMessage, name: string): string | undefined {
  assertOnce(req, name);
  const value = headerOf(req.headers, name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function cookieAt(req: IncomingMessage, name: string): string | undefined {
  const pairs = (req.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  const found = pairs.filter((pair) => pair.startsWith(`${name}=`));
  const values = found.map((pair) => pair.slice(name.length + 1).replace(/^"(.*)"$/, "$1"));
  return onlyOf(values, `cookie ${name}`);
}

function onlyOf(values: readonly string[], where: string): string | undefined {
  if (values.length > 1) throw failGuard("ROUTE_CREDENTIALS_AMBIGUOUS", { where });
  return values[0] === "" ? undefined : values[0];
}
