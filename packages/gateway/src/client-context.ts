/** What a caller tells beside the event: looked at once, so that no runtime has to doubt it. */
import { GATEWAY_HEADERS, LIMITS } from "@skerry/contracts";
import { failGateway } from "./errors.ts";

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The header's value, undefined when it is absent. Throws GATEWAY_CLIENT_CONTEXT_INVALID. */
export function readClientContext(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): string | undefined {
  const value = headers[GATEWAY_HEADERS.clientContext];
  if (value === undefined) return undefined;
  if (typeof value === "string" && isJson(value)) return value;
  throw failGateway("GATEWAY_CLIENT_CONTEXT_INVALID", { bytesMax: LIMITS.clientContextBytesMax });
}

function isJson(base64: string): boolean {
  if (!BASE64.test(base64)) return false;
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length > LIMITS.clientContextBytesMax) return false;
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
