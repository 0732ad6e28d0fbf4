/**
 * A request that asks to leave HTTP (RFC 9110, section 7.8). Only what cannot be misread is taken
 * for one: GET, HTTP/1.1, no body, one protocol by a bare name, nothing before it on the connection
 * that waits for its answer. Protocols that carry further requests (`h2c`) are never switched to:
 * those requests would pass every guard unseen. All else is answered as if it had not asked, and
 * its connection is closed.
 *
 * Until the switch the client's bytes are kept, a little, and never read as HTTP; with any other
 * answer they are thrown away with the connection.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

import { assert } from "@skerry/base";

import { nodeHttp } from "./node-http.ts";
import { refuseInvalid } from "./respond.ts";
import type { ParsedTarget } from "./target.ts";

/** A connection that has left HTTP. Nobody reads it yet. */
export interface SwitchedSocket {
  readonly socket: Socket;
  /** What the client sent before it had the answer. */
  readonly early: readonly Uint8Array[];
}

/** Kept of what a client sends before it has the answer; then it is read no further. */
const EARLY_BYTES_MAX = 64 << 10;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
const CARRIES_REQUESTS: ReadonlySet<string> = new Set(["h2c", "h2", "http", "tls"]);
/** 16 bytes in base64. RFC 6455, section 4.2.1. */
const WEB_SOCKET_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** The protocol that a request may be switched to, in lower case; undefined when to none. */
export function upgradeAskedBy(req: IncomingMessage): string | undefined {
  const { headers, method, httpVersionMajor, httpVersionMinor } = req;
  const protocol = headers.upgrade?.toLowerCase() ?? "";
  if (!TOKEN.test(protocol) || CARRIES_REQUESTS.has(protocol)) return undefined;
  if (method !== "GET" || httpVersionMajor !== 1 || httpVersionMinor !== 1) return undefined;
  const { "content-length": length = "0", "transfer-encoding": coding } = headers;
  if (length !== "0" || coding !== undefined) return undefined;
  return protocol !== "websocket" || isWebSocket(req) ? protocol : undefined;
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  const key = headers["sec-websocket-key"] ?? "";
  return headers["sec-websocket-version"] === "13" && WEB_SOCKET_KEY.test(key);
}

/** The answer to a request whose connection Node has let go of. */
export function responseOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new nodeHttp.ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  // Node's server does both for connections that it still holds.
  socket.on("drain", () => res.emit("drain"));
  // The close that follows tells it.
  socket.on("error", () => undefined);
  res.on("finish", () => socket.destroySoon());
  return res;
}

/** A request that asked to leave HTTP and has no answer yet. */
export class Upgrade {
  readonly protocol: string;
  readonly target: ParsedTarget;
  readonly #res: ServerResponse;
  readonly #socket: Socket;
  readonly #early: Uint8Array[] = [];
  #earlyBytes = 0;

  constructor(
    res: ServerResponse,
    init: Pick<Upgrade, "protocol" | "target"> & { readonly head: Uint8Array },
  ) {
    const { socket } = res;
    assert(socket !== null, "an upgrade has its connection");
    this.protocol = init.protocol;
    this.target = init.target;
    this.#res = res;
    this.#socket = socket;
    socket.on("data", this.#onEarly).on("end", this.#onEnd);
    if (init.head.length > 0) this.#onEarly(init.head);
  }

  /**
   * Answers 101 with `headers` (flat, without those of the connection); from here on the connection
   * is the caller's, and `close` of the response tells its end. Throws `RESPONSE_HEADER_INVALID`
   * before anything is sent. Call once.
   */
  switchTo(headers: readonly string[]): SwitchedSocket {
    refuseInvalid(headers);
    const socket = this.#socket;
    socket.off("data", this.#onEarly).off("end", this.#onEnd).pause();
    const lines = ["HTTP/1.1 101 Switching Protocols"];
    lines.push("Connection: Upgrade", `Upgrade: ${this.protocol}`);
    for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    return { socket, early: this.#early };
  }

  readonly #onEarly = (chunk: Uint8Array): void => {
    this.#earlyBytes += chunk.length;
    this.#early.push(chunk);
    if (this.#earlyBytes >= EARLY_BYTES_MAX) this.#socket.pause();
  };

  /** A client that ended before it was answered has left, as with any other request. */
  readonly #onEnd = (): void => {
    if (!this.#res.headersSent) this.#res.destroy();
  };
}
