/**
 * Reads a buffered request body. Memory follows what arrived, not what the client announced:
 * nothing is reserved for a Content-Length, and a body in a million one-byte chunks is copied
 * together as it comes instead of being kept as a million buffers. A small body that came with its
 * headers is taken in one piece without listeners or timers.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Clock, PlatformError } from "@skerry/base";

import { fail } from "./errors.ts";

export interface BodyLimits {
  readonly bytesMax: number;
  /** From the call to the last byte. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Asked before each piece is kept; the error it returns refuses the body. */
  readonly admit?: (bytes: number) => PlatformError | undefined;
}

const CONTINUE: unique symbol = Symbol("skerry.http.continue");
interface Expecting {
  [CONTINUE]?: ServerResponse | undefined;
}
interface Settle {
  resolve(body: Buffer): void;
  reject(error: PlatformError): void;
}

const EMPTY = Buffer.alloc(0);
const GROWTH_BYTES_MIN = 16 << 10;

/**
 * The whole body of `req`, which nobody else may be reading. Call once. Rejects with
 * `BODY_TOO_LARGE` (413, at once when the announced length says so), `BODY_TOO_SLOW` (408) or
 * `BODY_CANCELLED`; `sendError` then closes the connection in a way that lets the client read the
 * answer. A client that waits with `Expect` is told to go on.
 */
export function readBody(req: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const announced = req.headers["content-length"];
  if (announced === undefined) {
    if (req.headers["transfer-encoding"] === undefined) return Promise.resolve(EMPTY);
  } else if (Number(announced) > limits.bytesMax) {
    return Promise.reject(fail("BODY_TOO_LARGE", { bytesMax: limits.bytesMax }));
  }
  admitBody(req);
  return new Promise((resolve, reject) => {
    // By the next tick the parser has handed over the first piece of the body that came with the
    // headers.
    process.nextTick(takeBody, req, limits, { resolve, reject });
  });
}

/**
 * Tells a client that waits with `Expect: 100-continue` to send its body. For handlers that stream;
 * may be repeated.
 */
export function admitBody(req: IncomingMessage): void {
  const expecting = req as Expecting;
  if (expecting[CONTINUE] === undefined) return;
  const res = expecting[CONTINUE];
  expecting[CONTINUE] = undefined;
  if (!res.headersSent) res.writeContinue();
}

/**
 * Remembers that the client waits. Without a later `admitBody` it gets the final answer and its
 * connection closes.
 */
export function holdBody(req: IncomingMessage, res: ServerResponse): void {
  (req as Expecting)[CONTINUE] = res;
}

/**
 * True when no byte of the request is still to come. Node's `complete` says so only after the
 * handler has begun.
 */
export function hasArrived(req: IncomingMessage): boolean {
  if (req.complete) return true;
  const announced = req.headers["content-length"];
  if (announced !== undefined) return req.readableLength === Number(announced);
  return req.headers["transfer-encoding"] === undefined;
}

function takeBody(req: IncomingMessage, limits: BodyLimits, settle: Settle): void {
  if (req.destroyed && !req.readableEnded) return settle.reject(fail("BODY_CANCELLED"));
  if (!hasArrived(req)) return collectBody(req, limits, settle);
  const body = readArrived(req);
  if (body.length > limits.bytesMax) {
    return settle.reject(fail("BODY_TOO_LARGE", { bytesMax: limits.bytesMax }));
  }
  const refused = limits.admit?.(body.length);
  if (refused !== undefined) return settle.reject(refused);
  settle.resolve(body);
}

/** One `read` gives no more than one of the pieces in which a body came. */
function readArrived(req: IncomingMessage): Buffer {
  const first = (req.read() as Buffer | null) ?? EMPTY;
  if (req.readableLength === 0) return first;
  const pieces = [first];
  while (req.readableLength > 0) pieces.push(req.read() as Buffer);
  return Buffer.concat(pieces);
}

function collectBody(req: IncomingMessage, limits: BodyLimits, settle: Settle): void {
  const { bytesMax, deadlineMs } = limits;
  let bytes: Buffer = EMPTY;
  let length = 0;
  const finish = (error?: PlatformError): void => {
    cancel();
    req.off("data", onChunk).off("end", onEnd).off("close", onClose).off("error", onClose);
    if (error === undefined) return settle.resolve(bytes.subarray(0, length));
    req.pause();
    settle.reject(error);
  };
  const onChunk = (chunk: Buffer): void => {
    if (length + chunk.length > bytesMax) return finish(fail("BODY_TOO_LARGE", { bytesMax }));
    const refused = limits.admit?.(chunk.length);
    if (refused !== undefined) return finish(refused);
    bytes = append(bytes, length, chunk);
    length += chunk.length;
  };
  const onEnd = (): void => finish();
  const onClose = (): void => finish(fail("BODY_CANCELLED"));
  const cancel = limits.clock.schedule(
    deadlineMs,
    () => finish(fail("BODY_TOO_SLOW", { deadlineMs })),
    { background: true },
  );
  req.on("data", onChunk).on("end", onEnd).on("close", onClose).on("error", onClose);
}

/**
 * Puts `chunk` behind the first `length` bytes; grows by doubling, so it holds at most twice what
 * arrived.
 */
function append(bytes: Buffer, length: number, chunk: Buffer): Buffer {
  if (length === 0) return chunk;
  const needed = length + chunk.length;
  if (needed <= bytes.length) {
    bytes.set(chunk, length);
    return bytes;
  }
  const grown = Buffer.allocUnsafeSlow(Math.max(needed, length * 2, GROWTH_BYTES_MIN));
  grown.set(bytes.subarray(0, length), 0);
  grown.set(chunk, length);
  return grown;
}
