/**
 * One listening socket, its connections and their end.
 *
 * Node's server stays visible: a handler gets Node's own request and response and the parsed
 * target, and nothing is allocated per request beyond the target. Requests that two HTTP parsers
 * could read differently never reach a handler.
 *
 * Draining relies on a *shared* listening socket: another process holds the same socket, so closing
 * our copy loses no waiting connection. Connections that are open are not closed under the client's
 * hands: each is told `Connection: close` with its next answer, and an idle one ends by the
 * keep-alive timeout that every answer announced.
 */
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";

import { PlatformError, type Cancel, type Clock, type Log } from "@skerry/base";

import { admitRequest } from "./admission.ts";
import { holdBody } from "./body.ts";
import { createDropLog } from "./drop-log.ts";
import { fail } from "./errors.ts";
import { admitStream } from "./h2/admit-stream.ts";
import { Http2Sessions, type CameStream } from "./h2/sessions.ts";
import { DEFAULT_LIMITS, type HttpLimits } from "./limits.ts";
import { isLingering } from "./linger.ts";
import { isDone, refuseMalformed } from "./malformed.ts";
import { nodeHttp } from "./node-http.ts";
import { cut, sendError } from "./respond.ts";
import type { ParsedTarget } from "./target.ts";
import type { TlsOptions } from "./tls/identities.ts";
import { TlsServer, type CoveredHosts } from "./tls/tls-server.ts";
import { responseOn, Upgrade, upgradeAskedBy } from "./upgrade.ts";

/**
 * Answers one request. A rejection or throw becomes an error answer, or a reset once the response
 * has begun.
 */
export type RequestHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  target: ParsedTarget,
) => void | Promise<void>;

/** What the certificate of a connection stands for. */
export interface Covered {
  /** A request with this `Host` was taken on the connection before. */
  hasCovered(host: string): boolean;
}

/**
 * Answers a request at once by what was said to one that was the same, word for word; false when it
 * cannot, and has left the response alone, as it has when it throws. `covered` is undefined without
 * TLS.
 */
export type KnownHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  covered: Covered | undefined,
) => boolean;

/** Answers a request that may leave HTTP: as any other, or by `upgrade`. As RequestHandler else. */
export type UpgradeHandler = (req: IncomingMessage, res: ServerResponse, upgrade: Upgrade) => void;

export interface HttpServerDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Names the errors that are answered before or instead of the handler. */
  readonly requestId: () => string;
  /** Headers of those errors, flat; none when absent. */
  readonly errorHeaders?: (error: PlatformError) => readonly string[];
  readonly onRequest: RequestHandler;
  /** Asked before anything else of requests of HTTP/1.1. */
  readonly onKnown?: KnownHandler;
  /** Without it, who asks for an upgrade is answered as if they had not. */
  readonly onUpgrade?: UpgradeHandler;
}

/** An inherited listening or bound socket, a TCP address, or the path of a unix socket. */
export type ListenTarget =
  | { readonly fd: number }
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

export interface HttpServerOptions {
  readonly listen: ListenTarget;
  /** Missing fields come from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<HttpLimits>;
  /** Listens for TLS, with HTTP/2 and HTTP/1.1 inside; without it for plain HTTP. */
  readonly tls?: TlsOptions;
}

export interface DrainResult {
  /** Requests that were still being answered at the deadline and were reset. */
  readonly requestsCut: number;
}

export interface HttpServer extends AsyncDisposable {
  /** The port of a TCP listener; undefined on a unix socket. */
  readonly port: number | undefined;
  /** Open connections. */
  readonly connections: number;
  /**
   * Who may ask: the newest response of each connection that waits for its client, for the next
   * request or for the rest of one; undefined of one that has not asked yet.
   */
  awaiting(): Iterable<ServerResponse | undefined>;
  /**
   * Stops accepting and resolves when every connection has ended, at the latest after `deadlineMs`,
   * when those left are cut. A second call resolves with the first.
   */
  drain(options: { readonly deadlineMs: number }): Promise<DrainResult>;
}

/** A socket's newest response, and whether it has already been refused. */
interface Connection {
  latest: ServerResponse | undefined;
  isRefused: boolean;
  /** Sweeps that found its answer waiting for a client to read it. */
  lingeringSweeps: number;
  /** Undefined without TLS. */
  readonly hosts: CoveredHosts | undefined;
}

const SWEEPS_PER_STALL = 4;

/** Starts to listen. Rejects with `LISTEN_FAILED`. Disposing drains with a deadline of zero. */
export async function serveHttp(
  deps: HttpServerDeps,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const listening = new ListeningServer(deps, options);
  await listening.listen(options.listen);
  return listening;
}

class ListeningServer implements HttpServer {
  readonly #deps: HttpServerDeps;
  readonly #limits: HttpLimits;
  readonly #server: Server;
  readonly #tls: TlsServer | undefined;
  readonly #sessions: Http2Sessions | undefined;
  readonly #connections = new Map<Socket, Connection>();
  /** Of connections of HTTP/2. */
  readonly #hosts = new WeakMap<Socket, CoveredHosts>();
  #drained: Promise<DrainResult> | undefined;
  #cancelSweep: Cancel = () => undefined;

  constructor(deps: HttpServerDeps, options: HttpServerOptions) {
    this.#deps = deps;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const http = nodeOptions(this.#limits, (req) => this.#isUpgrade(req));
    if (options.tls === undefined) {
      this.#server = nodeHttp.createServer(http);
      this.#server.on("connection", (socket) => this.#onConnection(socket, undefined));
    } else {
      this.#sessions = this.#createSessions();
      this.#tls = this.#createTls(options.tls, http, this.#sessions);
      this.#server = this.#tls.server;
    }
    limitServer(this.#server, this.#limits);
    this.#server
      .on("request", (req, res) => this.#onRequest(req, res))
      .on("checkContinue", (req, res) => {
        holdBody(req, res);
        this.#onRequest(req, res);
      })
      .on("clientError", (error, socket) => this.#onClientError(error, socket as Socket))
      .on("timeout", (socket: Socket) => this.#onTimeout(socket))
      .on("upgrade", (req, socket, head) => this.#onUpgrade(req, socket as Socket, head))
      .on("drop", createDropLog(deps));
  }

  #createSessions(): Http2Sessions {
    const onStream = (came: CameStream): void => this.#onStream(came);
    return new Http2Sessions({ clock: this.#deps.clock, limits: this.#limits, onStream });
  }

  #createTls(tls: TlsOptions, http: ServerOptions, sessions: Http2Sessions): TlsServer {
    return new TlsServer({
      ...{ tls, http, handshakeTimeoutMs: this.#limits.headersTimeoutMs },
      onHttp1: (socket, hosts) => this.#onConnection(socket, hosts),
      onHttp2: (socket, hosts) => {
        this.#hosts.set(socket, hosts);
        sessions.accept(socket);
      },
    });
  }

  async listen(target: ListenTarget): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        const details = { address: JSON.stringify(target), errno: error.code ?? "unknown" };
        reject(fail("LISTEN_FAILED", details, error));
      };
      this.#server.once("error", onError);
      this.#server.listen(target, () => {
        this.#server.off("error", onError);
        resolve();
      });
    });
    this.#server.on("error", (error) => this.#deps.log.error("listening socket", { error }));
    this.#sweep();
  }

  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  get connections(): number {
    return this.#tls?.connections ?? this.#connections.size;
  }

  *awaiting(): Iterable<ServerResponse | undefined> {
    for (const { latest } of this.#connections.values()) {
      if (latest === undefined || isAwaiting(latest)) yield latest;
    }
    for (const latest of this.#sessions?.latest() ?? []) {
      const res = latest?.asServerResponse;
      if (res === undefined || isAwaiting(res)) yield res;
    }
  }

  drain(options: { readonly deadlineMs: number }): Promise<DrainResult> {
    this.#drained ??= this.#drain(options.deadlineMs);
    return this.#drained;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain({ deadlineMs: 0 });
  }

  async #drain(deadlineMs: number): Promise<DrainResult> {
    // `http.Server.close` would also destroy idle connections, on which a request may be under way.
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
    for (const { latest } of this.#connections.values()) {
      if (latest !== undefined && !latest.headersSent) latest.shouldKeepAlive = false;
    }
    this.#sessions?.drain();
    let requestsCut = 0;
    const cancel = this.#deps.clock.schedule(deadlineMs, () => {
      requestsCut = this.#cutAll();
    });
    await closed;
    cancel();
    this.#cancelSweep();
    // Nothing is open any more; this only stops Node's own interval.
    this.#server.close();
    return { requestsCut };
  }

  #cutAll(): number {
    let requestsCut = this.#sessions?.cutAll() ?? 0;
    for (const [socket, { latest }] of this.#connections) {
      const isIdle = latest === undefined || isDone(latest);
      if (!isIdle) requestsCut += 1;
      if (isIdle) socket.destroy();
      else cut(socket);
    }
    this.#tls?.cutAll();
    return requestsCut;
  }

  #onConnection(socket: Socket, hosts: CoveredHosts | undefined): void {
    const latest = undefined;
    this.#connections.set(socket, { latest, isRefused: false, lingeringSweeps: 0, hosts });
    socket.once("close", () => this.#connections.delete(socket));
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    // Pipelined behind a request whose answer has closed this side.
    if (!req.socket.writable) return;
    const connection = this.#connections.get(req.socket);
    if (connection !== undefined) {
      if (this.#drained !== undefined) announceClose(connection.latest, res);
      connection.latest = res;
      if (this.#isKnown(req, res, connection)) return;
    }
    const target = this.#admit(req, res, connection);
    if (target === undefined) return;
    // Node drops what a client pipelines behind an upgrade that is not taken, so the stream is out
    // of step.
    if (req.headers.upgrade !== undefined) res.shouldKeepAlive = false;
    this.#handle(req, res, target);
  }

  /** True when it has its answer. */
  #isKnown(req: IncomingMessage, res: ServerResponse, { hosts }: Connection): boolean {
    try {
      return this.#deps.onKnown?.(req, res, hosts) ?? false;
    } catch (error) {
      this.#onFailed(res, error);
      return true;
    }
  }

  #handle(req: IncomingMessage, res: ServerResponse, target: ParsedTarget): void {
    try {
      const answered = this.#deps.onRequest(req, res, target);
      if (answered !== undefined) answered.catch((error: unknown) => this.#onFailed(res, error));
    } catch (error) {
      this.#onFailed(res, error);
    }
  }

  #onStream({ req, res: stream, ...said }: CameStream): void {
    const res = stream.asServerResponse;
    let target: ParsedTarget;
    try {
      target = admitStream(req, said, this.#limits);
      this.#hosts.get(req.socket)?.assertCovers(req, undefined);
    } catch (error) {
      return this.#onFailed(res, error);
    }
    if (req.headers.expect?.toLowerCase() === "100-continue") holdBody(req, res);
    this.#handle(req, res, target);
  }

  #isUpgrade(req: IncomingMessage): boolean {
    if (this.#deps.onUpgrade === undefined || upgradeAskedBy(req) === undefined) return false;
    // Pipelined behind a request that has no answer yet, it is a request like any other.
    const latest = this.#connections.get(req.socket)?.latest;
    return latest === undefined || (isDone(latest) && latest.socket === null);
  }

  #onUpgrade(req: IncomingMessage, socket: Socket, head: Uint8Array): void {
    const { onUpgrade } = this.#deps;
    const connection = this.#connections.get(socket);
    const protocol = upgradeAskedBy(req);
    if (connection === undefined || onUpgrade === undefined || protocol === undefined) {
      return void socket.destroy();
    }
    const res = responseOn(req, socket);
    connection.latest = res;
    socket.on("timeout", () => this.#onTimeout(socket));
    const target = this.#admit(req, res, connection);
    if (target === undefined) return;
    try {
      onUpgrade(req, res, new Upgrade(res, { protocol, target, head }));
    } catch (error) {
      this.#onFailed(res, error);
    }
  }

  /** Undefined when the request has been refused; its connection then ends with the answer. */
  #admit(
    req: IncomingMessage,
    res: ServerResponse,
    connection: Connection | undefined,
  ): ParsedTarget | undefined {
    try {
      const target = admitRequest(req, this.#limits);
      connection?.hosts?.assertCovers(req, target.authority);
      return target;
    } catch (error) {
      res.shouldKeepAlive = false;
      this.#onFailed(res, error);
      return undefined;
    }
  }

  #onFailed(res: ServerResponse, error: unknown): void {
    const { requestId, errorHeaders } = this.#deps;
    const headers = errorHeaders?.(PlatformError.from(error)) ?? [];
    sendError(res, error, { requestId: requestId(), headers });
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return void socket.destroy();
    if (connection.isRefused) return;
    connection.isRefused = true;
    const { clock, errorHeaders } = this.#deps;
    refuseMalformed({ error, socket, latest: connection.latest, clock, errorHeaders });
  }

  /**
   * No byte moved for a while: an idle connection ends, a client that does not read is cut, a slow
   * handler may go on.
   */
  #onTimeout(socket: Socket): void {
    const latest = this.#connections.get(socket)?.latest;
    if (latest === undefined || isDone(latest)) this.#endIdle(socket);
    else if (socket.writableLength > 0) cut(socket);
  }

  /**
   * Where this process was held up, the next request may be here in time and not read yet: timers
   * run before sockets are looked at. Who asked in time is not to be sent away.
   */
  #endIdle(socket: Socket): void {
    const { bytesRead } = socket;
    setImmediate(() => {
      if (socket.bytesRead === bytesRead) socket.destroy();
    });
  }

  /**
   * Arms the stall timeout where bytes are waiting to be read by the client. A timeout on every
   * connection (`server.timeout`) would be re-armed twice per request, which costs a fifth of the
   * throughput. Cuts a client that goes on with a request that was answered long ago.
   */
  #sweep(): void {
    const { stallTimeoutMs } = this.#limits;
    for (const [socket, connection] of this.#connections) {
      if (socket.writableLength > 0 && socket.timeout !== stallTimeoutMs) {
        socket.setTimeout(stallTimeoutMs);
      }
      if (connection.latest === undefined || !isLingering(connection.latest)) continue;
      connection.lingeringSweeps += 1;
      if (connection.lingeringSweeps > SWEEPS_PER_STALL) socket.destroy();
    }
    this.#sessions?.sweep(SWEEPS_PER_STALL);
    const next = (): void => this.#sweep();
    const everyMs = stallTimeoutMs / SWEEPS_PER_STALL;
    this.#cancelSweep = this.#deps.clock.schedule(everyMs, next, { background: true });
  }
}

function isAwaiting(latest: ServerResponse): boolean {
  return isDone(latest) ? latest.shouldKeepAlive : !latest.req.complete;
}

/**
 * While draining, the last answer of a connection says so; an earlier one that has not left yet
 * must not.
 */
function announceClose(previous: ServerResponse | undefined, res: ServerResponse): void {
  res.shouldKeepAlive = false;
  if (previous === undefined || previous.headersSent || previous.req.httpVersionMinor === 0) return;
  previous.shouldKeepAlive = true;
}

function nodeOptions(
  limits: HttpLimits,
  shouldUpgradeCallback: (req: IncomingMessage) => boolean,
): ServerOptions {
  return {
    shouldUpgradeCallback,
    insecureHTTPParser: false,
    joinDuplicateHeaders: false,
    requireHostHeader: true,
    noDelay: true,
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
  };
}

function limitServer(server: Server, limits: HttpLimits): void {
  server.maxConnections = limits.connectionsMax;
  server.maxRequestsPerSocket = 0;
  // Node would silently drop the rest; admission counts and refuses instead.
  server.maxHeadersCount = 0;
}
