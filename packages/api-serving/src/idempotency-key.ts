import type { IncomingMessage } from "node:http";
import { IDEMPOTENCY_HEADERS } from "@skerry/api-schema";
import { fail } from "./errors.ts";

const IDEMPOTENCY_KEY = /^[\x21-\x7e]+$/;

/**
 * The key that a request says. Node joins repeated headers with a comma and a blank, which no key
 * has. Throws IDEMPOTENCY_KEY_INVALID.
 */
export function idempotencyKeyOf(req: IncomingMessage): string | undefined {
  const token = req.headers["idempotency-key"];
  const charsMax = IDEMPOTENCY_HEADERS.keyCharsMax;
  if (token === undefined) return undefined;
  if (typeof token !== "string" || token.length > charsMax || !IDEMPOTENCY_KEY.test(token)) {
    throw fail("IDEMPOTENCY_KEY_INVALID", { charsMax });
  }
  return token;
}
