/**
 * Responses whose body comes in pieces. A body that fails in the middle, or does not have the
 * length it announced, ends in a connection reset and never in a clean end. The producer is told to
 * wait when the client reads slowly; the server's stall timeout cuts a client that does not read at
 * all.
 */
import type { ServerResponse } from "node:http";

import { fail } from "./errors.ts";
import { PieceGauge } from "./piece-gauge.ts";
import { resetConnection, writeHeadChecked, type ResponseHead } from "./respond.ts";

export interface StreamHead extends ResponseHead {
  /** Announces the length; chunked coding is used without it. */
  readonly contentLength?: number;
}

/**
 * One response body that is being written. After `end`, `fail` or a vanished client every call does
 * nothing.
 */
export interface BodyWriter {
  /**
   * False when the caller should wait for `drained` before it writes more. Throws
   * `RESPONSE_LENGTH_WRONG`.
   */
  write(chunk: Uint8Array): boolean;
  /**
   * Resolves when there is room again; rejects with `RESPONSE_CANCELLED` when the client is gone.
   */
  drained(): Promise<void>;
  /**
   * Ends the body well. Throws `RESPONSE_LENGTH_WRONG` (after the reset) when bytes are missing.
   */
  end(): void;
  /** Cuts the connection: the client must not take what it has for the whole. */
  fail(): void;
}

/**
 * Sends the head with the first chunk, or at the end of this tick without one. Throws
 * `RESPONSE_HEADER_INVALID` or `RESPONSE_STATUS_INVALID` before anything is sent.
 */
export function openBody(res: ServerResponse, head: StreamHead): BodyWriter {
  const expected = head.contentLength;
  if (expected !== undefined) head.headers.push("Content-Length", String(expected));
  writeHeadChecked(res, head);
  const isBodiless = res.req.method === "HEAD" || head.status === 204 || head.status === 304;
  return new Writer(res, isBodiless ? undefined : expected);
}

/**
 * Sends `body` with backpressure. Rejects with the producer's own error after the reset, or with
 * `RESPONSE_CANCELLED` when the client left; the producer's `return` has run then.
 */
export async function streamTo(
  res: ServerResponse,
  head: StreamHead,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  const writer = openBody(res, head);
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await nextUnlessGone(res, chunks);
      if (step.done === true) break;
      if (!writer.write(step.value)) await writer.drained();
    }
    writer.end();
  } catch (error) {
    writer.fail();
    // A producer that is stuck in `next` would keep `return` waiting; its own clean-up is not ours
    // to await.
    chunks.return?.().catch(() => undefined);
    throw error;
  }
}

/** What a response tells its own writer when a piece that was waited for has left. */
const PIECES_TAKEN = Symbol("piecesTaken");
type RoomEvent = "drain" | typeof PIECES_TAKEN;

class Writer implements BodyWriter {
  readonly #res: ServerResponse;
  readonly #expected: number | undefined;
  readonly #gauge: PieceGauge;
  readonly #waits = new Map<RoomEvent, Promise<void>>();
  #sent = 0;
  #hasWritten = false;

  constructor(res: ServerResponse, expected: number | undefined) {
    this.#res = res;
    this.#expected = expected;
    this.#gauge = new PieceGauge(res, () => void res.emit(PIECES_TAKEN));
    process.nextTick(() => this.#flushHead());
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isOver()) return true;
    this.#hasWritten = true;
    this.#sent += chunk.length;
    if (this.#expected !== undefined && this.#sent > this.#expected)
      this.#failLength(this.#expected);
    return this.#gauge.write(chunk);
  }

  async drained(): Promise<void> {
    if (this.#res.destroyed) throw fail("RESPONSE_CANCELLED");
    if (this.#res.writableNeedDrain) return await this.#until("drain");
    if (this.#gauge.isBehind) await this.#until(PIECES_TAKEN);
  }

  /** However many pieces wait, one listener does. */
  async #until(event: RoomEvent): Promise<void> {
    const known = this.#waits.get(event);
    if (known !== undefined) return await known;
    const wait = waitFor(this.#res, event).finally(() => this.#waits.delete(event));
    this.#waits.set(event, wait);
    await wait;
  }

  end(): void {
    if (this.#isOver()) return;
    this.#hasWritten = true;
    if (this.#expected !== undefined && this.#sent !== this.#expected)
      this.#failLength(this.#expected);
    this.#res.end();
  }

  fail(): void {
    this.#hasWritten = true;
    if (!this.#res.writableFinished) resetConnection(this.#res);
  }

  #flushHead(): void {
    if (!this.#hasWritten && !this.#isOver()) this.#res.flushHeaders();
  }

  #isOver(): boolean {
    return this.#res.destroyed || this.#res.writableEnded;
  }

  #failLength(contentLength: number): never {
    this.fail();
    throw fail("RESPONSE_LENGTH_WRONG", { contentLength });
  }
}

function waitFor(res: ServerResponse, event: RoomEvent): Promise<void> {
  return new Promise((resolve, reject) => {
    const onTaken = (): void => {
      res.off("close", onClose);
      resolve();
    };
    const onClose = (): void => {
      res.off(event, onTaken);
      reject(fail("RESPONSE_CANCELLED"));
    };
    res.once(event, onTaken).once("close", onClose);
  });
}

function nextUnlessGone(
  res: ServerResponse,
  chunks: AsyncIterator<Uint8Array>,
): Promise<IteratorResult<Uint8Array>> {
  if (res.destroyed) return Promise.reject(fail("RESPONSE_CANCELLED"));
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(fail("RESPONSE_CANCELLED"));
    res.once("close", onClose);
    chunks
      .next()
      .then(resolve, reject)
      .finally(() => res.off("close", onClose));
  });
}
