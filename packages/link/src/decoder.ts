/**
 * Cuts a byte stream into frames. Whole frames inside one chunk are handed on without a copy. One
 * that spans chunks is gathered, except DATA: its pieces are bytes of a stream like any others, and
 * are handed on as they come, so that a large body is copied nowhere. Memory is bounded by one
 * frame: a length past the limit is refused before anything is gathered.
 */
import { FLAG_END, FrameType, HEADER_BYTES, LINK_LIMITS, readU32, type Frame } from "./frames.ts";

/** Why a byte stream cannot be a peer that speaks this protocol. */
export type DecodeFault = { readonly why: string };

export class FrameDecoder {
  readonly #onFrame: (frame: Frame) => void;
  /** One frame object is reused for every call: receivers copy what they keep. */
  readonly #frame: Frame = {
    type: 0,
    flags: 0,
    channel: 0,
    stream: 0,
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
    rest: 0,
  };
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #payload: Uint8Array | undefined;
  #payloadBytes = 0;
  /** What is to come of a DATA frame whose header has been read. */
  #passing = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /**
   * Feeds one chunk. Returns a fault when the peer is not speaking the protocol; the decoder is
   * then unusable.
   */
  push(chunk: Uint8Array): DecodeFault | undefined {
    let at = 0;
    if (this.#headerBytes > 0) {
      const next = this.#finishPartial(chunk);
      if (typeof next !== "number") return next;
      at = next;
    }
    while (chunk.length - at >= HEADER_BYTES) {
      const bytes = readU32(chunk, at);
      if (bytes > LINK_LIMITS.frameBytesMax) return oversize(bytes);
      const start = at + HEADER_BYTES;
      if (chunk.length - start < bytes) break;
      this.#emit(chunk, at, { bytes: chunk, start, end: start + bytes });
      at = start + bytes;
    }
    return at < chunk.length ? this.#keepRest(chunk, at) : undefined;
  }

  #keepRest(chunk: Uint8Array, at: number): DecodeFault | undefined {
    const next = this.#finishPartial(at === 0 ? chunk : chunk.subarray(at));
    return typeof next === "number" ? undefined : next;
  }

  /** Continues a frame begun in an earlier chunk; returns how many bytes of `chunk` were used. */
  #finishPartial(chunk: Uint8Array): number | DecodeFault {
    let at = 0;
    if (this.#passing > 0) return this.#pass(chunk, 0);
    if (this.#payload === undefined) {
      at = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length);
      this.#header.set(chunk.subarray(0, at), this.#headerBytes);
      this.#headerBytes += at;
      if (this.#headerBytes < HEADER_BYTES) return at;
      const bytes = readU32(this.#header, 0);
      if (bytes > LINK_LIMITS.frameBytesMax) return oversize(bytes);
      if (this.#header[4] === FrameType.DATA && bytes > 0) {
        this.#passing = bytes;
        return this.#pass(chunk, at);
      }
      this.#payload = new Uint8Array(bytes);
      this.#payloadBytes = 0;
    }
    const payload = this.#payload;
    const take = Math.min(payload.length - this.#payloadBytes, chunk.length - at);
    payload.set(chunk.subarray(at, at + take), this.#payloadBytes);
    this.#payloadBytes += take;
    if (this.#payloadBytes < payload.length) return at + take;
    this.#payload = undefined;
    this.#headerBytes = 0;
    this.#emit(this.#header, 0, { bytes: payload, start: 0, end: payload.length });
    return at + take;
  }

  /** Hands on what `chunk` has of a DATA frame; only its last piece may end the stream. */
  #pass(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#passing, chunk.length - at);
    if (take === 0) return at;
    this.#passing -= take;
    const piece = { bytes: chunk, start: at, end: at + take };
    if (this.#passing === 0) {
      this.#headerBytes = 0;
      this.#emit(this.#header, 0, piece);
    } else {
      const header = this.#header.slice();
      header[5] = (header[5] as number) & ~FLAG_END;
      this.#frame.rest = this.#passing;
      this.#emit(header, 0, piece);
      this.#frame.rest = 0;
    }
    return at + take;
  }

  #emit(
    header: Uint8Array,
    at: number,
    payload: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
  ): void {
    const frame = this.#frame;
    frame.type = header[at + 4] as number;
    frame.flags = header[at + 5] as number;
    frame.channel = (header[at + 6] as number) | ((header[at + 7] as number) << 8);
    frame.stream = readU32(header, at + 8);
    frame.bytes = payload.bytes;
    frame.start = payload.start;
    frame.end = payload.end;
    this.#onFrame(frame);
  }
}

function oversize(bytes: number): DecodeFault {
  return { why: `a frame of ${bytes} bytes, the limit is ${LINK_LIMITS.frameBytesMax}` };
}
