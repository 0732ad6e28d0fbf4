/**
 * One stream of a link: a head and a body each way, half-closed separately. Credit bounds what is
 * under way: a sender may not pass what the receiver granted, and a receiver grants as its consumer
 * takes the bytes away.
 */
import { assert, type PlatformError } from "@skerry/base";
import { FLAG_END, FrameType, LINK_LIMITS } from "./frames.ts";
import type { FrameWriter } from "./writer.ts";

/**
 * Receives what the peer says on one stream. No call comes after `onFailed` or after both sides
 * have ended.
 */
export interface StreamHandler {
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
    this.#ungranted += bytes;
    if (this.#ungranted < LINK_LIMITS.creditBytes / 4) return;
    this.#receiveCredit += this.#ungranted;
    this.#owner.writer.frame({
      type: FrameType.CREDIT,
      flags: 0,
      stream: this.id,
      words: [this.#ungranted],
    });
    this.#ungranted = 0;
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

  /** Body bytes from the peer. False when the peer broke the rules of the stream. */
  receive(body: Uint8Array, end: boolean, replyHead: string | undefined): boolean {
    if (this.#remoteEnded) return false;
    this.#receiveCredit -= body.length;
    if (this.#receiveCredit < 0) return false;
    if (replyHead !== undefined) {
      if (this.#replied) return false;
      this.#replied = true;
    }
    this.#remoteEnded = end;
    const { handler } = this;
    if (end && this.#localEnded) this.#close();
    if (replyHead === undefined) handler.onBody(body, end);
    else handler.onReply(replyHead, body, end);
    return true;
  }

  /** The first body bytes came with OPEN; the acceptor has been given them already. */
  receivedWithOpen(bytes: number, end: boolean): void {
    this.#receiveCredit -= bytes;
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
    const first = Math.min(whole.length, LINK_LIMITS.chunkBytes);
    const last = end && first === whole.length;
    this.#sendCredit -= first;
    this.#owner.writer.frame({
      type: frame.type,
      flags: last ? FLAG_END : 0,
      stream: this.id,
      words: frame.words,
      text: frame.head,
      lengthBeforeText: true,
      body: first === whole.length ? whole : whole.subarray(0, first),
    });
    if (last) {
      this.#ending = true;
      this.#endLocal();
      return true;
    }
    if (first < whole.length) this.#pending.push(whole.subarray(first));
    if (end) this.#ending = true;
    return this.pump();
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
