/**
 * A connection that code in the sandbox made to a loopback port of the runtime, joined to a stream
 * to the gateway, which has the real one. Each direction is half-closed by itself and takes no more
 * than the other end takes away.
 */
import type { Socket } from "node:net";
import { PlatformError } from "@skerry/base";
import { failReach, type ConnectHead, type TunnelReplyHead, type WebHead } from "@skerry/contracts";
import type { LinkStream, StreamHandler } from "@skerry/link";
import type { OpenStream } from "../outgoing-call.ts";
import type { GatewayLine } from "./gateway-line.ts";

export interface TunnelDeps {
  readonly line: GatewayLine;
  readonly openStream: OpenStream;
}

export interface TunnelWish {
  readonly head: ConnectHead | WebHead;
  /** What the code has sent already. */
  readonly first: Uint8Array | undefined;
  /** The connection is there; runs before anything of it is passed on. */
  readonly onOpen: () => void;
  /** There is none; the socket is still the caller's. */
  readonly onRefused: (error: PlatformError) => void;
}

/** Asks for the connection; the socket must be paused and is read only once there is one. */
export async function openTunnel(
  deps: TunnelDeps,
  socket: Socket,
  wish: TunnelWish,
): Promise<void> {
  if (!(await deps.line.ready())) {
    const why = "the network is there once the code is loaded and serves";
    wish.onRefused(failReach("TUNNEL_UNREACHABLE", { target: targetOf(wish.head), why }));
    return;
  }
  if (socket.destroyed) return;
  const tunnel = new LocalTunnel(socket, wish);
  try {
    tunnel.stream = deps.openStream(JSON.stringify(wish.head), { end: false }, tunnel);
  } catch (error) {
    wish.onRefused(PlatformError.from(error));
  }
}

function targetOf(head: ConnectHead | WebHead): string {
  return head.op === "web" ? head.a : head.n;
}

class LocalTunnel implements StreamHandler {
  readonly #socket: Socket;
  readonly #wish: TunnelWish;
  stream: LinkStream | undefined;
  #hasOpened = false;
  /** Of the other side, given to the socket and not granted again yet. */
  #waitingBytes = 0;

  constructor(socket: Socket, wish: TunnelWish) {
    this.#socket = socket;
    this.#wish = wish;
    socket.on("close", () => this.#closed());
  }

  onReply(text: string, body: Uint8Array, end: boolean): void {
    const reply = JSON.parse(text) as TunnelReplyHead;
    if ("e" in reply) {
      this.#socket.removeAllListeners("close");
      this.#wish.onRefused(PlatformError.fromWire(reply.e));
      return;
    }
    this.#hasOpened = true;
    this.#wish.onOpen();
    this.#join();
    this.onBody(body, end);
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (!this.#hasOpened) return;
    if (chunk.length > 0 && !this.#socket.destroyed) {
      this.#waitingBytes += chunk.length;
      if (this.#socket.write(chunk)) this.#grantWaiting();
    }
    if (end) this.#socket.end();
  }

  onWritable(): void {
    this.#socket.resume();
  }

  onFailed(error: PlatformError): void {
    if (this.#hasOpened) this.#socket.resetAndDestroy();
    else if (!this.#socket.destroyed) this.#wish.onRefused(error);
  }

  #join(): void {
    const socket = this.#socket;
    const { first } = this.#wish;
    socket.on("data", (chunk: Uint8Array) => this.#send(chunk));
    socket.on("end", () => this.stream?.end());
    socket.on("drain", () => this.#grantWaiting());
    if (first !== undefined && first.length > 0) this.#send(first);
    socket.resume();
  }

  #send(chunk: Uint8Array): void {
    if (this.stream?.write(chunk) === false) this.#socket.pause();
  }

  #grantWaiting(): void {
    this.stream?.grant(this.#waitingBytes);
    this.#waitingBytes = 0;
  }

  /** A socket that ended both ways has ended its stream; any other is given up. */
  #closed(): void {
    if (!this.#socket.readableEnded) this.stream?.cancel("the function closed the connection");
  }
}
