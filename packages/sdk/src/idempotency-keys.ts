/**
 * Idempotency keys of one client. Begun with the same text, the same program gives the same call
 * the same key whenever it runs: the key names the operation, what it is about, and how often that
 * was asked for before.
 */
import { IDEMPOTENCY_HEADERS } from "@skerry/api-schema/client";
import { fail } from "./errors.ts";

export interface IdempotencyKeys {
  /** The key of the next change; `parts` are its operation and the values of its path. */
  next(parts: readonly string[]): string;
  /** The same; undefined where nothing begins them, so that each would be a fresh one. */
  begun(parts: readonly string[]): string | undefined;
  /** What the keys begin with, once there was a change that may have to be repeated. */
  repeatWith(): string | undefined;
}

/** Leaves room for the longest names and a digest. */
const BEGIN_CHARS_MAX = 60;
const VISIBLE = /^[\x21-\x7e]+$/;

/** Without `begin` every key is a fresh one. Throws IDEMPOTENCY_KEY_MALFORMED. */
export function createIdempotencyKeys(
  begin: string | undefined,
  fresh: () => string,
): IdempotencyKeys {
  if (begin === undefined) {
    return { next: fresh, begun: () => undefined, repeatWith: () => undefined };
  }
  if (begin.length > BEGIN_CHARS_MAX || !VISIBLE.test(begin)) {
    throw fail("IDEMPOTENCY_KEY_MALFORMED", { charsMax: BEGIN_CHARS_MAX });
  }
  const asked = new Map<string, number>();
  const next = (parts: readonly string[]): string => {
    const subject = parts.map(encodeURIComponent).join("/");
    const times = (asked.get(subject) ?? 0) + 1;
    asked.set(subject, times);
    // What is too long has a name that no platform takes: it is refused before its key matters.
    return `${begin}.${times}.${subject}`.slice(0, IDEMPOTENCY_HEADERS.keyCharsMax);
  };
  return {
    next,
    begun: next,
    repeatWith: () => (asked.size === 0 ? undefined : begin),
  };
}
