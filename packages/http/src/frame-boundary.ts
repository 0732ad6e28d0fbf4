/**
 * Where the frames of a WebSocket end, read from what its server sends, so that a server between
 * can end a connection in the middle of it as RFC 6455 has it. It understands lengths and nothing
 * else; who sends what cannot be frames is not followed any further.
 */

/** Longest close reason, RFC 6455 section 5.5. */
const REASON_BYTES_MAX = 123;
const CLOSE = 8;
const FIN = 0x80;

export class FrameBoundary {
  /** Of a header that has not come whole. */
  #header: number[] = [];
  #payloadLeft = 0;
  #isLost = false;
  #hasClosed = false;

  /** The server has said its last word. */
  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /** A frame of somebody between may stand here. */
  get isOpen(): boolean {
    return !this.#isLost && this.#payloadLeft === 0 && this.#header.length === 0;
  }

  see(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#isLost) {
      if (this.#payloadLeft > 0) {
        const skipped = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= skipped;
        at += skipped;
      } else {
        this.#header.push(chunk[at] as number);
        at += 1;
        this.#readHeader();
      }
    }
  }

  #readHeader(): void {
    const [first = 0, second = 0, ...length] = this.#header;
    if (this.#header.length < 2) return;
    // Only clients mask, and nothing follows a close.
    if ((second & 0x80) !== 0 || this.#hasClosed) {
      this.#isLost = true;
      return;
    }
    const short = second & 0x7f;
    const wanted = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (length.length < wanted) return;
    this.#payloadLeft = wanted === 0 ? short : length.reduce((sum, byte) => sum * 256 + byte, 0);
    this.#isLost = !Number.isSafeInteger(this.#payloadLeft);
    this.#hasClosed = (first & 0x0f) === CLOSE;
    this.#header = [];
  }
}

/** A server's Close frame. */
export function closeFrame(code: number, why: string): Uint8Array {
  const reason = Buffer.from(why).subarray(0, REASON_BYTES_MAX);
  const head = [FIN | CLOSE, reason.length + 2, code >> 8, code & 0xff];
  return Buffer.concat([Buffer.from(head), reason]);
}
