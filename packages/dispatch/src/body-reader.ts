/** Collects the body of a stream that a peer opened, bounded, and hands it over whole. */
import type { PlatformError } from "@skerry/base";
import type { OpenedStream, StreamHandler } from "@skerry/link";

/** Calls `done` once with the whole body; a stream that breaks or sends too much is left alone. */
export function readBody(
  { stream, body, end }: OpenedStream,
  bytesMax: number,
  done: (body: Uint8Array) => void,
): StreamHandler {
  const reader = new BodyReader({ bytesMax, done, granted: (bytes) => stream.grant(bytes) }, () =>
    stream.cancel("the body is too large"),
  );
  reader.onBody(body, end);
  return reader;
}

interface ReaderOptions {
  readonly bytesMax: number;
  readonly done: (body: Uint8Array) => void;
  readonly granted: (bytes: number) => void;
}

class BodyReader implements StreamHandler {
  readonly #options: ReaderOptions;
  readonly #onTooLarge: () => void;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(options: ReaderOptions, onTooLarge: () => void) {
    this.#options = options;
    this.#onTooLarge = onTooLarge;
  }

  onReply(): void {
    // The peer opened this stream: it is answered, and does not answer.
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.#isOver) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.bytesMax) {
      this.#isOver = true;
      return this.#onTooLarge();
    }
    if (chunk.length > 0) this.#chunks.push(chunk);
    if (!end) return this.#options.granted(chunk.length);
    this.#isOver = true;
    const [first] = this.#chunks;
    const whole = this.#chunks.length === 1 ? first : undefined;
    const body = whole ?? Buffer.concat(this.#chunks);
    // The link has its handler by then.
    queueMicrotask(() => this.#options.done(body));
  }

  onWritable(): void {
    // The answer leaves as a whole; the stream keeps what does not go at once.
  }

  onFailed(_error: PlatformError): void {
    this.#isOver = true;
  }
}
