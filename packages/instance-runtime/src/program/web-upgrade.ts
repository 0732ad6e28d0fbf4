/**
 * Asks a web server on the sandbox's loopback to leave HTTP and joins its connection to the stream
 * of the request: raw bytes both ways, each direction ended by itself, neither read faster than the
 * other end takes. The connection is the request's own and is never used again.
 */
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Call, RawSide } from "../call.ts";
import { flatHeaders } from "@skerry/event-shapes";
import { connectPatiently } from "./patient-socket.ts";

export interface UpgradeWish {
  readonly port: number;
  /** Flat, with those of the connection. */
  readonly headers: readonly string[];
  readonly protocol: string;
}

/** The server's answer when it did not agree. Rejects when there is none, or a wrong one. */
export async function askUpgrade(
  call: Call,
  { port, headers, protocol }: UpgradeWish,
): Promise<IncomingMessage | "switched"> {
  const { u: path } = call.head;
  const host = "127.0.0.1";
  const outgoing = request({
    ...{ host, port, path, method: "GET", headers },
    // A server may end its side and go on reading.
    createConnection: () => connectPatiently(port, { allowHalfOpen: true }),
  });
  call.whenGone(() => outgoing.destroy());
  const answered = answerOf(outgoing);
  outgoing.end();
  const { response, socket, head } = await answered;
  if (socket === undefined) return response;
  const named = response.headers.upgrade;
  if (named?.toLowerCase() !== protocol) {
    socket.destroy();
    throw new TypeError(`it switched to ${named ?? "nothing"}, and ${protocol} was asked for`);
  }
  const splice = new Splice(call, socket);
  if (call.switchTo([...flatHeaders(response.rawHeaders), "upgrade", protocol], splice)) {
    splice.start(head);
  } else {
    socket.destroy();
  }
  return "switched";
}

interface Answered {
  readonly response: IncomingMessage;
  /** Undefined when the server did not agree. */
  readonly socket?: Socket;
  readonly head: Uint8Array;
}

const EMPTY = new Uint8Array(0);

function answerOf(outgoing: ClientRequest): Promise<Answered> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", (response) => {
      breakTogether(outgoing, response);
      resolve({ response, head: EMPTY });
    });
    outgoing.once("upgrade", (response, socket, head) => resolve({ response, socket, head }));
    outgoing.on("error", reject);
    outgoing.once("close", () => reject(new TypeError("the connection was closed")));
  });
}

/** Node takes a reset for the end of a body whose length nobody announced. */
export function breakTogether(outgoing: ClientRequest, response: IncomingMessage): void {
  outgoing.on("error", (error) => {
    if (!response.complete) response.destroy(error);
  });
}

class Splice implements RawSide {
  readonly #call: Call;
  readonly #socket: Socket;
  /** Given to the server and not granted again yet. */
  #waitingBytes = 0;
  #hasCallerEnded = false;
  #hasServerEnded = false;

  constructor(call: Call, socket: Socket) {
    this.#call = call;
    this.#socket = socket;
  }

  start(head: Uint8Array): void {
    const { stream } = this.#call;
    const socket = this.#socket;
    socket.on("data", this.#onData).on("drain", () => this.#grantWaiting());
    socket.on("end", () => {
      this.#hasServerEnded = true;
      stream.end();
    });
    // The close that follows ends the stream.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (!this.#hasCallerEnded || !this.#hasServerEnded) {
        stream.cancel("the web server closed the connection");
      }
    });
    socket.resume();
    if (head.length > 0) this.#onData(head);
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (chunk.length > 0 && !this.#socket.destroyed) {
      this.#waitingBytes += chunk.length;
      if (this.#socket.write(chunk)) this.#grantWaiting();
    }
    if (!end) return;
    this.#hasCallerEnded = true;
    this.#socket.end();
  }

  onWritable(): void {
    this.#socket.resume();
  }

  onFailed(): void {
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (!this.#call.stream.write(chunk)) this.#socket.pause();
  };

  #grantWaiting(): void {
    this.#call.stream.grant(this.#waitingBytes);
    this.#waitingBytes = 0;
  }
}
