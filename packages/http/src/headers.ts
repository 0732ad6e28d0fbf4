/**
 * Header hygiene over flat `[name, value, name, value, …]` lists, the form of `rawHeaders` and of
 * `writeHead`; no object is ever keyed by a header name, so `__proto__` is a name like any other.
 *
 * What belongs to one connection (RFC 9110 section 7.6.1: `Connection`, whatever it names, and the
 * classic list) ends here in both directions. Framing is decided anew on each side. Names that the
 * platform reserves are dropped when they come from outside or from a function, so that they can be
 * trusted inside. A sender may not use `Connection` to remove what guards and routers read
 * (`PROTECTED`).
 */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];
const REQUEST_ONLY = [...HOP_BY_HOP, "expect", "proxy-authorization"];
/** The sender of a response knows the length of what it really sends. */
const RESPONSE_ONLY = [...HOP_BY_HOP, "content-length", "proxy-authenticate"];
const PROTECTED: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "authorization",
  "cookie",
]);

/** Spellings remembered per policy; once full, rarer spellings take the slower path. */
const SPELLINGS_MAX = 1024;
const SPELLING_CHARS_MAX = 64;

export interface HeaderPolicyOptions {
  /**
   * Lower-case names or, with a trailing "*", prefixes that only the platform may set:
   * `["x-skerry-*"]`.
   */
  readonly reserved: readonly string[];
}

export interface HeaderPolicy {
  /**
   * What of a client's header list a function may see; names in lower case, order and repeats kept.
   */
  requestHeaders(flat: readonly string[]): string[];
  /**
   * What of a function's header list a client may see; `content-length` is dropped. A fresh array.
   */
  responseHeaders(flat: readonly string[]): string[];
  /** True when `name` (any case) is reserved to the platform. */
  isReserved(name: string): boolean;
}

/** Makes the two filters. Total over any strings; an odd last element is ignored. */
export function createHeaderPolicy(options: HeaderPolicyOptions): HeaderPolicy {
  const isReserved = reservedMatcher(options.reserved);
  const requestDrops = new Set(REQUEST_ONLY);
  const responseDrops = new Set(RESPONSE_ONLY);
  // Servers that speak CGI take `x_y` for `x-y`: nobody may pass as what is said by another rule.
  const isDropped = (name: string): boolean => {
    const meant = name.replaceAll("_", "-");
    return requestDrops.has(meant) || (meant !== name && PROTECTED.has(meant));
  };
  return {
    requestHeaders: createFilter((name) => isDropped(name) || isReserved(name)),
    responseHeaders: createFilter((name) => responseDrops.has(name) || isReserved(name)),
    isReserved: (name) => isReserved(name.toLowerCase()),
  };
}

function reservedMatcher(reserved: readonly string[]): (lower: string) => boolean {
  const names = new Set(reserved.filter((name) => !name.endsWith("*")));
  const prefixes = reserved.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1));
  return (lower) => {
    const name = lower.replaceAll("_", "-");
    return names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
  };
}

function createFilter(
  isDropped: (lower: string) => boolean,
): (flat: readonly string[]) => string[] {
  // Empty text stands for "drop"; a header name is never empty.
  const known = new Map<string, string>();
  const judge = (name: string): string => {
    const lower = name.toLowerCase();
    const kept = isDropped(lower) ? "" : lower;
    if (known.size < SPELLINGS_MAX && name.length <= SPELLING_CHARS_MAX) known.set(name, kept);
    return kept;
  };
  return (flat) => {
    const out: string[] = [];
    let named: string | undefined;
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const name = flat[i] ?? "";
      const kept = known.get(name) ?? judge(name);
      if (kept !== "") out.push(kept, flat[i + 1] ?? "");
      else if (name.length === 10 && name.toLowerCase() === "connection") {
        named = named === undefined ? flat[i + 1] : `${named},${flat[i + 1]}`;
      }
    }
    return named === undefined || isPlainConnection(named) ? out : withoutNamed(out, named);
  };
}

/** Almost every `Connection` header says just this. */
function isPlainConnection(value: string): boolean {
  return value === "keep-alive" || value === "close" || value === "Keep-Alive";
}

function withoutNamed(flat: readonly string[], connection: string): string[] {
  const named = new Set(
    connection
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  const out: string[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i] ?? "";
    if (!named.has(name) || PROTECTED.has(name)) out.push(name, flat[i + 1] ?? "");
  }
  return out;
}
