/**
 * What browsers of other origins are told, by the CORS protocol of the Fetch standard (3.2). An
 * origin is told only when it fits the policy, and never because it asked. The answers of a route
 * with a policy are told by it alone: what its target says of CORS is taken out.
 */
import { ROUTE_METHODS, type CorsPolicy, type Route } from "@skerry/contracts";

/** What a browser asks before a request. */
export interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: readonly string[];
}

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Scheme, host and port as RFC 6454 writes an origin; `null` is none. */
const ORIGIN = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#@\s,]+)$/;
const HEADERS_MAX = 100;
const OWN_PREFIX = "access-control-";

/** Undefined for any other request. Pure. */
export function preflightOf(method: string, flat: readonly string[]): Preflight | undefined {
  if (method !== "OPTIONS") return undefined;
  const origin = onlyOf(flat, "origin");
  const asked = onlyOf(flat, "access-control-request-method");
  if (origin === undefined || asked === undefined || !TOKEN.test(asked)) return undefined;
  const headers = valuesOf(flat, "access-control-request-headers")
    .flatMap((value) => value.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  return { origin, method: asked, headers };
}

/** Headers of the answer (204) to a preflight; without permission if the policy gives none. */
export function preflightHeaders(
  route: Pick<Route, "methods"> & { readonly cors: CorsPolicy },
  preflight: Preflight,
): readonly string[] {
  const { cors } = route;
  const vary = ["vary", "origin, access-control-request-method, access-control-request-headers"];
  const origin = toldOrigin(cors, preflight.origin);
  if (origin === undefined) return vary;
  const methods = cors.methods ?? route.methods ?? ROUTE_METHODS;
  const headers = cors.headers ?? preflight.headers.filter(isName).slice(0, HEADERS_MAX);
  return [
    ...["access-control-allow-origin", origin],
    ...(cors.credentials ? ["access-control-allow-credentials", "true"] : []),
    ...["access-control-allow-methods", methods.filter(isName).join(", ")],
    ...(headers.length > 0
      ? ["access-control-allow-headers", headers.filter(isName).join(", ")]
      : []),
    ...["access-control-max-age", `${cors.maxAgeSeconds}`],
    ...vary,
  ];
}

/**
 * The headers of an answer, flat, with what its reader may do. `origin` is the request's, undefined
 * when it has none. Total.
 */
export function withCors(
  cors: CorsPolicy,
  origin: string | undefined,
  flat: readonly string[],
): readonly string[] {
  const out: string[] = [];
  const vary: string[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [name = "", value = ""] = [flat[i], flat[i + 1]];
    const lower = name.toLowerCase();
    if (lower === "vary") vary.push(value);
    else if (!lower.startsWith(OWN_PREFIX)) out.push(name, value);
  }
  if (!isForAll(cors) && !namesOrigin(vary)) vary.push("origin");
  if (vary.length > 0) out.push("vary", vary.join(", "));
  const told = origin === undefined && !isForAll(cors) ? undefined : toldOrigin(cors, origin ?? "");
  if (told === undefined) return out;
  out.push("access-control-allow-origin", told);
  if (cors.credentials) out.push("access-control-allow-credentials", "true");
  const exposed = cors.exposed.filter(isName);
  if (exposed.length > 0) out.push("access-control-expose-headers", exposed.join(", "));
  return out;
}

/** What may be told of an origin; undefined when it does not fit. */
function toldOrigin(cors: CorsPolicy, origin: string): string | undefined {
  if (isForAll(cors)) return "*";
  return cors.origins.some((pattern) => fits(pattern, origin)) ? origin : undefined;
}

function isForAll({ origins, credentials }: CorsPolicy): boolean {
  return origins.includes("*") && !credentials;
}

/** `https://*.shop.example` fits one label or more in front; the scheme and port are the same. */
function fits(pattern: string, origin: string): boolean {
  const [, scheme, host] = ORIGIN.exec(origin) ?? [];
  if (scheme === undefined || host === undefined) return false;
  const star = pattern.indexOf("://*.");
  if (star < 0) return pattern === origin;
  const suffix = pattern.slice(star + "://*".length);
  const labels = host.slice(0, -suffix.length);
  return (
    scheme === pattern.slice(0, star + "://".length) &&
    host.endsWith(suffix) &&
    /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(labels)
  );
}

function namesOrigin(vary: readonly string[]): boolean {
  return vary.some((value) =>
    value.split(",").some((name) => ["*", "origin"].includes(name.trim().toLowerCase())),
  );
}

function isName(text: string): boolean {
  return TOKEN.test(text);
}

function onlyOf(flat: readonly string[], name: string): string | undefined {
  const values = valuesOf(flat, name);
  return values.length === 1 ? values[0] : undefined;
}

function valuesOf(flat: readonly string[], name: string): readonly string[] {
  return flat.filter((_, i) => i % 2 === 1 && flat[i - 1]?.toLowerCase() === name);
}
