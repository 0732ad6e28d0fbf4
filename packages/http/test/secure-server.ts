/** A server of TLS for tests, whose certificates can be exchanged, and clients that trust it. */
import { X509Certificate } from "node:crypto";
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { isIP } from "node:net";
import { createSecureContext, connect as connectTls, type TLSSocket } from "node:tls";
import { once } from "node:events";

import { silentLog, systemClock, type Clock } from "@skerry/base";
import { makeAuthority, type TestCertificate } from "@skerry/testkit";

import {
  serveHttp,
  type HttpLimits,
  type HttpServer,
  type KnownHandler,
  type PemIdentity,
  type RequestHandler,
  type TicketKeys,
  type TlsIdentities,
  type TlsIdentity,
  type UpgradeHandler,
} from "../src/index.ts";

export const authority = makeAuthority();

/** Certificates by the name that they are given for. */
export class Identities implements TlsIdentities {
  readonly byName = new Map<string, TlsIdentity>();
  unnamed: (TlsIdentity & PemIdentity) | undefined;
  #changed: () => void = () => undefined;

  put(name: string, certificate: TestCertificate): void {
    this.byName.set(name, identityOf(certificate));
  }

  putUnnamed(certificate: TestCertificate | undefined): void {
    this.unnamed =
      certificate === undefined ? undefined : { ...identityOf(certificate), ...certificate };
    this.#changed();
  }

  identityOf(name: string): TlsIdentity | undefined {
    return this.byName.get(name) ?? this.unnamed;
  }

  onUnnamed(changed: () => void): void {
    this.#changed = changed;
  }
}

function identityOf({ cert, key }: TestCertificate): TlsIdentity {
  const leaf = new X509Certificate(cert);
  return {
    context: createSecureContext({ cert, key }),
    covers: (host) => (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined,
  };
}

export interface SecureServer extends AsyncDisposable {
  readonly server: HttpServer;
  readonly identities: Identities;
  readonly port: number;
  /** A connection of HTTP/2 to `host`. */
  http2(host?: string): Promise<ClientHttp2Session>;
  /** A connection that speaks nothing yet. */
  socket(host: string | undefined, alpn?: readonly string[]): Promise<TLSSocket>;
}

export interface SecureOptions {
  readonly onRequest: RequestHandler;
  readonly onKnown?: KnownHandler;
  readonly onUpgrade?: UpgradeHandler;
  readonly limits?: Partial<HttpLimits>;
  readonly clock?: Clock;
  readonly ticketKeys?: TicketKeys;
}

/** Serves `a.test`, and `*.wild.test` under `w.wild.test`. */
export async function serveSecure(options: SecureOptions): Promise<SecureServer> {
  const { onRequest, onKnown, onUpgrade, limits = {}, clock = systemClock(), ticketKeys } = options;
  const identities = new Identities();
  identities.put("a.test", authority.issue(["a.test"]));
  identities.put("w.wild.test", authority.issue(["*.wild.test"]));
  const server = await serveHttp(
    {
      ...{ clock, log: silentLog(), requestId: () => "req-1", onRequest },
      ...(onKnown === undefined ? {} : { onKnown }),
      ...(onUpgrade === undefined ? {} : { onUpgrade }),
    },
    {
      ...{ listen: { host: "127.0.0.1", port: 0 }, limits },
      tls: { identities, ...(ticketKeys === undefined ? {} : { ticketKeys }) },
    },
  );
  const port = server.port ?? 0;
  const sessions = new Set<ClientHttp2Session>();
  return {
    ...{ server, identities, port },
    socket: (host, alpn = ["http/1.1"]) => openTls(port, host, alpn),
    http2: async (host = "a.test") => {
      const socket = await openTls(port, host, ["h2"]);
      const session = connect(`https://${host}:${port}`, { createConnection: () => socket });
      session.on("error", () => undefined);
      sessions.add(session);
      await once(session, "remoteSettings");
      return session;
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function openTls(
  port: number,
  host: string | undefined,
  alpn: readonly string[],
): Promise<TLSSocket> {
  const socket = connectTls({
    ...{ host: "127.0.0.1", port, ca: authority.cert, ALPNProtocols: [...alpn] },
    ...(host === undefined ? { checkServerIdentity: () => undefined } : { servername: host }),
  });
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  return socket;
}

export interface StreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** How the stream ended. */
  readonly code: number;
}

/** One request on a connection of HTTP/2; a stream that is reset has its code. */
export async function ask(
  session: ClientHttp2Session,
  headers: Record<string, string | readonly string[]>,
  body?: string | Buffer,
): Promise<StreamAnswer> {
  const stream = session.request(headers as never, { endStream: body === undefined });
  const closed = new Promise<void>((resolve) => void stream.once("close", () => resolve()));
  stream.on("error", () => undefined);
  let answered: IncomingHttpHeaders = {};
  let text = "";
  stream.setEncoding("utf8");
  stream.on("response", (got) => (answered = got)).on("data", (part: string) => (text += part));
  if (body !== undefined) stream.end(body);
  await closed;
  const status = Number((answered as Record<string, unknown>)[":status"] ?? 0);
  return { status, headers: answered, text, code: stream.rstCode };
}
