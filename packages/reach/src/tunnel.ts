/**
 * A TCP connection to the network at one end, a stream of an instance at the other. Each direction
 * is half-closed by itself and takes no more than the other end takes away: at most the stream's
 * credit is under way in either, whatever the two do.
 */
import type { Socket } from "node:net";
import type { PlatformError } from "@skerry/base";
import { PieceGauge } from "@skerry/http/piece-gauge";
import type { LinkStream, StreamHandler } from "@skerry/link";

export interface TunnelEnd {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Undefined when both sides ended by themselves. */
  readonly why: string | undefined;
}

/** A peer that went without a word is noticed some time after this. */
const KEEP_ALIVE_MS = 60_000;

export class Tunnel implements StreamHandler {
  readonly passesOn = true;
  readonly #stream: LinkStream;
  readonly #onEnd: (end: TunnelEnd) => void;
  #socket: Socket | undefined;
  #gauge: PieceGauge | undefined;
  #early: Uint8Array[] = [];
  /** Of the instance, given to the socket and not granted again yet. */
  #waitingBytes = 0;
  #hasRemoteEnded = false;
  #bytesIn = 0;
  #bytesOut = 0;
  #isOver = false;
  #why: string | undefined;
  #hasLeft = false;

  /** `onEnd` is called once, when nothing of it is left, nor of what the instance is to take. */
  constructor(stream: LinkStream, onEnd: (end: TunnelEnd) => void) {
    this.#stream = stream;
    this.#onEnd = onEnd;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Joins the stream, which was answered, to a socket that is connected. */
  join(socket: Socket): void {
    this.#socket = socket;
    this.#gauge = new PieceGauge(socket, () => {
      if (!socket.writableNeedDrain) this.#grantWaiting();
    });
    socket.on("data", (chunk: Uint8Array) => this.#send(chunk));
    socket.on("end", () => this.#stream.end());
    socket.on("drain", () => this.#grantWaiting());
    socket.on("error", (error) => this.fail(error.message));
    socket.on("close", () => this.#closed());
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    for (const chunk of this.#early.splice(0)) this.#take(socket, chunk);
    if (this.#hasRemoteEnded) socket.end();
  }

  onReply(): void {
    // Only the side that opened a stream gets replies.
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    this.#bytesOut += chunk.length;
    this.#hasRemoteEnded = end;
    if (this.#socket === undefined) {
      if (chunk.length > 0) this.#early.push(chunk);
      return;
    }
    this.#take(this.#socket, chunk);
    if (end) this.#socket.end();
  }

  onWritable(): void {
    this.#socket?.resume();
  }

  onClosed(): void {
    if (this.#isOver) this.#leave();
  }

  /** The instance gave it up, or is gone. */
  onFailed(error: PlatformError): void {
    this.#finish(error.message);
  }

  /** Ends both sides, the instance's with a reason. */
  fail(why: string): void {
    this.#stream.cancel(why);
    this.#finish(why);
  }

  #take(socket: Socket, chunk: Uint8Array): void {
    if (chunk.length === 0 || socket.destroyed) return;
    this.#waitingBytes += chunk.length;
    if (this.#gauge?.write(chunk) === true) this.#grantWaiting();
  }

  #grantWaiting(): void {
    this.#stream.grant(this.#waitingBytes);
    this.#waitingBytes = 0;
  }

  #send(chunk: Uint8Array): void {
    this.#bytesIn += chunk.length;
    if (!this.#stream.write(chunk)) this.#socket?.pause();
  }

  #closed(): void {
    // What the instance has not taken yet still reaches it; a clean close ended the stream before.
    if (!this.#hasRemoteEnded) this.#stream.cancel("the other side closed the connection");
    this.#finish(undefined);
  }

  #finish(why: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#early = [];
    this.#why = why;
    this.#socket?.destroy();
    if (this.#stream.closed) this.#leave();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#onEnd({ bytesIn: this.#bytesIn, bytesOut: this.#bytesOut, why: this.#why });
  }
}
