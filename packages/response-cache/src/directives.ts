/**
 * `Cache-Control` (RFC 9111, 5.2) of requests and answers, and `CDN-Cache-Control` (RFC 9213),
 * which is a dictionary of structured fields and is left out whole when it is none. What cannot be
 * read of a lifetime makes it zero, and what forbids something holds however it is written
 * (`private; max-age=60`): an answer that is asked for anew harms nobody.
 */
import { valueOf } from "./header-list.ts";

type Directives = ReadonlyMap<string, string | true>;

/** What an answer says about being kept. */
export interface AnswerDirectives {
  readonly noStore: boolean;
  /** True, or the fields that alone are meant. */
  readonly isPrivate: boolean | readonly string[];
  readonly noCache: boolean | readonly string[];
  readonly isPublic: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly noTransform: boolean;
  readonly maxAgeS: number | undefined;
  readonly sharedMaxAgeS: number | undefined;
  readonly staleWhileRevalidateS: number | undefined;
  readonly staleIfErrorS: number | undefined;
  /** It came in a field that speaks to caches of this kind alone, so `Expires` is not asked. */
  readonly isTargeted: boolean;
}

/** What a client says. */
export interface RequestDirectives {
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  readonly noTransform: boolean;
  readonly maxAgeS: number | undefined;
  readonly minFreshS: number | undefined;
  /** Infinity without a value. */
  readonly maxStaleS: number | undefined;
}

/** RFC 9111, 1.2.2. */
const SECONDS_MAX = 2 ** 31;
const DIRECTIVE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?$/;
const SF_MEMBER =
  /^([a-z*][a-z0-9_.*-]*)(?:=(\?[01]|-?\d{1,15}(?:\.\d{1,3})?|"(?:[^"\\]|\\["\\])*"|[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*))?(?:;[ ]*[a-z*][a-z0-9_.*-]*(?:=[^;,]*)?)*$/;
/** They may name the fields that alone are meant. */
const OF_FIELDS: ReadonlySet<string> = new Set(["private", "no-cache"]);
/** Found in what cannot be read, they are said; a lifetime among them is none. */
const FORBIDDING: ReadonlySet<string> = new Set([
  ...["no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate", "no-transform"],
  ...["max-age", "s-maxage"],
]);
const NOTHING: RequestDirectives = {
  ...{ noStore: false, noCache: false, onlyIfCached: false, noTransform: false },
  ...{ maxAgeS: undefined, minFreshS: undefined, maxStaleS: undefined },
};

export function answerDirectives(headers: readonly string[]): AnswerDirectives {
  const targeted = targetedOf(valueOf(headers, "cdn-cache-control"));
  const said = targeted ?? parse(valueOf(headers, "cache-control"));
  return {
    noStore: said.has("no-store"),
    isPrivate: fieldsOf(said.get("private")),
    noCache: fieldsOf(said.get("no-cache")),
    isPublic: said.has("public"),
    mustRevalidate: said.has("must-revalidate"),
    proxyRevalidate: said.has("proxy-revalidate"),
    mustUnderstand: said.has("must-understand"),
    noTransform: said.has("no-transform"),
    maxAgeS: secondsOf(said.get("max-age")),
    sharedMaxAgeS: secondsOf(said.get("s-maxage")),
    staleWhileRevalidateS: secondsOf(said.get("stale-while-revalidate")),
    staleIfErrorS: secondsOf(said.get("stale-if-error")),
    isTargeted: targeted !== undefined,
  };
}

/** `pragma` counts where there is no `Cache-Control` (RFC 9111, 5.4). */
export function requestDirectives(
  value: string | undefined,
  pragma: string | undefined,
): RequestDirectives {
  if (value === undefined) {
    const isAsked = pragma !== undefined && /(?:^|[\s,])no-cache(?:$|[\s,])/i.test(pragma);
    return isAsked ? { ...NOTHING, noCache: true } : NOTHING;
  }
  const said = parse(value);
  const maxStale = said.get("max-stale");
  return {
    noStore: said.has("no-store"),
    noCache: said.has("no-cache"),
    onlyIfCached: said.has("only-if-cached"),
    noTransform: said.has("no-transform"),
    maxAgeS: secondsOf(said.get("max-age")),
    minFreshS: secondsOf(said.get("min-fresh")),
    maxStaleS: maxStale === true ? Infinity : secondsOf(maxStale),
  };
}

/** Of a lifetime that is said twice the shorter holds, and of fields all that are named. */
function parse(value: string | undefined): Directives {
  const said = new Map<string, string | true>();
  const broken: string[] = [];
  for (const part of value === undefined ? [] : splitOutsideQuotes(value)) {
    const [, name, quoted, plain] = DIRECTIVE.exec(part) ?? [];
    if (name === undefined) {
      broken.push(part);
      continue;
    }
    const key = name.toLowerCase();
    const given = quoted ?? plain ?? true;
    const before = said.get(key);
    said.set(key, before === undefined ? given : both(key, before, given));
  }
  for (const word of broken.flatMap((part) => part.toLowerCase().split(/[\s,;="]+/))) {
    if (FORBIDDING.has(word)) said.set(word, true);
  }
  return said;
}

function both(key: string, a: string | true, b: string | true): string | true {
  if (a === true || b === true) return true;
  return OF_FIELDS.has(key) ? `${a},${b}` : shorter(a, b);
}

function shorter(a: string, b: string): string {
  const [first = 0, second = 0] = [secondsOf(a), secondsOf(b)];
  return second < first ? b : a;
}

function splitOutsideQuotes(value: string): string[] {
  if (!value.includes('"')) return value.split(",").map((part) => part.trim());
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let i = 0; i < value.length; i++) {
    const char = value[i];
    if (char === "\\" && isQuoted) i++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === "," && !isQuoted) {
      parts.push(value.slice(from, i).trim());
      from = i + 1;
    }
  }
  parts.push(value.slice(from).trim());
  return parts;
}

function secondsOf(value: string | true | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (value === true || !/^\d+$/.test(value)) return 0;
  return Math.min(Number(value), SECONDS_MAX);
}

function fieldsOf(value: string | true | undefined): boolean | readonly string[] {
  if (value === undefined || value === true) return value === true;
  const fields = value.split(",").map((one) => one.trim().toLowerCase());
  return fields.every((one) => one === "") ? true : fields;
}

/** Undefined for an absent, an empty and an invalid one: then `Cache-Control` holds. */
function targetedOf(value: string | undefined): Directives | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const said = new Map<string, string | true>();
  for (const part of splitOutsideQuotes(value)) {
    const [whole, name, given] = SF_MEMBER.exec(part) ?? [];
    if (whole === undefined || name === undefined) return undefined;
    if (!isOfItsType(name, given)) return undefined;
    if (given === "?0") said.delete(name);
    else said.set(name, given === undefined || given === "?1" ? true : given.replaceAll('"', ""));
  }
  return said;
}

/** A lifetime is an integer; a directive of another type makes the field one not to rely on. */
function isOfItsType(name: string, given: string | undefined): boolean {
  const isLifetime = name === "max-age" || name === "s-maxage" || name.startsWith("stale-");
  return !isLifetime || (given !== undefined && /^-?\d+$/.test(given));
}
