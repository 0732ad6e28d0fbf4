/**
 * What leaves for the client: the function's answer or the platform's error, with the platform's
 * own headers.
 */
import type { ServerResponse } from "node:http";
import { PlatformError, type RequestId } from "@skerry/base";
import { failFunction, GATEWAY_HEADERS, type ReplyHead } from "@skerry/contracts";
import { sendBytes } from "@skerry/http";
import { platformHeaders, sendRefusal } from "@skerry/requests";
import { serverTiming, type Anatomy } from "./anatomy.ts";

const LENGTH = /^(?:0|[1-9][0-9]{0,15})$/;

export interface Shown {
  readonly requestId: RequestId;
  /** Undefined hides it. */
  readonly anatomy: Anatomy | undefined;
}

/** Adds what every answer carries. */
export function answerHeaders(
  headers: string[],
  requestId: RequestId,
  anatomy: Anatomy | undefined,
): void {
  headers.push(GATEWAY_HEADERS.requestId, requestId);
  if (anatomy !== undefined) headers.push("Server-Timing", serverTiming(anatomy));
}

/** The function's headers that may leave, and the length it announced for a streamed body. */
export function responseHeadersOf(head: ReplyHead): {
  readonly headers: string[];
  readonly contentLength: number | undefined;
} {
  const headers = platformHeaders.responseHeaders(head.h);
  for (let i = 0; i < head.h.length; i += 2) {
    const value = head.h[i + 1] ?? "";
    if (head.h[i]?.toLowerCase() !== "content-length" || !LENGTH.test(value)) continue;
    return { headers, contentLength: Number(value) };
  }
  return { headers, contentLength: undefined };
}

/** Sends a whole answer of a function. Never throws. */
export function sendWhole(
  res: ServerResponse,
  answer: Shown & { readonly head: ReplyHead; readonly body: Uint8Array },
): void {
  const { head, body, requestId, anatomy } = answer;
  const headers = platformHeaders.responseHeaders(head.h);
  answerHeaders(headers, requestId, anatomy);
  try {
    sendBytes(res, { status: head.s, headers }, body);
  } catch (error) {
    const { message } = PlatformError.from(error);
    const details = { function: "The function", why: message };
    sendFailure(res, failFunction("FUNCTION_BAD_RESPONSE", details, error), answer);
  }
}

/** Sends an error made by the platform. Never throws. */
export function sendFailure(res: ServerResponse, error: PlatformError, shown: Shown): void {
  const headers: string[] = [];
  answerHeaders(headers, shown.requestId, shown.anatomy);
  if (error.code === "UNAUTHENTICATED") headers.push("WWW-Authenticate", "Bearer");
  sendRefusal(res, error, { requestId: shown.requestId, headers });
}
