/**
 * Gathers the frames of one turn into as few pipe writes as possible. Small frames are copied into
 * a slab that is handed to the pipe whole; larger bodies are handed over without a copy, together
 * with what stands before them.
 */
import { HEADER_BYTES, writeU32 } from "./frames.ts";
import type { BytePipe, ScheduleFlush, TextPort } from "./ports.ts";

const SLAB_BYTES = 64 << 10;
const COPY_BYTES_MAX = 16 << 10;

export interface FrameFields {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Leading u32 values of the payload. */
  readonly words?: readonly number[] | undefined;
  /** UTF-8 text after the words, itself preceded by its length as u32 when `lengthBeforeText`. */
  readonly text?: string;
  readonly lengthBeforeText?: boolean;
  readonly body?: Uint8Array | undefined;
}

export class FrameWriter {
  readonly #pipe: BytePipe;
  readonly #text: TextPort;
  readonly #schedule: ScheduleFlush;
  readonly #flushTurn = (): void => this.flush();
  #slab = new Uint8Array(SLAB_BYTES);
  #start = 0;
  #at = 0;
  #scheduled = false;
  /**
   * The pipe asked to wait; bodies do, heads and control frames are small and bounded by the
   * streams.
   */
  congested = false;

  constructor(pipe: BytePipe, text: TextPort, schedule: ScheduleFlush) {
    this.#pipe = pipe;
    this.#text = text;
    this.#schedule = schedule;
  }

  /**
   * Appends one frame; it leaves at the end of this turn. Returns the size of its head text in
   * bytes.
   */
  frame(fields: FrameFields): number {
    const { words, text, body } = fields;
    const wordBytes = words === undefined ? 0 : words.length * 4;
    const textRoom = text === undefined ? 0 : text.length * 3 + 4;
    const inline = body !== undefined && body.length < COPY_BYTES_MAX;
    this.#reserve(HEADER_BYTES + wordBytes + textRoom + (inline ? body.length : 0));
    const slab = this.#slab;
    const header = this.#at;
    let at = header + HEADER_BYTES;
    if (words !== undefined) {
      for (const word of words) {
        writeU32(slab, at, word);
        at += 4;
      }
    }
    let textBytes = 0;
    if (text !== undefined) {
      const lengthAt = at;
      if (fields.lengthBeforeText === true) at += 4;
      textBytes = this.#text.write(slab, text, at);
      if (fields.lengthBeforeText === true) writeU32(slab, lengthAt, textBytes);
      at += textBytes;
    }
    if (inline) {
      slab.set(body, at);
      at += body.length;
    }
    const detached = body !== undefined && !inline ? body.length : 0;
    writeU32(slab, header, at - header - HEADER_BYTES + detached);
    slab[header + 4] = fields.type;
    slab[header + 5] = fields.flags;
    slab[header + 6] = 0;
    slab[header + 7] = 0;
    writeU32(slab, header + 8, fields.stream);
    this.#at = at;
    if (detached > 0 && body !== undefined) {
      this.#pipe.cork?.();
      this.#emitSlab();
      this.#write(body);
      this.#pipe.uncork?.();
    }
    this.#scheduleOnce();
    return textBytes;
  }

  /** Sends what the turn has gathered, now. */
  flush(): void {
    this.#scheduled = false;
    this.#emitSlab();
  }

  #scheduleOnce(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#flushTurn);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return;
    this.#emitSlab();
    this.#slab = new Uint8Array(Math.max(SLAB_BYTES, bytes));
    this.#start = 0;
    this.#at = 0;
  }

  #emitSlab(): void {
    if (this.#at === this.#start) return;
    const bytes = this.#slab.subarray(this.#start, this.#at);
    this.#start = this.#at;
    this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    if (!this.#pipe.write(bytes)) this.congested = true;
  }
}
