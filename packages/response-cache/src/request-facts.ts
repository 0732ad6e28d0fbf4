/** What a request says that matters to a cache, read in one pass: hits are served at this price. */
import { requestDirectives, type RequestDirectives } from "./directives.ts";
import type { CacheRequest } from "./ports.ts";

export interface RequestFacts {
  /** Undefined says nothing. */
  readonly directives: RequestDirectives | undefined;
  /**
   * It says who asks by something that does not tell its key from others': `Authorization`, a
   * principal, or cookies beyond those that the route names.
   */
  readonly hasCredentials: boolean;
  /** `Authorization` or a principal are among that (RFC 9111, 3.5). */
  readonly isAuthorized: boolean;
  readonly hasCookies: boolean;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  /** `If-Match` or `If-Unmodified-Since`, which the origin alone may judge. */
  readonly hasPrecondition: boolean;
  readonly acceptEncoding: string | undefined;
}

/** Fields of the client that are not sent on when the cache asks for the whole answer. */
export const CONDITIONS: ReadonlySet<string> = new Set([
  ...["if-none-match", "if-modified-since", "if-range", "range"],
]);

interface Found {
  cacheControl: string | undefined;
  pragma: string | undefined;
  authorization: string | undefined;
  cookie: string | undefined;
  range: string | undefined;
  ifRange: string | undefined;
  ifNoneMatch: string | undefined;
  ifModifiedSince: string | undefined;
  ifMatch: string | undefined;
  ifUnmodifiedSince: string | undefined;
  acceptEncoding: string | undefined;
}

const FIELDS: ReadonlyMap<string, keyof Found> = new Map<string, keyof Found>([
  ["cache-control", "cacheControl"],
  ["pragma", "pragma"],
  ["authorization", "authorization"],
  ["cookie", "cookie"],
  ["range", "range"],
  ["if-range", "ifRange"],
  ["if-none-match", "ifNoneMatch"],
  ["if-modified-since", "ifModifiedSince"],
  ["if-match", "ifMatch"],
  ["if-unmodified-since", "ifUnmodifiedSince"],
  ["accept-encoding", "acceptEncoding"],
]);
const LENGTHS: readonly boolean[] = lengthsOf([...FIELDS.keys()]);

export function readFacts(request: CacheRequest): RequestFacts {
  const found = scan(request.headers);
  const isAuthorized = found.authorization !== undefined || request.principal !== undefined;
  const hasCookies = found.cookie !== undefined && !areNamed(found.cookie, request);
  const { cacheControl, pragma } = found;
  const saysNothing = cacheControl === undefined && pragma === undefined;
  return {
    directives: saysNothing ? undefined : requestDirectives(cacheControl, pragma),
    hasCredentials: isAuthorized || hasCookies,
    isAuthorized,
    hasCookies,
    range: found.range,
    ifRange: found.ifRange,
    ifNoneMatch: found.ifNoneMatch,
    ifModifiedSince: found.ifModifiedSince,
    hasPrecondition: found.ifMatch !== undefined || found.ifUnmodifiedSince !== undefined,
    acceptEncoding: found.acceptEncoding,
  };
}

function scan(headers: readonly string[]): Found {
  const found: Found = {
    ...{ cacheControl: undefined, pragma: undefined, authorization: undefined, cookie: undefined },
    ...{ range: undefined, ifRange: undefined, ifNoneMatch: undefined, ifModifiedSince: undefined },
    ...{ ifMatch: undefined, ifUnmodifiedSince: undefined, acceptEncoding: undefined },
  };
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (LENGTHS[name.length] !== true) continue;
    const field = FIELDS.get(name) ?? FIELDS.get(name.toLowerCase());
    if (field === undefined) continue;
    const before = found[field];
    const line = headers[i + 1] as string;
    const glue = field === "cookie" ? "; " : ", ";
    found[field] = before === undefined ? line : before + glue + line;
  }
  return found;
}

/** Every cookie that came is part of the key. */
function areNamed(cookie: string, { policy }: CacheRequest): boolean {
  if (policy.headers.some((name) => name.toLowerCase() === "cookie")) return true;
  if (policy.cookies.length === 0) return cookie.trim() === "";
  return cookiesOf(cookie).every(([name]) => policy.cookies.includes(name));
}

/** Names and values, as they came. */
export function cookiesOf(cookie: string): (readonly [string, string])[] {
  const pairs = cookie.split(";").map((pair) => pair.trim());
  const named = pairs.filter((pair) => pair !== "");
  return named.map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? ["", pair] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  });
}

function lengthsOf(names: readonly string[]): boolean[] {
  const lengths = Array.from({ length: 1 + Math.max(...names.map((one) => one.length)) }, () => {
    return false;
  });
  for (const name of names) lengths[name.length] = true;
  return lengths;
}
