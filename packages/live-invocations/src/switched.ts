/**
 * A client's connection after a 101, joined to the stream of its request: raw bytes both ways, each
 * direction half-closed by itself and taking no more than the other end takes away. Only a
 * WebSocket can be told why it ends; any other protocol sees a reset.
 */
import type { Socket } from "node:net";
import type { Cancel, Clock } from "@skerry/base";
import { closeFrame, FrameBoundary, PieceGauge, type SwitchedSocket } from "@skerry/http";
import type { LinkStream } from "@skerry/link";

/** Why the gateway ends a connection; `code` is WebSocket's. */
export interface Closing {
  readonly code: 1001 | 1012;
  readonly why: string;
}

export interface SwitchedOwner {
  /** The client's bytes moved. */
  moved(): void;
  /** Both sides have ended. */
  ended(): void;
}

export interface SwitchedInit extends SwitchedSocket {
  readonly clock: Clock;
  readonly protocol: string;
  readonly stream: LinkStream;
  readonly owner: SwitchedOwner;
}

/** A client that was told of the end has so long to end its side. */
const CLOSE_WAIT_MS = 2_000;
/** A client that went without a word is noticed some time after this. */
const KEEP_ALIVE_MS = 60_000;

export class SwitchedConnection {
  readonly #socket: Socket;
  readonly #init: SwitchedInit;
  readonly #frames: FrameBoundary | undefined;
  readonly #gauge: PieceGauge;
  #bytesIn = 0;
  /** Of the instance, given to the socket and not granted again yet. */
  #waitingBytes = 0;
  #hasClientEnded = false;
  #hasServerEnded = false;
  #isOver = false;
  #cancelWait: Cancel = () => undefined;

  constructor(init: SwitchedInit) {
    const { socket } = init;
    this.#init = init;
    this.#socket = socket;
    this.#gauge = new PieceGauge(socket, () => {
      if (!socket.writableNeedDrain) this.#onDrain();
    });
    this.#frames = init.protocol === "websocket" ? new FrameBoundary() : undefined;
    socket.on("data", this.#onData).on("end", this.#onEnd).on("drain", this.#onDrain);
    socket.once("close", () => this.#cancelWait());
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.resume();
    for (const chunk of init.early) this.#onData(chunk);
  }

  /** From the client. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** The instance sends no more. */
  get hasServerEnded(): boolean {
    return this.#hasServerEnded;
  }

  /** What the instance sent. */
  take(chunk: Uint8Array, end: boolean): void {
    if (this.#isOver) return;
    if (chunk.length > 0) {
      this.#frames?.see(chunk);
      this.#waitingBytes += chunk.length;
      if (this.#gauge.write(chunk)) this.#onDrain();
    }
    if (!end) return;
    this.#hasServerEnded = true;
    // The record of the end comes first, where this is the end.
    if (this.#hasClientEnded) this.#init.owner.ended();
    else this.#socket.end();
  }

  /** The instance takes more. */
  resume(): void {
    if (!this.#isOver) this.#socket.resume();
  }

  /** Both sides have ended, or nobody waits for the client's end. */
  finish(): void {
    this.#leave();
    this.#socket.end();
  }

  /**
   * Ends it from here. False when the client cannot be told why, and its connection is to be reset.
   */
  close({ code, why }: Closing): boolean {
    this.#leave();
    const frames = this.#frames;
    if (frames === undefined || !frames.isOpen || this.#socket.writableEnded) return false;
    if (!frames.hasClosed) this.#socket.write(closeFrame(code, why));
    this.#socket.end();
    return true;
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const socket = this.#socket;
    socket.off("data", this.#onData).off("end", this.#onEnd).off("drain", this.#onDrain);
    if (socket.destroyed) return;
    // What still comes is dropped until the client ends.
    socket.on("data", () => undefined).resume();
    const drop = (): void => void socket.destroy();
    this.#cancelWait = this.#init.clock.schedule(CLOSE_WAIT_MS, drop, { background: true });
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#bytesIn += chunk.length;
    this.#init.owner.moved();
    if (!this.#init.stream.write(chunk)) this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#hasClientEnded = true;
    this.#init.stream.end();
    if (this.#hasServerEnded) this.#init.owner.ended();
  };

  readonly #onDrain = (): void => {
    this.#init.stream.grant(this.#waitingBytes);
    this.#waitingBytes = 0;
  };
}
