/**
 * The listening socket of TLS. A connection that agreed on HTTP/1.1 goes through Node's server of
 * HTTP like any plain one; one that agreed on HTTP/2 is given away. Which certificate a handshake
 * is made with is asked anew each time, so that a change needs no restart and leaves open
 * connections alone.
 */
import type { IncomingMessage } from "node:http";
import type { Server, ServerOptions } from "node:https";
import type { Socket } from "node:net";
import { getBuiltinModule } from "node:process";
import type { SecureContext, TLSSocket } from "node:tls";

import { parseAuthority, type Authority } from "../authority.ts";
import { fail } from "../errors.ts";
import type { TlsIdentity, TlsOptions } from "./identities.ts";

/** RFC 9325: TLS 1.2 at least, with forward secrecy and authenticated encryption alone. */
const CIPHERS = [
  ...["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
  ...["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ...["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ...["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
].join(":");
/** Servers of one platform take each other's sessions, and nobody else's. */
const SESSION_CONTEXT = "skerry";
/** RFC 8446, section 6: a fatal alert `unrecognized_name`, in a record that is not encrypted. */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112]);
const IP_LITERAL = /^(?:[0-9.]+|\[.*\])$/;

export interface TlsServerDeps {
  readonly tls: TlsOptions;
  readonly handshakeTimeoutMs: number;
  /** Of HTTP/1.1. */
  readonly http: ServerOptions;
  readonly onHttp1: (socket: TLSSocket, hosts: CoveredHosts) => void;
  readonly onHttp2: (socket: TLSSocket, hosts: CoveredHosts) => void;
}

const RAW: unique symbol = Symbol("skerry.http.raw");
const IDENTITY: unique symbol = Symbol("skerry.http.identity");
interface Wrapped {
  [RAW]?: Socket | undefined;
  [IDENTITY]?: TlsIdentity;
}

/** The connection below TLS, which alone can be reset; undefined without TLS. */
export function rawOf(socket: Socket): Socket | undefined {
  return (socket as Wrapped)[RAW];
}

/** The hosts for which a connection's certificate stands. */
export class CoveredHosts {
  readonly #identity: TlsIdentity;
  readonly #name: string | undefined;
  #last: string | undefined;

  constructor(identity: TlsIdentity, name: string | undefined) {
    this.#identity = identity;
    this.#name = name;
  }

  /** A request with this `Host` was taken before. */
  hasCovered(host: string): boolean {
    return host === this.#last;
  }

  /**
   * Throws `HOST_MISDIRECTED` for a host that neither the client named in its handshake nor the
   * certificate covers: another connection leads to it. RFC 9110, section 15.5.20.
   */
  assertCovers(req: IncomingMessage, target: Authority | undefined): void {
    const { host } = req.headers;
    if (host === undefined || host === this.#last) return;
    const { hostname } = target ?? parseAuthority(host);
    const isNamed = this.#name === undefined ? IP_LITERAL.test(hostname) : hostname === this.#name;
    if (!isNamed && !this.#identity.covers(hostname)) throw fail("HOST_MISDIRECTED");
    if (target === undefined) this.#last = host;
  }
}

/** The server and those of its connections that have not agreed on anything yet. */
export class TlsServer {
  readonly server: Server;
  readonly #deps: TlsServerDeps;
  readonly #raw = new Map<string, Socket>();
  /** Those, and such as another took the place of before their end was told. */
  readonly #open = new Set<Socket>();
  /** Node's own way to serve HTTP/1.1. */
  readonly #onHttp1: (socket: TLSSocket) => void;

  constructor(deps: TlsServerDeps) {
    this.#deps = deps;
    const onName = (name: string, socket: TLSSocket): Promise<SecureContext | undefined> =>
      this.#contextFor(name, socket);
    this.server = getBuiltinModule("node:https").createServer({
      ...deps.http,
      ...contextOptions(deps.tls),
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: deps.handshakeTimeoutMs,
      SNICallback(this: TLSSocket, name, answer) {
        void onName(name.toLowerCase(), this).then((context) => {
          if (context === undefined) answer(fail("HOST_MISDIRECTED"));
          else answer(null, context);
        });
      },
    } as ServerOptions);
    const [onHttp1] = this.server.listeners("secureConnection");
    this.server.removeAllListeners("secureConnection");
    this.#onHttp1 = (socket) => {
      onHttp1?.call(this.server, socket);
    };
    this.server.on("secureConnection", (socket) => this.#onSecure(socket));
    this.server.on("connection", (socket: Socket) => this.#onRaw(socket));
    deps.tls.ticketKeys?.onRenewed((key) => this.server.setTicketKeys(key));
    deps.tls.identities.onUnnamed(() => this.server.setSecureContext(contextOptions(deps.tls)));
  }

  /** Connections, those in their handshake too. */
  get connections(): number {
    return this.#open.size;
  }

  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #onRaw(socket: Socket): void {
    const ends = endsOf(socket);
    this.#open.add(socket);
    this.#raw.set(ends, socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      if (this.#raw.get(ends) === socket) this.#raw.delete(ends);
    });
  }

  async #contextFor(name: string, socket: TLSSocket): Promise<SecureContext | undefined> {
    const identity = await this.#deps.tls.identities.identityOf(name);
    if (identity === undefined) this.#raw.get(endsOf(socket))?.write(UNRECOGNIZED_NAME);
    else (socket as Wrapped)[IDENTITY] = identity;
    return identity?.context;
  }

  #onSecure(socket: TLSSocket): void {
    const { servername } = socket as { servername?: unknown };
    // Node says false of a client that named none.
    const name = typeof servername === "string" ? servername.toLowerCase() : undefined;
    const { identities } = this.#deps.tls;
    // A session that is taken up again has asked nobody for a certificate.
    const identity =
      (socket as Wrapped)[IDENTITY] ??
      (name === undefined ? identities.unnamed : identities.identityOf(name));
    // Whoever serves it must listen before the client's next word, which may be its last.
    if (!(identity instanceof Promise)) return this.#serve(socket, name, identity);
    socket.pause();
    void identity.then((found) => this.#serve(socket, name, found));
  }

  #serve(socket: TLSSocket, name: string | undefined, identity: TlsIdentity | undefined): void {
    const raw = this.#raw.get(endsOf(socket));
    if (identity === undefined || raw === undefined) return void socket.destroy();
    if (socket.destroyed) return;
    (socket as Wrapped)[RAW] = raw;
    const hosts = new CoveredHosts(identity, name);
    if (socket.alpnProtocol === "h2") return this.#deps.onHttp2(socket, hosts);
    this.#deps.onHttp1(socket, hosts);
    this.#onHttp1(socket);
  }
}

/** What no two connections share that are open at a time. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

function contextOptions({ identities, ticketKeys }: TlsOptions): ServerOptions {
  const { cert, key } = identities.unnamed ?? {};
  return {
    minVersion: "TLSv1.2",
    ciphers: CIPHERS,
    honorCipherOrder: true,
    sessionIdContext: SESSION_CONTEXT,
    ...(ticketKeys === undefined ? {} : { ticketKeys: ticketKeys.current }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}
