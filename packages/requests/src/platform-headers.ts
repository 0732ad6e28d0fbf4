/**
 * What of headers is the platform's alone, in both directions, and what it says with an error of
 * its own.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { PlatformError } from "@skerry/base";
import { GATEWAY_HEADERS } from "@skerry/contracts";
import { createHeaderPolicy, sendError, type ErrorContext } from "@skerry/http";
import { isKeyHeader } from "./key-check.ts";

/**
 * Names that only the platform sets. Functions that are called by path share one origin: a script
 * that a function lets loose on more than its own path would stand between browsers and all others.
 */
export const platformHeaders = createHeaderPolicy({
  reserved: ["x-skerry-*", "service-worker-allowed"],
});

/**
 * The caller's headers without what belongs to the connection or the platform, its key above all.
 */
export function functionHeaders(req: IncomingMessage): string[] {
  const headers = platformHeaders.requestHeaders(req.rawHeaders);
  if (req.headers.authorization === undefined) return headers;
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1] ?? "";
    if (!isKeyHeader(name, value)) kept.push(name, value);
  }
  return kept;
}

/**
 * Sends an error made by the platform, with its reason in a header beside those of the context.
 * Never throws.
 */
export function sendRefusal(
  res: ServerResponse,
  error: PlatformError,
  context: ErrorContext,
): void {
  const headers = [...refusalHeaders(error), ...(context.headers ?? [])];
  sendError(res, error, { requestId: context.requestId, headers });
}

/** What tells of an error made by the platform, flat. */
export function refusalHeaders(error: PlatformError): readonly string[] {
  return [GATEWAY_HEADERS.errorReason, shownReason(error)];
}

function shownReason(error: PlatformError): string {
  return error.audience === "user" ? error.reason : PlatformError.from(undefined).reason;
}
