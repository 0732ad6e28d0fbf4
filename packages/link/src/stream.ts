/**
 * One stream of a link: a head and a body each way, half-closed separately. Credit bounds what is
 * under way: a sender may not pass what the receiver granted, and a receiver grants as its consumer
 * takes the bytes away.
 */
import { assert, type PlatformError } from "@skerry/base";
import { FLAG_END, FrameType, LINK_LIMITS } from "./frames.ts";
import { HeldPieces, JOINED_BYTES_MAX } from "./held-pieces.ts";
import type { FrameWriter } from "./writer.ts";

/**
 * Receives what the peer says on one stream. No call comes after `onFailed` or after both sides
 * have ended.
 */
export interface StreamHandler {
  /**
   * It passes bodies on to somebody who may be slow, and grants each byte once that one has taken
   * it. While granted bytes are missing it is handed no small pieces, which are joined for it, so
   * that what waits is bounded in pieces as it is in bytes.
   */
  readonly passesOn?: boolean;
  /** The answer's head and the first part of its body. Only on the side that opened the stream. */
  onReply(head: string, body: Uint8Array, end: boolean): void;
  onBody(chunk: Uint8Array, end: boolean): void;
  /** After `write` returned false: the stream takes bytes again. */
  onWritable(): void;
  /** The peer cancelled or the link closed. */
  onFailed(error: PlatformError): void;
  /** Nothing of the stream is left here: both sides ended and all was sent, or it was cancelled. */
  onClosed?(): void;
}

/**
 * Takes no notice of anything, for a stream on which nothing more is expected. Bodies that come
 * are not granted, so a peer cannot send more than its first credit.
 */
export const IGNORING_STREAM: StreamHandler = {
  onReply: () => undefined,
  onBody: () => undefined,
  onWritable: () => undefined,
  onFailed: () => undefined,
};

/** What the opener of a stream sends at once. */
export interface OpenRequest {
  /** How long the answer is waited for; none when absent. */
  readonly remainingMs?: number;
  readonly body?: Uint8Array;
  /** Nothing follows. */
  readonly end: boolean;
}

/** What the stream tells its link. */
export interface StreamOwner {
  readonly writer: FrameWriter;
  /**
   * The pipe takes no more: it sends again in its turn. Told again before that, it keeps its place.
   */
  streamWaits(stream: LinkStream): void;
  streamClosed(stream: LinkStream): void;
}

const EMPTY = new Uint8Array(0);

export class LinkStream {
  readonly id: number;
  handler: StreamHandler;
  readonly #owner: StreamOwner;
  #sendCredit: number = LINK_LIMITS.creditBytes;
  #receiveCredit: number = LINK_LIMITS.creditBytes;
  #ungranted = 0;
  /** Handed to the handler and not granted. */
  #untaken = 0;
  #held: HeldPieces | undefined;
  #pending: Uint8Array[] = [];
  #wantsWritable = false;
  #ending = false;
  #localEnded = false;
  #remoteEnded = false;
  #closed = false;
  #replied = false;

  constructor(id: number, owner: StreamOwner, handler: StreamHandler) {
    this.id = id;
    this.#owner = owner;
    this.handler = handler;
  }

  /** True after both sides ended, a cancel, or the end of the link. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Sends OPEN. Only the link calls this, once. */
  sendOpen(head: string, request: OpenRequest): void {
    const { remainingMs = 0, body, end } = request;
    const words = [Math.max(0, Math.ceil(remainingMs))];
    this.#sendHead({ type: FrameType.OPEN, words, head }, body, end);
  }

  /** Answers a stream that the peer opened. At most once; does nothing after the stream closed. */
  reply(head: string, body?: Uint8Array, end = false): boolean {
    if (this.#closed) return false;
    assert(!this.#replied, "a stream is answered once");
    this.#replied = true;
    return this.#sendHead({ type: FrameType.REPLY, head }, body, end);
  }

  /** Sends part of the body. False: keep the next part until `onWritable`. */
  write(chunk: Uint8Array): boolean {
    if (this.#closed || this.#ending) return false;
    this.#pending.push(chunk);
    return this.pump();
  }

  /** Ends this side's body after what was written. */
  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.pump();
  }

  /**
   * Gives the stream up on both sides; the peer's handler gets `onFailed`. Ours gets no further
   * call.
   */
  cancel(why: string): void {
    if (this.#closed) return;
    this.#owner.writer.frame({ type: FrameType.CANCEL, flags: 0, stream: this.id, text: why });
    this.#close();
  }

  /** The consumer took `bytes` of received body away: lets the peer send as many more. */
  grant(bytes: number): void {
    if (this.#closed || this.#remoteEnded) return;
    this.#untaken -= bytes;
    this.#ungranted += bytes;
    if (this.#ungranted >= LINK_LIMITS.creditBytes / 4) {
      this.#receiveCredit += this.#ungranted;
      this.#owner.writer.frame({
        type: FrameType.CREDIT,
        flags: 0,
        stream: this.id,
        words: [this.#ungranted],
      });
      this.#ungranted = 0;
    }
    if (this.#held !== undefined && this.#untaken <= 0) this.#handHeld();
  }

  /** Sends what credit and pipe allow; true when nothing waits. */
  pump(): boolean {
    const { writer } = this.#owner;
    while (this.#pending.length > 0 && this.#sendCredit > 0 && !writer.congested) {
      const chunk = this.#pending[0] as Uint8Array;
      const take = Math.min(chunk.length, this.#sendCredit, LINK_LIMITS.chunkBytes);
      if (take === chunk.length) this.#pending.shift();
      else this.#pending[0] = chunk.subarray(take);
      this.#sendCredit -= take;
      const end = this.#ending && this.#pending.length === 0;
      writer.frame({
        type: FrameType.DATA,
        flags: end ? FLAG_END : 0,
        stream: this.id,
        body: take === chunk.length ? chunk : chunk.subarray(0, take),
      });
      if (end) this.#endLocal();
    }
    if (this.#pending.length > 0) {
      this.#wantsWritable = true;
      if (writer.congested) this.#owner.streamWaits(this);
      return false;
    }
    if (this.#ending && !this.#localEnded) {
      writer.frame({ type: FrameType.DATA, flags: FLAG_END, stream: this.id });
      this.#endLocal();
    }
    return true;
  }

  /** Credit from the peer, or a pipe that drained. */
  resumeSending(credit: number): boolean {
    this.#sendCredit += credit;
    if (this.#sendCredit > 2 ** 40) return false;
    const waited = this.#wantsWritable;
    if (waited && this.pump()) {
      this.#wantsWritable = false;
      if (!this.#closed && !this.#ending) this.handler.onWritable();
    }
    return true;
  }

  /** The peer may send so many bytes of body now. */
  allows(bytes: number): boolean {
    return bytes <= this.#receiveCredit;
  }

  /** Body bytes from the peer. False when the peer broke the rules of the stream. */
  receive(body: Uint8Array, end: boolean, replyHead: string | undefined): boolean {
    if (this.#remoteEnded) return false;
    // It says nothing and costs no credit: there may be any number of them.
    if (body.length === 0 && !end && replyHead === undefined) return true;
    this.#receiveCredit -= body.length;
    if (this.#receiveCredit < 0) return false;
    if (replyHead !== undefined) {
      if (this.#replied) return false;
      this.#replied = true;
    }
    const { handler } = this;
    if (this.#untaken > 0 && handler.passesOn === true) {
      if (!end && replyHead === undefined && this.#holds(body)) return true;
      this.#handHeld();
      if (this.#closed) return true;
    }
    this.#untaken += body.length;
    this.#remoteEnded = end;
    if (end && this.#localEnded) this.#close();
    if (replyHead === undefined) handler.onBody(body, end);
    else handler.onReply(replyHead, body, end);
    return true;
  }

  /** The first body bytes came with OPEN; the acceptor has been given them already. */
  receivedWithOpen(bytes: number, end: boolean): void {
    this.#receiveCredit -= bytes;
    this.#untaken += bytes;
    this.#remoteEnded = end;
  }

  /** Ends the stream from the link's side. */
  failWith(error: PlatformError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = [];
    this.#owner.streamClosed(this);
    this.handler.onFailed(error);
  }

  #sendHead(
    frame: { readonly type: FrameType; readonly words?: readonly number[]; readonly head: string },
    body: Uint8Array | undefined,
    end: boolean,
  ): boolean {
    const whole = body ?? EMPTY;
    const first = whole.length <= LINK_LIMITS.bodyWithHeadBytesMax ? whole.length : 0;
    const last = end && first === whole.length;
    this.#sendCredit -= first;
    this.#owner.writer.frame({
      type: frame.type,
      flags: last ? FLAG_END : 0,
      stream: this.id,
      words: frame.words,
      text: frame.head,
      lengthBeforeText: true,
      body: first === 0 ? undefined : whole,
    });
    if (last) {
      this.#ending = true;
      this.#endLocal();
      return true;
    }
    if (first < whole.length) this.#pending.push(whole);
    if (end) this.#ending = true;
    return this.pump();
  }

  /** Keeps a small piece back from a handler that is behind. */
  #holds(body: Uint8Array): boolean {
    if (body.length >= JOINED_BYTES_MAX) return false;
    this.#held ??= new HeldPieces();
    if (this.#held.add(body)) return true;
    this.#handHeld();
    return this.#closed || this.#held.add(body);
  }

  #handHeld(): void {
    if (this.#held === undefined || this.#held.bytes === 0) return;
    const joined = this.#held.take();
    this.#untaken += joined.length;
    this.handler.onBody(joined, false);
  }

  #endLocal(): void {
    this.#localEnded = true;
    if (this.#remoteEnded) this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = [];
    this.#owner.streamClosed(this);
    this.handler.onClosed?.();
  }
}
