/**
 * Whole responses. The platform has one error shape, `{ error: { code, reason, message, hint,
 * requestId, retryable, details? } }`; what only an operator can act on reaches a client as
 * `INTERNAL` with the request id. An answer to a request that has not fully arrived closes its
 * connection, but only after the client had time to read it (`linger.ts`).
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

import { PlatformError } from "@skerry/base";

import { hasArrived } from "./body.ts";
import { fail } from "./errors.ts";
import { streamResponseOf } from "./h2/stream-response.ts";
import { endLingering } from "./linger.ts";
import { nodeHttp } from "./node-http.ts";
import { rawOf } from "./tls/tls-server.ts";

export interface ResponseHead {
  /** 200 to 599. */
  readonly status: number;
  /**
   * Flat `[name, value, …]` without framing headers. The sender takes the array over and may extend
   * it.
   */
  readonly headers: string[];
}

export interface ErrorContext {
  readonly requestId: string;
  /** Further headers, flat. */
  readonly headers?: readonly string[];
}

/** Up to here a body is joined with its head into one write. */
const JOINED_BYTES_MAX = 1 << 10;

/**
 * Answers with a whole body and its Content-Length. Text is sent as UTF-8. Throws
 * `RESPONSE_STATUS_INVALID` or `RESPONSE_HEADER_INVALID` before anything is sent, so that
 * `sendError` can still answer.
 */
export function sendBytes(
  res: ServerResponse,
  head: ResponseHead,
  body: Uint8Array | string,
): void {
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const bodiless = head.status === 204 || head.status === 304;
  if (!bodiless && (length > 0 || res.req.method !== "HEAD")) {
    head.headers.push("Content-Length", String(length));
  }
  writeHeadChecked(res, head);
  if (length === 0 || bodiless) res.end();
  else if (typeof body === "string") res.end(body);
  else if (length <= JOINED_BYTES_MAX) res.end(asLatin1(body), "latin1");
  else res.end(body);
}

/** Answers with JSON. `head.headers` may be empty; content-type is set. Throws as `sendBytes`. */
export function sendJson(res: ServerResponse, head: ResponseHead, value: unknown): void {
  head.headers.push("Content-Type", "application/json");
  sendBytes(res, head, JSON.stringify(value));
}

/**
 * Answers with anything that was thrown, or resets the connection when a response has begun. Never
 * throws; does nothing when the client is gone. Sets Retry-After from `details.retryAfterMs`.
 */
export function sendError(res: ServerResponse, thrown: unknown, context: ErrorContext): void {
  if (res.headersSent) return resetConnection(res);
  if (res.destroyed) return;
  const error = PlatformError.from(thrown);
  const head = {
    status: error.audience === "user" ? error.httpStatus : 500,
    headers: ["Content-Type", "application/json"],
  };
  head.headers.push("Cache-Control", "no-store", ...(context.headers ?? []));
  const retryAfterMs = error.details["retryAfterMs"];
  if (typeof retryAfterMs === "number") {
    head.headers.push("Retry-After", String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  }
  const body = JSON.stringify({ error: wireOf(error, context.requestId) });
  if (hasArrived(res.req)) return sendBytes(res, head, body);
  // The handler may run before the parser has come to the end of the packet that woke it. When the
  // request turns out to be whole, the connection can be kept.
  setImmediate(() => {
    if (res.headersSent || res.destroyed) return;
    if (hasArrived(res.req)) sendBytes(res, head, body);
    else sendAndLinger(res, head, body);
  });
}

/**
 * Ends the connection, or the one stream of it that is HTTP/2's, so that no client can take a half
 * response for a whole one.
 */
export function resetConnection(res: ServerResponse): void {
  if (streamResponseOf(res) !== undefined) return void res.destroy();
  const socket = res.socket;
  if (socket === null || socket.destroyed) res.destroy();
  else cut(socket);
}

/** Closes so that the peer sees a reset; a unix socket knows no reset and is closed. */
export function cut(socket: Socket): void {
  if (socket.remoteFamily === undefined) socket.destroy();
  else (rawOf(socket) ?? socket).resetAndDestroy();
}

/** `writeHead` with the platform's errors instead of Node's. */
export function writeHeadChecked(res: ServerResponse, head: ResponseHead): void {
  const { status, headers } = head;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw fail("RESPONSE_STATUS_INVALID", { status });
  }
  // Node forbids a body as soon as it sees such a status, also for the error that would follow.
  if (status === 204 || status === 304) refuseInvalid(headers);
  try {
    res.writeHead(status, headers);
  } catch (error) {
    if (res.headersSent) throw error;
    res.statusMessage = "";
    refuseInvalid(headers);
    throw error;
  }
}

/** Throws `RESPONSE_HEADER_INVALID` for a name or value that HTTP does not allow. */
export function refuseInvalid(headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 2) {
    const name = String(headers[i]);
    try {
      nodeHttp.validateHeaderName(name);
      nodeHttp.validateHeaderValue(name, headers[i + 1] as string);
    } catch (error) {
      throw fail("RESPONSE_HEADER_INVALID", { name: JSON.stringify(name.slice(0, 64)) }, error);
    }
  }
}

function wireOf(error: PlatformError, requestId: string): object {
  const shown = error.audience === "user" ? error : PlatformError.from(undefined);
  const { code, reason, message, hint, retryable, details } = shown.toWire();
  const base = { code, reason, message, hint, requestId, retryable };
  return details === undefined ? base : { ...base, details };
}

function asLatin1(bytes: Uint8Array): string {
  const view = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.toString("latin1");
}

function sendAndLinger(res: ServerResponse, head: ResponseHead, body: string): void {
  // A stream is answered whole and then reset, without loss: RFC 9113, section 8.1.
  if (streamResponseOf(res) !== undefined) return sendBytes(res, head, body);
  res.shouldKeepAlive = false;
  head.headers.push("Content-Length", String(Buffer.byteLength(body)));
  writeHeadChecked(res, head);
  endLingering(res, body);
}
