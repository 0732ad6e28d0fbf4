/**
 * What a refusal must say beside its error: how to authenticate (RFC 9110, 11.6.1; RFC 6750, 3).
 */
import type { PlatformError } from "@skerry/base";

const REALM = 'Bearer realm="skerry"';
const INVALID = ["WWW-Authenticate", `${REALM}, error="invalid_token"`];
const MISSING = ["WWW-Authenticate", REALM];
const INSUFFICIENT = ["WWW-Authenticate", `${REALM}, error="insufficient_scope"`];

/** Flat headers that an answer with this error carries, whoever made it. */
export function guardHeaders({ code, reason }: PlatformError): readonly string[] {
  if (reason === "ROUTE_TOKEN_INSUFFICIENT") return INSUFFICIENT;
  if (code !== "UNAUTHENTICATED") return [];
  return reason.endsWith("_REQUIRED") ? MISSING : INVALID;
}
