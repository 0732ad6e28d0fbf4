/**
 * A stream that control opened, until its body is whole: then it is taken, and answered, or
 * cancelled with the reason why not.
 */
import type { LinkStream, OpenedStream, StreamHandler } from "@skerry/link";

export interface Gathering {
  readonly bytesMax: number;
  /** Given the whole body once. */
  readonly take: (body: Uint8Array) => Taken;
}

/** What became of a body: there may be more to say than that it was taken. */
export type Taken = { readonly refusal: string } | { readonly reply?: object };

export class GatheringStream implements StreamHandler {
  readonly #stream: LinkStream;
  readonly #gathering: Gathering;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** The first part came with the stream. */
  constructor({ stream, body, end }: OpenedStream, gathering: Gathering) {
    this.#stream = stream;
    this.#gathering = gathering;
    this.onBody(body, end);
  }

  onReply(): void {
    // Only the side that opened a stream gets replies.
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#gathering.bytesMax) return this.#refuse("a body that is too large");
    this.#parts.push(chunk);
    this.#stream.grant(chunk.length);
    if (!end) return;
    const body = Buffer.concat(this.#parts);
    this.#parts = [];
    const taken = this.#gathering.take(body);
    if ("refusal" in taken) return this.#refuse(taken.refusal);
    const { reply } = taken;
    const said = reply === undefined ? undefined : Buffer.from(JSON.stringify(reply));
    this.#stream.reply("{}", said, true);
  }

  onWritable(): void {
    // The reply is short, and the stream keeps what does not go at once.
  }

  onFailed(): void {
    this.#parts = [];
  }

  #refuse(why: string): void {
    this.#parts = [];
    // Not while the frame that opened it is being dealt with.
    queueMicrotask(() => this.#stream.cancel(why));
  }
}
