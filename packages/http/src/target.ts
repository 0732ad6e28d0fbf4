/**
 * The one path parser: every guard and every router matches on `segments`, so they cannot disagree
 * about what a path means. A path is percent-decoded exactly once, and each segment on its own;
 * whatever two careful readers could take for different paths is refused instead of repaired.
 *
 * Rules: "/" has no segments; otherwise each slash begins one, so "/a/" is ["a", ""] and "/a//b" is
 * ["a", "", "b"] (empty segments are kept, never merged), but a path may not begin with "//". A ";"
 * is an ordinary character. "%25" decodes to "%", and what then looks encoded stays as it is. Case
 * and Unicode form are kept. The query is not decoded here.
 */
import { assert } from "@skerry/base";

import { parseAuthority, type Authority } from "./authority.ts";
import { fail } from "./errors.ts";

export interface ParsedTarget {
  /** The path as it was sent, beginning with "/"; for the function, never for matching. */
  readonly rawPath: string;
  /** The query as it was sent, without the "?"; empty when there is none. */
  readonly rawQuery: string;
  /**
   * The decoded path, for matching. No segment holds a slash, backslash or control character, or is
   * "." or "..".
   */
  readonly segments: readonly string[];
  /** The host of an absolute-form target; undefined for a plain path. */
  readonly authority: Authority | undefined;
}

/** Characters of a request target, the query included. */
export const TARGET_CHARS_MAX = 8192;

const PLAIN = 0;
const SLASH = 1;
const QUESTION = 2;
const PERCENT = 3;
const BACKSLASH = 4;
const REFUSED = 5;
const CLASS_OF = classTable();

const ABSOLUTE = /^https?:\/\/([^/?#]*)/i;
const HALF_ENCODED = /%(?![0-9a-f]{2})/i;
const ENCODED_SEPARATOR = /%(?:2f|5c)/i;
// eslint-disable-next-line no-control-regex -- the control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** With ";", because servers that cut path parameters off would see the dots alone. */
const DOTS = /^\.{1,2}(?:;|$)/;

/**
 * Reads the target of a request line in origin form (`/a?b`) or absolute form (`http://host/a?b`). Pure. Throws a
 * typed error with status 400 (414 when it is too long); asterisk and authority form are refused
 * too.
 */
export function parseRequestTarget(rawUrl: string): ParsedTarget {
  if (rawUrl.length > TARGET_CHARS_MAX) {
    throw fail("TARGET_TOO_LONG", { length: rawUrl.length, lengthMax: TARGET_CHARS_MAX });
  }
  if (rawUrl.charCodeAt(0) === 0x2f) return parseOrigin(rawUrl, undefined);
  const match = ABSOLUTE.exec(rawUrl);
  if (match === null) throw fail("TARGET_FORM_REFUSED");
  const authority = parseAuthority(match[1]);
  const rest = rawUrl.slice(match[0].length);
  return parseOrigin(rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`, authority);
}

/**
 * The target as seen below its first `depth` segments: "/-/app/fn/a?b" at depth 3 is "/a?b". Raw
 * path and segments are cut at the same place. Throws `TARGET_EMPTY_FIRST_SEGMENT` when what is
 * left begins with "//".
 */
export function targetBelow(target: ParsedTarget, depth: number): ParsedTarget {
  assert(depth <= target.segments.length, "a target cannot be cut below its end");
  let at = 0;
  for (let i = 0; i < depth && at >= 0; i += 1) at = target.rawPath.indexOf("/", at + 1);
  const rawPath = at < 0 ? "/" : target.rawPath.slice(at);
  if (rawPath.charCodeAt(1) === 0x2f) throw fail("TARGET_EMPTY_FIRST_SEGMENT");
  const segments = rawPath === "/" ? [] : target.segments.slice(depth);
  return { rawPath, rawQuery: target.rawQuery, segments, authority: target.authority };
}

function parseOrigin(text: string, authority: Authority | undefined): ParsedTarget {
  const segments: string[] = [];
  let start = 1;
  let encoded = false;
  let at = 1;
  for (; at < text.length; at += 1) {
    const kind = CLASS_OF[text.charCodeAt(at)] ?? REFUSED;
    if (kind === PLAIN) continue;
    if (kind === SLASH) {
      segments.push(readSegment(text.slice(start, at), encoded));
      start = at + 1;
      encoded = false;
    } else if (kind === PERCENT) encoded = true;
    else if (kind === QUESTION) break;
    else throw fail("TARGET_CHARACTER_REFUSED", { position: at });
  }
  if (at > 1) segments.push(readSegment(text.slice(start, at), encoded));
  if (segments.length > 1 && segments[0] === "") throw fail("TARGET_EMPTY_FIRST_SEGMENT");
  if (at === text.length) return { rawPath: text, rawQuery: "", segments, authority };
  const rawQuery = text.slice(at + 1);
  checkQuery(rawQuery, at + 1);
  return { rawPath: text.slice(0, at), rawQuery, segments, authority };
}

function readSegment(raw: string, encoded: boolean): string {
  const segment = encoded ? decodeSegment(raw) : raw;
  if (segment.charCodeAt(0) === 0x2e && DOTS.test(segment)) throw fail("TARGET_DOT_SEGMENT");
  return segment;
}

function decodeSegment(raw: string): string {
  const details = { segment: raw.slice(0, 64) };
  if (HALF_ENCODED.test(raw)) throw fail("TARGET_ENCODING_INVALID", details);
  if (ENCODED_SEPARATOR.test(raw)) throw fail("TARGET_ENCODED_SEPARATOR", details);
  let segment: string;
  try {
    segment = decodeURIComponent(raw);
  } catch (error) {
    throw fail("TARGET_ENCODING_INVALID", details, error);
  }
  if (CONTROL.test(segment)) throw fail("TARGET_ENCODED_CONTROL", details);
  return segment;
}

function checkQuery(query: string, offset: number): void {
  for (let i = 0; i < query.length; i += 1) {
    const kind = CLASS_OF[query.charCodeAt(i)] ?? REFUSED;
    if (kind === REFUSED) throw fail("TARGET_CHARACTER_REFUSED", { position: offset + i });
  }
}

function classTable(): Uint8Array {
  const table = new Uint8Array(128).fill(PLAIN);
  table.fill(REFUSED, 0, 0x21);
  table[0x7f] = REFUSED;
  table[0x23] = REFUSED; // "#": a fragment is never sent
  table[0x2f] = SLASH;
  table[0x3f] = QUESTION;
  table[0x25] = PERCENT;
  table[0x5c] = BACKSLASH; // refused in a path, where some software takes it for a slash
  return table;
}
