/**
 * `context.call`: asks the gateway, over the link, to run another function, and gives its answer
 * back. The call belongs to the request whose context made it and ends with it.
 */
import { PlatformError } from "@skerry/base";
import {
  failFunction,
  failReach,
  type CallHead,
  type CallReplyHead,
  type PublishHead,
} from "@skerry/contracts";
import { LINK_LIMITS, type Link } from "@skerry/link";
import { IncomingBody } from "./incoming-body.ts";

/** Opens a stream to the gateway; the link's own `open` fits. */
export type OpenStream = Link["open"];

export interface CallOptions {
  /** Longest wait for the answer; never longer than the calling request has left. */
  readonly timeoutMs?: number;
  /** Gives the answer as it comes, whatever its status. */
  readonly stream?: boolean;
  /**
   * The same call under the same key runs once, to its own end, and is answered the same. Not with
   * `stream`.
   */
  readonly idempotencyKey?: string;
  /** Gives the call up. */
  readonly signal?: AbortSignal;
}

/** The answer of a call with `stream: true`. */
export interface StreamedAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Request id of the call. */
  readonly requestId: string | undefined;
  readonly body: ReadableStream<Uint8Array>;
}

export interface CallAsked {
  /** Id of the request that calls. */
  readonly requestId: string;
  /** `APP/FN`. */
  readonly target: string;
  /** Sent as JSON; bytes are sent as they are, and nothing is `{}`. */
  readonly payload: unknown;
  readonly options: CallOptions;
  /** What the request that calls has left. */
  readonly remainingMs: number;
  readonly answerBytesMax: number;
}

/**
 * Resolves to the result: parsed JSON, text, or bytes of any other type. Rejects with a
 * PlatformError whose `reason` says why there is none: the called function's own (FUNCTION_FAILED
 * with `details.errorName` and `details.errorMessage`, FUNCTION_THROTTLED, FUNCTION_NOT_FOUND …),
 * CALL_TIMEOUT, CALL_STATUS for a status of 400 and above, CALL_ABANDONED; with a key also
 * CALL_KEY_INVALID, IDEMPOTENCY_KEY_CONFLICT, CALL_UNDER_WAY and LEDGER_AWAY.
 */
export async function callFunction(open: OpenStream, asked: CallAsked): Promise<unknown> {
  const { target, options, answerBytesMax } = asked;
  options.signal?.throwIfAborted();
  const wanted = headOf(asked);
  const exchange = openExchange(open, {
    ...{ head: wanted, body: bytesOf(asked.payload) },
    waitMs: Math.min(asked.remainingMs, options.timeoutMs ?? Infinity),
    brokeOff: (error) =>
      failReach("CALL_ABANDONED", { function: target, why: error.message }, error),
  });
  const onAbort = (): void => exchange.giveUp(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const { head, body } = await exchange.replied;
    if (head.e !== undefined) throw errorOf(head.e, head.id);
    if (options.stream === true)
      return streamedOf(
        head,
        body.toStream(() => exchange.giveUp()),
      );
    return resultOf(target, head, await collect(target, body, answerBytesMax));
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/** Throws CALL_KEY_INVALID for a key that goes with nothing that is kept. */
function headOf({
  requestId,
  target,
  options: { idempotencyKey: k, stream },
}: CallAsked): CallHead {
  const head = { op: "call", r: requestId, f: target } as const;
  if (k === undefined) return head;
  if (stream !== true) return { ...head, k };
  throw failReach("CALL_KEY_INVALID", { function: target, rule: "cannot stand beside `stream`" });
}

/** What is opened, and what its errors name. */
interface Wanted {
  readonly head: CallHead | PublishHead;
  readonly body: Uint8Array | undefined;
  readonly waitMs: number;
  /** Made of why it broke off. */
  readonly brokeOff: (error: PlatformError) => PlatformError;
}

/** Resolves to the parsed body of what the gateway answers. Rejects with its error. */
export async function askGateway(open: OpenStream, wanted: Wanted): Promise<unknown> {
  const { head, body } = await openExchange(open, wanted).replied;
  if (head.e !== undefined) throw errorOf(head.e, head.id);
  const bytes = await body.collect(Infinity);
  return JSON.parse(Buffer.from(bytes).toString("utf8"));
}

interface Reply {
  readonly head: CallReplyHead;
  readonly body: IncomingBody;
}

interface Exchange {
  readonly replied: Promise<Reply>;
  giveUp(reason?: unknown): void;
}

/** Throws CALL_HEAD_TOO_LARGE: a link is cut off whose frame has a larger one. */
function openExchange(open: OpenStream, { head, body, waitMs, brokeOff }: Wanted): Exchange {
  const said = JSON.stringify(head);
  const { headBytesMax: bytesMax } = LINK_LIMITS;
  if (Buffer.byteLength(said) > bytesMax) throw failReach("CALL_HEAD_TOO_LARGE", { bytesMax });
  const { promise: replied, resolve, reject } = Promise.withResolvers<Reply>();
  let incoming: IncomingBody | undefined;
  let hasEnded = false;
  const fail = (reason: unknown): void => {
    if (hasEnded) return;
    incoming?.fail(reason as Error);
    reject(reason);
  };
  const stream = open(
    said,
    {
      remainingMs: wholeMs(waitMs),
      end: true,
      ...(body === undefined ? {} : { body }),
    },
    {
      onReply: (text, chunk, end) => {
        hasEnded = end;
        incoming = new IncomingBody(stream, chunk, end);
        resolve({ head: JSON.parse(text) as CallReplyHead, body: incoming });
      },
      onBody: (chunk, end) => {
        hasEnded = end;
        incoming?.push(chunk, end);
      },
      onWritable: () => undefined,
      onFailed: (error) => fail(brokeOff(error)),
    },
  );
  return {
    replied,
    giveUp(reason) {
      stream.cancel("the caller gave the call up");
      fail(reason);
    },
  };
}

/** What OPEN can carry: whole milliseconds, 0 meaning none. */
function wholeMs(wantedMs: number): number {
  return Math.min(0xffff_ffff, Math.max(1, Math.floor(wantedMs)));
}

function bytesOf(payload: unknown): Uint8Array | undefined {
  if (payload === undefined) return undefined;
  if (payload instanceof Uint8Array) return payload;
  const text = JSON.stringify(payload) as string | undefined;
  if (text === undefined) throw new TypeError("The payload of a call must be JSON or bytes.");
  return Buffer.from(text);
}

function errorOf(wire: NonNullable<CallReplyHead["e"]>, requestId: string | undefined): Error {
  const details = { ...wire.details, ...(requestId === undefined ? {} : { requestId }) };
  return PlatformError.fromWire({ ...wire, details });
}

async function collect(target: string, body: IncomingBody, bytesMax: number): Promise<Uint8Array> {
  try {
    const { whole } = body;
    return whole !== undefined && whole.length <= bytesMax ? whole : await body.collect(bytesMax);
  } catch (error) {
    if (!PlatformError.is(error) || error.reason !== "REQUEST_BODY_TOO_LARGE") throw error;
    body.discard();
    const details = { function: target, what: "answer", bytesMax };
    throw failFunction("FUNCTION_PAYLOAD_TOO_LARGE", details, error);
  }
}

/** Characters of an answer that an error quotes. */
const QUOTED_CHARS_MAX = 1_024;

function resultOf(target: string, head: CallReplyHead, body: Uint8Array): unknown {
  const type = headerOf(head, "content-type");
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  if (head.s >= 400) {
    const quoted = bytes.toString("utf8", 0, QUOTED_CHARS_MAX);
    throw failReach("CALL_STATUS", { function: target, status: head.s, body: quoted });
  }
  if (body.length === 0) return undefined;
  if (/^application\/(?:[^;]*\+)?json\b/i.test(type)) return JSON.parse(bytes.toString("utf8"));
  return type.startsWith("text/") ? bytes.toString("utf8") : new Uint8Array(bytes);
}

function headerOf({ h }: CallReplyHead, name: string): string {
  for (let at = 0; at < h.length; at += 2)
    if (h[at]?.toLowerCase() === name) return h[at + 1] ?? "";
  return "";
}

function streamedOf(head: CallReplyHead, body: ReadableStream<Uint8Array>): StreamedAnswer {
  const headers: Record<string, string> = {};
  for (let at = 0; at < head.h.length; at += 2) {
    const name = head.h[at]?.toLowerCase() ?? "";
    const value = head.h[at + 1] ?? "";
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: head.s, headers, requestId: head.id, body };
}
