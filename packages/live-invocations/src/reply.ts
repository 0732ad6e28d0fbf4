/**
 * Reads what an instance says about its answer. User code can forge every byte of it, so each field
 * is checked and a reply that does not fit is a bad response, told before anything of it has left.
 */
import type { ReplyError, ReplyHead } from "@skerry/contracts";

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What Node's own check allows: tab, and all from space up but DEL, in Latin-1. */
// eslint-disable-next-line no-control-regex -- the control characters are what is excluded
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
const ERROR_KINDS: readonly ReplyError["kind"][] = ["failed", "bad_response", "too_large"];
const HEADERS_MAX = 256;
/** Switching Protocols. */
export const SWITCHED_STATUS = 101;
const ERROR_NAME_CHARS_MAX = 256;
const ERROR_MESSAGE_CHARS_MAX = 16 << 10;

/** The reply, or why it cannot be one. */
export function readReply(text: string): ReplyHead | { readonly why: string } {
  let value: { readonly [K in keyof ReplyHead]?: unknown } | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return { why: "its head is not JSON" };
  }
  if (typeof value !== "object" || value === null) return { why: "its head is not an object" };
  const { s, h, t, e } = value;
  if (e !== undefined) return readError(e, t);
  if (typeof s !== "number" || !Number.isInteger(s) || s < 200 || s > 599) {
    const shown = typeof s === "number" ? `${s}` : `of type ${typeof s}`;
    if (s !== SWITCHED_STATUS) return { why: `the status ${shown} is not between 200 and 599` };
  }
  const fault = headersFault(h);
  if (fault !== undefined) return { why: fault };
  const head = { s, h: h as readonly string[], t: durationOf(t) };
  return value.st === true ? { ...head, st: true } : head;
}

function headersFault(headers: unknown): string | undefined {
  if (!Array.isArray(headers) || headers.length % 2 !== 0) return "its headers are not a list";
  if (headers.length > HEADERS_MAX * 2) return `it has more than ${HEADERS_MAX} headers`;
  for (let i = 0; i < headers.length; i += 2) {
    const name: unknown = headers[i];
    const value: unknown = headers[i + 1];
    if (typeof name !== "string" || !NAME.test(name)) return "a header name is not allowed";
    if (typeof value !== "string" || !VALUE.test(value)) {
      return `the value of the header ${name.slice(0, 64)} is not allowed`;
    }
  }
  return undefined;
}

function readError(error: unknown, t: unknown): ReplyHead | { readonly why: string } {
  if (typeof error !== "object" || error === null) return { why: "its error is not an object" };
  const { kind, name, message } = error as { readonly [K in keyof ReplyError]?: unknown };
  if (typeof kind !== "string" || typeof name !== "string" || typeof message !== "string") {
    return { why: "its error does not say in text what it is" };
  }
  return {
    s: 502,
    h: [],
    t: durationOf(t),
    e: {
      kind: ERROR_KINDS.find((known) => known === kind) ?? "failed",
      name: name.slice(0, ERROR_NAME_CHARS_MAX),
      message: message.slice(0, ERROR_MESSAGE_CHARS_MAX),
    },
  };
}

function durationOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}
