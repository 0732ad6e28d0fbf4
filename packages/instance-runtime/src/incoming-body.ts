/**
 * The body of one request while it arrives. One consumer takes it: `collect` for buffered handlers
 * or `toStream` for fetch handlers; until then at most the link's credit is held. What nobody takes
 * is thrown away, so that a caller who is still sending is never stuck; who reads on then is told
 * that bytes are missing.
 */
import type { LinkStream } from "@skerry/link";
import { fail } from "./errors.ts";

const EMPTY = new Uint8Array(0);

export class IncomingBody {
  readonly #stream: LinkStream;
  readonly #chunks: Uint8Array[] = [];
  #ended: boolean;
  #failure: Error | undefined;
  #discarding = false;
  /** Bytes were thrown away. */
  #isCut = false;
  #wake: (() => void) | undefined;

  constructor(stream: LinkStream, first: Uint8Array, ended: boolean) {
    this.#stream = stream;
    this.#ended = ended;
    if (first.length > 0) this.#chunks.push(first);
  }

  /** The whole body when it had arrived with the request; undefined otherwise. */
  get whole(): Uint8Array | undefined {
    return this.#ended && this.#chunks.length <= 1 ? (this.#chunks[0] ?? EMPTY) : undefined;
  }

  push(chunk: Uint8Array, end: boolean): void {
    if (end) this.#ended = true;
    if (this.#discarding) this.#drop(chunk);
    else if (chunk.length > 0) this.#chunks.push(chunk);
    this.#notify();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#notify();
  }

  /** Lets the rest pass unread. */
  discard(): void {
    this.#discarding = true;
    for (const chunk of this.#chunks.splice(0)) this.#drop(chunk);
    this.#notify();
  }

  #drop(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#isCut = true;
    this.#stream.grant(chunk.length);
  }

  /**
   * Gathers everything. Throws REQUEST_BODY_TOO_LARGE past `bytesMax`, or what ended the request.
   */
  async collect(bytesMax: number): Promise<Uint8Array> {
    const taken: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      for (const chunk of this.#chunks.splice(0)) {
        bytes += chunk.length;
        if (bytes > bytesMax) throw fail("REQUEST_BODY_TOO_LARGE", { bytesMax });
        taken.push(chunk);
        this.#stream.grant(chunk.length);
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return taken.length === 1 ? (taken[0] as Uint8Array) : Buffer.concat(taken);
      await this.#more();
    }
  }

  /**
   * A byte stream that asks the caller for more only as it is read. Who cancels it lets the rest
   * pass unread, or does `onCancel`. Fails with REQUEST_BODY_GONE once the rest has passed unread.
   */
  toStream(onCancel?: () => void): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        type: "bytes",
        pull: (controller) => this.#pull(controller),
        cancel: onCancel ?? (() => this.discard()),
      },
      { highWaterMark: 0 },
    );
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    while (
      this.#chunks.length === 0 &&
      !this.#ended &&
      this.#failure === undefined &&
      !this.#isCut
    ) {
      await this.#more();
    }
    const chunks = this.#chunks.splice(0);
    if (chunks.length > 0) {
      // A byte stream takes the buffer away from its owner, and these are shared with other frames.
      const copy = copyOf(chunks);
      const bytes = copy.length;
      controller.enqueue(copy);
      this.#stream.grant(bytes);
    } else if (this.#failure !== undefined) {
      controller.error(this.#failure);
    } else if (this.#isCut) {
      controller.error(fail("REQUEST_BODY_GONE"));
    } else {
      controller.close();
      controller.byobRequest?.respond(0);
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function copyOf(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
