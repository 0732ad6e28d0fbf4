/**
 * Reads what a WebSocket's client sends, RFC 6455 section 5, as strictly as it is written: masked,
 * in the shortest spelling, no extension, control frames small and whole, text in UTF-8. Memory
 * follows what has arrived, at most doubled, and is bounded by the largest message; a fault is
 * thrown once and names the code to close with.
 */
import { isUtf8 } from "node:buffer";

/** What the frames of a connection mean. */
export interface FrameSink {
  message(bytes: Uint8Array<ArrayBuffer>, isText: boolean): void;
  ping(payload: Uint8Array): void;
  pong(): void;
  /** `code` is undefined when the peer gave none. Nothing is read after it. */
  close(code: number | undefined, reason: string): void;
}

/** Why a connection is failed; RFC 6455 section 7.4.1 has the codes. */
export interface FrameFault {
  readonly code: 1002 | 1007 | 1009;
  readonly why: string;
}

export const Opcode = {
  CONTINUATION: 0,
  TEXT: 1,
  BINARY: 2,
  CLOSE: 8,
  PING: 9,
  PONG: 10,
} as const;

const CONTROL_BYTES_MAX = 125;
const HEADER_BYTES_MAX = 14;
const EMPTY = new Uint8Array(0);

interface Frame {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly length: number;
  /** Offset of the mask in the header. */
  readonly maskAt: number;
}

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #messageBytesMax: number;
  readonly #header = new Uint8Array(HEADER_BYTES_MAX);
  #headerBytes = 0;
  #frame: Frame | undefined;
  /** Of the frame's payload. */
  #seen = 0;
  #control: Uint8Array = EMPTY;
  #message: Uint8Array<ArrayBuffer> = EMPTY;
  #messageBytes = 0;
  /** Opcode of the message that is under way. */
  #messageOpcode: number | undefined;
  #isOver = false;

  constructor(sink: FrameSink, messageBytesMax: number) {
    this.#sink = sink;
    this.#messageBytesMax = messageBytesMax;
  }

  /** Returns why the connection is to be failed; nothing is read after that, or after a Close. */
  push(chunk: Uint8Array): FrameFault | undefined {
    let at = 0;
    while (!this.#isOver && (at < chunk.length || this.#isFrameWhole())) {
      if (this.#frame === undefined) {
        this.#header[this.#headerBytes] = chunk[at] as number;
        this.#headerBytes += 1;
        at += 1;
        const fault = this.#readHeader();
        if (fault !== undefined) return this.#stop(fault);
      } else {
        at += this.#takePayload(this.#frame, chunk, at);
        if (!this.#isFrameWhole()) continue;
        const fault = this.#endFrame(this.#frame);
        if (fault !== undefined) return this.#stop(fault);
      }
    }
    return undefined;
  }

  #stop(fault: FrameFault): FrameFault {
    this.#isOver = true;
    this.#message = EMPTY;
    return fault;
  }

  #isFrameWhole(): boolean {
    return this.#frame !== undefined && this.#seen === this.#frame.length;
  }

  #readHeader(): FrameFault | undefined {
    const header = this.#header;
    if (this.#headerBytes === 1) return this.#firstByteFault(header[0] as number);
    const first = header[0] as number;
    const second = header[1] as number;
    if ((second & 0x80) === 0) return broken("a frame of a client is not masked");
    const short = second & 0x7f;
    const isControl = (first & 0x08) !== 0;
    if (isControl && short > CONTROL_BYTES_MAX) return broken("a control frame is too long");
    const maskAt = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (this.#headerBytes < maskAt + 4) return undefined;
    const length = lengthOf(header, short);
    if (length === undefined) return broken("a length is not in its shortest form");
    if (!isControl && length > this.#messageBytesMax - this.#messageBytes) {
      return { code: 1009, why: `a message is larger than ${this.#messageBytesMax} bytes` };
    }
    const opcode = first & 0x0f;
    this.#frame = { opcode, isLast: (first & 0x80) !== 0, length, maskAt };
    this.#seen = 0;
    if (isControl) this.#control = new Uint8Array(length);
    else if (opcode !== Opcode.CONTINUATION) this.#messageOpcode = opcode;
    return undefined;
  }

  #firstByteFault(first: number): FrameFault | undefined {
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0) return broken("a reserved bit is set");
    if (opcode > Opcode.PONG || (opcode > Opcode.BINARY && opcode < Opcode.CLOSE)) {
      return broken("an opcode is reserved");
    }
    if (opcode >= Opcode.CLOSE) {
      return (first & 0x80) === 0 ? broken("a control frame is in parts") : undefined;
    }
    const isUnderWay = this.#messageOpcode !== undefined;
    if (opcode === Opcode.CONTINUATION && !isUnderWay) return broken("nothing is to be continued");
    if (opcode !== Opcode.CONTINUATION && isUnderWay) return broken("a message is not at its end");
    return undefined;
  }

  /** Unmasks what there is of the payload; returns how much that was. */
  #takePayload(frame: Frame, chunk: Uint8Array, at: number): number {
    const bytes = Math.min(frame.length - this.#seen, chunk.length - at);
    const isControl = frame.opcode >= Opcode.CLOSE;
    const target = isControl ? this.#control : this.#roomFor(bytes);
    const start = isControl ? this.#seen : this.#messageBytes;
    const mask = this.#header.subarray(frame.maskAt, frame.maskAt + 4);
    unmask(chunk.subarray(at, at + bytes), { mask, phase: this.#seen }, target.subarray(start));
    this.#seen += bytes;
    if (!isControl) this.#messageBytes += bytes;
    return bytes;
  }

  #roomFor(bytes: number): Uint8Array {
    const needed = this.#messageBytes + bytes;
    if (needed <= this.#message.length) return this.#message;
    const grown = new Uint8Array(
      Math.min(this.#messageBytesMax, Math.max(needed, this.#message.length * 2)),
    );
    grown.set(this.#message.subarray(0, this.#messageBytes));
    this.#message = grown;
    return grown;
  }

  #endFrame(frame: Frame): FrameFault | undefined {
    this.#frame = undefined;
    this.#headerBytes = 0;
    if (frame.opcode === Opcode.PING) this.#sink.ping(this.#control);
    else if (frame.opcode === Opcode.PONG) this.#sink.pong();
    else if (frame.opcode === Opcode.CLOSE) return this.#endClose(this.#control);
    else if (frame.isLast) return this.#endMessage();
    return undefined;
  }

  #endMessage(): FrameFault | undefined {
    const isText = this.#messageOpcode === Opcode.TEXT;
    const whole = this.#message;
    const bytes = whole.length === this.#messageBytes ? whole : whole.slice(0, this.#messageBytes);
    this.#message = EMPTY;
    this.#messageBytes = 0;
    this.#messageOpcode = undefined;
    if (isText && !isUtf8(bytes)) return { code: 1007, why: "a text is not UTF-8" };
    this.#sink.message(bytes, isText);
    return undefined;
  }

  #endClose(payload: Uint8Array): FrameFault | undefined {
    this.#isOver = true;
    if (payload.length === 0) {
      this.#sink.close(undefined, "");
      return undefined;
    }
    if (payload.length === 1) return broken("a close code has one byte");
    const code = ((payload[0] as number) << 8) | (payload[1] as number);
    if (!isCloseCode(code)) return broken(`${code} is no close code`);
    const reason = payload.subarray(2);
    if (!isUtf8(reason)) return { code: 1007, why: "a close reason is not UTF-8" };
    this.#sink.close(code, Buffer.from(reason).toString());
    return undefined;
  }
}

/** What may stand in a Close frame. RFC 6455 section 7.4 and IANA's register. */
export function isCloseCode(code: number): boolean {
  if (code >= 3_000) return code <= 4_999;
  return (code >= 1_000 && code <= 1_003) || (code >= 1_007 && code <= 1_014);
}

/** A server's frame: whole and not masked. `payload` is copied. */
export function frameOf(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const extra = length < 126 ? 0 : length < 1 << 16 ? 2 : 8;
  const frame = new Uint8Array(2 + extra + length);
  frame[0] = 0x80 | opcode;
  frame[1] = extra === 0 ? length : extra === 2 ? 126 : 127;
  const view = new DataView(frame.buffer);
  if (extra === 2) view.setUint16(2, length);
  else if (extra === 8) view.setBigUint64(2, BigInt(length));
  frame.set(payload, 2 + extra);
  return frame;
}

/** `phase` is where in the frame's payload `from` begins. */
function unmask(
  from: Uint8Array,
  { mask, phase }: { readonly mask: Uint8Array; readonly phase: number },
  to: Uint8Array,
): void {
  for (let i = 0; i < from.length; i += 1) {
    to[i] = (from[i] as number) ^ (mask[(phase + i) & 3] as number);
  }
}

function broken(why: string): FrameFault {
  return { code: 1002, why };
}

/** Undefined when a shorter form would do. Lengths beyond what is exact are beyond any limit. */
function lengthOf(header: Uint8Array, short: number): number | undefined {
  if (short < 126) return short;
  const end = short === 126 ? 4 : 10;
  const length = header.subarray(2, end).reduce((sum, byte) => sum * 256 + byte, 0);
  return length < (short === 126 ? 126 : 1 << 16) ? undefined : length;
}
