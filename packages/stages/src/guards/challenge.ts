/**
 * What a refusal must say beside its error: how to authenticate (RFC 9110, 11.6.1; RFC 6750, 3).
 */
import type { PlatformError } from "@skerry/base";

/** Flat headers that an answer with this error carries; of errors of guards and of all others. */
export function guardHeaders({ code, reason }: PlatformError): readonly string[] {
  if (code !== "UNAUTHENTICATED") return [];
  return ["WWW-Authenticate", reason.endsWith("_REQUIRED") ? BEARER : `${BEARER}, ${INVALID}`];
}

const BEARER = 'Bearer realm="skerry"';
const INVALID = 'error="invalid_token"';
