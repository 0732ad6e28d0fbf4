/**
 * The server's side of a WebSocket's handshake, RFC 6455 section 4.2, for fetch handlers. The
 * handler gets a socket that is not open yet and the answer that opens it; which of its answers
 * that is, only the object itself can say. No extension is agreed on.
 */
import { createHash } from "node:crypto";
import type { Call, UpgradeOffer, UpgradeOptions, UpgradedSocket } from "../call.ts";
import { fail } from "../errors.ts";
import { isConnectionHeader } from "@skerry/event-shapes";
import type { Surroundings } from "../ports.ts";
import { ServerSocket } from "./server-socket.ts";

/** RFC 6455 section 1.3. */
const HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export type OfferDeps = Pick<Surroundings, "clock" | "log" | "runAs">;

export class WebSocketOffer implements UpgradeOffer {
  readonly #call: Call;
  readonly #deps: OfferDeps;
  #upgraded: { readonly socket: ServerSocket; readonly response: Response } | undefined;

  constructor(call: Call, deps: OfferDeps) {
    this.#call = call;
    this.#deps = deps;
  }

  accept({ protocol = "" }: UpgradeOptions): UpgradedSocket {
    const { head } = this.#call;
    const key = headerOf(head.h, "sec-websocket-key");
    if (head.up?.p !== "websocket" || key === "") {
      throw fail("UPGRADE_NOT_ASKED", { asked: head.up?.p ?? "nothing" });
    }
    if (this.#upgraded !== undefined) throw fail("UPGRADE_TWICE");
    const offered = headerOf(head.h, "sec-websocket-protocol").split(",");
    if (protocol !== "" && !offered.some((one) => one.trim() === protocol)) {
      throw fail("UPGRADE_PROTOCOL_NOT_OFFERED", { protocol });
    }
    const socket = new ServerSocket({
      clock: this.#deps.clock,
      stream: this.#call.stream,
      url: `ws://${head.a}${head.u}`,
      protocol,
      run: (work) => this.#deps.runAs(this.#call, work),
      warn: (message) => this.#deps.log("warn", message, this.#call.id),
    });
    const response = responseOf(acceptOf(key), protocol);
    this.#upgraded = { socket, response };
    return this.#upgraded as unknown as UpgradedSocket;
  }

  take(response: unknown): boolean {
    if (this.#upgraded === undefined || response !== this.#upgraded.response) return false;
    const { socket } = this.#upgraded;
    if (!socket.isConnecting) return false;
    const headers: string[] = [];
    for (const [name, value] of this.#upgraded.response.headers) {
      if (!isConnectionHeader(name)) headers.push(name, value);
    }
    this.#call.body.discard();
    if (!this.#call.switchTo([...headers, "upgrade", "websocket"], socket)) return false;
    socket.opened();
    return true;
  }

  leave(): void {
    if (this.#upgraded?.socket.isConnecting === true) this.#upgraded.socket.abandon();
  }
}

function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}${HANDSHAKE_GUID}`).digest("base64");
}

/** The web's `Response` has no 101, so this one says it of itself. */
function responseOf(accept: string, protocol: string): Response {
  const response = new Response(null);
  response.headers.set("sec-websocket-accept", accept);
  if (protocol !== "") response.headers.set("sec-websocket-protocol", protocol);
  Object.defineProperties(response, {
    status: { value: 101, enumerable: true },
    statusText: { value: "Switching Protocols", enumerable: true },
    ok: { value: false, enumerable: true },
  });
  return response;
}

function headerOf(headers: readonly string[], name: string): string {
  const at = headers.findIndex((one, i) => i % 2 === 0 && one === name);
  return at < 0 ? "" : (headers[at + 1] ?? "");
}
