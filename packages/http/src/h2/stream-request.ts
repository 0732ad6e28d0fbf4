/**
 * A request of HTTP/2 in the shape that handlers know: Node's own request, filled from a stream of
 * a connection. What HTTP/2 says in other words is said in those of HTTP/1.1, so that every guard,
 * limit and filter reads one language: `host` for `:authority`, one `cookie` line, and
 * `transfer-encoding: chunked` where a body comes whose length nobody announced.
 */
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";

import { nodeHttp } from "../node-http.ts";

/** What Node's parser calls to lay out the header lines of a request. */
interface Filled {
  _addHeaderLines(lines: readonly string[], count: number): void;
}

export interface StreamHead {
  readonly method: string;
  readonly path: string;
  /** Flat, without pseudo headers. */
  readonly lines: readonly string[];
}

export class StreamRequest extends nodeHttp.IncomingMessage {
  readonly #stream: ServerHttp2Stream;
  #isPaused = true;

  constructor(stream: ServerHttp2Stream, socket: Socket, head: StreamHead) {
    super(socket);
    this.#stream = stream;
    this.httpVersion = "2.0";
    this.httpVersionMajor = 2;
    this.httpVersionMinor = 0;
    this.method = head.method;
    this.url = head.path;
    (this as unknown as Filled)._addHeaderLines(head.lines, head.lines.length);
    if (stream.endAfterHeaders) this.#onEnd();
    else this.#follow();
  }

  /** Nobody reads it any more: what still comes is dropped. */
  dropRest(): void {
    this.#stream.off("data", this.#onData).off("end", this.#onEnd).resume();
  }

  /** The client has left before its end. */
  abort(): void {
    if (!this.complete) this.destroy();
  }

  override _read(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream.resume();
  }

  /** As Node's own, but for the connection, which other streams share. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    process.nextTick(done, this.listenerCount("error") === 0 ? null : error);
  }

  #follow(): void {
    this.#stream.on("data", this.#onData).on("end", this.#onEnd).pause();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.push(chunk)) return;
    this.#isPaused = true;
    this.#stream.pause();
  };

  readonly #onEnd = (): void => {
    // A reset ends a stream, too, and what came of it is not the whole.
    if (this.destroyed || this.#stream.aborted) return;
    this.complete = true;
    this.push(null);
  };
}
