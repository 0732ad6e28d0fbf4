/**
 * Which nonces other gateways of the platform have used, and those that were here before: one file
 * for each span of tickets' times, to which all append and which all read. What counts is the order
 * in the file, and the kernel makes that one order: whoever finds no other's record in front of its
 * own was first. Nobody waits for anybody, nor for control.
 *
 * A span goes by the time that the ticket signs, so that all look into the same file whatever their
 * clocks say. Nothing is synced: what a power cut takes is a minute old when the machine is back.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Log } from "@skerry/base";
import { TICKET_LIMITS } from "@skerry/contracts";

/** Divides a page: no reader sees a part of one. */
const RECORD_BYTES = 32;
const WRITER_BYTES = 8;
const READ_BYTES = RECORD_BYTES * 2_048;
const SPAN_S = (2 * TICKET_LIMITS.skewMs) / 1_000;
const SUFFIX = ".used";

/** A nonce, whose it is, and when its request says that it was made. */
export interface SignedNonce {
  readonly key: string;
  readonly nonce: string;
  readonly timeS: number;
}

interface Span {
  readonly fd: number;
  readBytes: number;
  /** What others have used. */
  readonly others: Set<string>;
}

export class NonceJournal {
  readonly #directory: string;
  readonly #writer: string;
  readonly #log: Log;
  readonly #spans = new Map<number, Span>();
  readonly #buffer = Buffer.alloc(READ_BYTES);
  #hasWarned = false;

  /** `writer` names this process and no other one; the directory is made when it is needed. */
  constructor(
    log: Log,
    { directory, writer }: { readonly directory: string; readonly writer: string },
  ) {
    this.#log = log;
    this.#directory = directory;
    this.#writer = bytesOf(writer, WRITER_BYTES).toString("latin1");
  }

  /**
   * Whether nobody else has used it before; it is used then. What cannot be written or read holds
   * nobody up: it says yes, and the log says so once.
   */
  claim({ key, nonce, timeS }: SignedNonce): boolean {
    try {
      const span = this.#spanOf(Math.floor(timeS / SPAN_S));
      const name = bytesOf(`${key} ${nonce}`, RECORD_BYTES - WRITER_BYTES).toString("latin1");
      if (span.others.has(name)) return false;
      const record = Buffer.from(name + this.#writer, "latin1");
      if (writeSync(span.fd, record) !== RECORD_BYTES) throw new RangeError("a short write");
      return this.#read(span, name);
    } catch (error) {
      if (!this.#hasWarned) this.#log.warn("what gateways have taken cannot be shared", { error });
      this.#hasWarned = true;
      return true;
    }
  }

  close(): void {
    for (const { fd } of this.#spans.values()) closeSync(fd);
    this.#spans.clear();
  }

  #spanOf(number: number): Span {
    const known = this.#spans.get(number);
    if (known !== undefined) return known;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const fd = openSync(join(this.#directory, `${number}${SUFFIX}`), "a+", 0o600);
    const span = { fd, readBytes: 0, others: new Set<string>() };
    this.#spans.set(number, span);
    this.#forget(number - 1);
    return span;
  }

  /** No ticket of a span before the last one still counts. */
  #forget(before: number): void {
    for (const [number, { fd }] of this.#spans) {
      if (number >= before) continue;
      closeSync(fd);
      this.#spans.delete(number);
    }
    for (const file of readdirSync(this.#directory)) {
      const isOver = file.endsWith(SUFFIX) && Number(file.slice(0, -SUFFIX.length)) < before;
      if (isOver) this.#remove(join(this.#directory, file));
    }
  }

  /** Others may have removed it. */
  #remove(path: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      this.#log.debug("a span of used nonces is gone already", { path, error });
    }
  }

  /** Reads on to the end. False when another one's record of this name stands before the own. */
  #read(span: Span, name: string): boolean {
    let isFirst = true;
    for (;;) {
      const got = readSync(span.fd, this.#buffer, 0, READ_BYTES, span.readBytes);
      const whole = got - (got % RECORD_BYTES);
      if (whole === 0) return isFirst;
      for (let at = 0; at < whole; at += RECORD_BYTES) {
        const end = at + RECORD_BYTES;
        const used = this.#buffer.toString("latin1", at, end - WRITER_BYTES);
        const isOwn = this.#buffer.toString("latin1", end - WRITER_BYTES, end) === this.#writer;
        if (!isOwn) span.others.add(used);
        else if (used === name) isFirst = !span.others.has(name);
      }
      span.readBytes += whole;
    }
  }
}

function bytesOf(text: string, count: number): Buffer {
  return createHash("sha256").update(text).digest().subarray(0, count);
}
