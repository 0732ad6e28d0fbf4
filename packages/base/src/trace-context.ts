/**
 * W3C Trace Context, level 1, with the random flag of level 2: what a caller sends, what a function
 * is told and what is answered. Ids of spans are made from the request's id, so that gateway and
 * whoever reads a record later name the same span without either telling the other.
 */
import type { RequestId } from "./ids.ts";

export const TRACE_HEADERS = { parent: "traceparent", state: "tracestate" } as const;

/** The place of one request in a trace. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** The caller's span: 16 hexadecimal digits, not all zero. */
  readonly parentId: string;
  /** Sampled (1) and random trace id (2); others are unknown and not passed on. */
  readonly flags: number;
}

const SAMPLED = 1;
const KNOWN_FLAGS = 3;
/** Length of `00-traceid-parentid-flags`. */
const TRACEPARENT_CHARS = 55;
const TRACEPARENT =
  /^(?<version>[0-9a-f]{2})-(?<trace>[0-9a-f]{32})-(?<parent>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})/;
const ZEROS = /^0+$/;

/**
 * Reads `traceparent`; undefined when it is none, so that the trace begins anew. A later version is
 * read as far as this one goes (section 3.2.4 of the recommendation).
 */
export function parseTraceparent(text: string): TraceContext | undefined {
  const found = TRACEPARENT.exec(text)?.groups;
  if (found === undefined) return undefined;
  const { version = "", trace = "", parent = "", flags = "" } = found;
  const rest = text.slice(TRACEPARENT_CHARS);
  const isWhole = version === "00" ? rest === "" : rest === "" || rest.startsWith("-");
  if (version === "ff" || !isWhole || ZEROS.test(trace) || ZEROS.test(parent)) return undefined;
  return { traceId: trace, parentId: parent, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS };
}

export function formatTraceparent({ traceId, parentId, flags }: TraceContext): string {
  return `00-${traceId}-${parentId}-0${flags}`;
}

/** The caller wants the trace to be kept. */
export function isSampled({ flags }: Pick<TraceContext, "flags">): boolean {
  return (flags & SAMPLED) !== 0;
}

/** Section 3.3.1.5: at least 512 characters are passed on, and 32 members. */
const STATE_CHARS_MAX = 2_048;
const STATE_MEMBERS_MAX = 32;
const STATE_KEY =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
/** Printable ASCII without comma and equals sign, and no space at the end. */
const STATE_VALUE =
  /^[\u0020-\u002b\u002d-\u003c\u003e-\u007e]{0,255}[\u0021-\u002b\u002d-\u003c\u003e-\u007e]$/;

/** `tracestate` as it may be passed on; undefined when it must be dropped. */
export function parseTracestate(text: string): string | undefined {
  if (text.length > STATE_CHARS_MAX) return undefined;
  const members = text
    .split(",")
    .map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = new Set<string>();
  for (const member of members) {
    const equals = member.indexOf("=");
    const key = member.slice(0, Math.max(0, equals));
    if (!STATE_KEY.test(key) || !STATE_VALUE.test(member.slice(equals + 1))) return undefined;
    keys.add(key);
  }
  const fits = members.length > 0 && members.length <= STATE_MEMBERS_MAX;
  return fits && keys.size === members.length ? members.join(",") : undefined;
}

/** The trace of a request whose caller named none: its own id, which is as random. */
export function traceIdOf(requestId: RequestId | string): string {
  return requestId.replaceAll("-", "");
}

/** The span of the whole invocation: the part of the request's id that is random, never zero. */
export function spanIdOf(requestId: RequestId | string): string {
  return traceIdOf(requestId).slice(16);
}

/** The span of one stage, as different from others as 64 bits can be. */
export function stageSpanIdOf(requestId: RequestId | string, stage: string): string {
  const hex = (text: string): string => fnv1a(text).toString(16).padStart(8, "0");
  return `${hex(`${stage}/${requestId}`)}${hex(`${requestId}/${stage}`)}`;
}

/** The handler's span is what a function's own spans hang under. */
export const HANDLER_STAGE = "handler";

/** RFC draft-eastlake-fnv, 32 bits; 1 in the place of 0, which no span may have. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0 || 1;
}
