/**
 * Connections of HTTP/2 (RFC 9113) that TLS has agreed on. Each stream becomes a request and a
 * response as handlers know them. What a client can ask of a connection is bounded: streams at a
 * time, header lines, resets (CVE-2023-44487), frames that are none, settings and pings; whoever
 * goes beyond is sent away with ENHANCE_YOUR_CALM.
 *
 * A drain tells a connection with GOAWAY, ahead of the answer that is under way, to begin nothing
 * more; what is being answered is answered. An idle one is told with its next request, or ends
 * idle, as those of HTTP/1.1 do. A request that crosses a GOAWAY is known to its client not to have
 * been begun (RFC 9113, section 6.8).
 */
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { getBuiltinModule } from "node:process";
import type { TLSSocket } from "node:tls";

import type { Cancel, Clock } from "@skerry/base";

import type { HttpLimits } from "../limits.ts";
import { readStreamHead } from "./admit-stream.ts";
import { StreamRequest } from "./stream-request.ts";
import { StreamResponse } from "./stream-response.ts";

/** A request that came on a stream. */
export interface CameStream {
  readonly req: StreamRequest;
  readonly res: StreamResponse;
  readonly scheme: string;
  readonly authority: string | undefined;
}

export interface SessionsDeps {
  readonly clock: Clock;
  readonly limits: HttpLimits;
  readonly onStream: (came: CameStream) => void;
}

const STREAMS_MAX = 100;
const RESETS_MAX = 200;
const RESETS_PER_S = 20;
const INVALID_FRAMES_MAX = 100;
const PINGS_MAX = 10;
/** Pseudo headers come on top of what is counted as lines. */
const PSEUDO_HEADERS = 8;
/** As HTTP/1.1 gives clients beyond what it announces. */
const IDLE_GRACE_MS = 1_000;

/** One connection. */
class Session {
  readonly session: ServerHttp2Session;
  readonly socket: TLSSocket;
  readonly open = new Map<StreamResponse, { taken: number; sweeps: number }>();
  latest: StreamResponse | undefined;
  cancelIdle: Cancel = () => undefined;

  constructor(session: ServerHttp2Session, socket: TLSSocket) {
    this.session = session;
    this.socket = socket;
  }
}

export class Http2Sessions {
  readonly #deps: SessionsDeps;
  readonly #server: Http2Server;
  readonly #sessions = new Set<Session>();
  #isDraining = false;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#server = createServer(deps.limits);
    // Whatever ends a connection, ends its streams, which is where it is told.
    this.#server.on("sessionError", () => undefined);
  }

  /** Takes over a connection that is to speak HTTP/2. */
  accept(socket: TLSSocket): void {
    this.#server.once("session", (session) => this.#follow(session, socket));
    this.#server.emit("connection", socket);
  }

  /** The newest response of each connection, or undefined of one that has not asked yet. */
  *latest(): Iterable<StreamResponse | undefined> {
    for (const { latest } of this.#sessions) yield latest;
  }

  /** Asks clients to go elsewhere with what they have not begun. */
  drain(): void {
    this.#isDraining = true;
    for (const own of this.#sessions) {
      if (own.open.size === 0) this.#awaitNext(own, this.#deps.limits.keepAliveTimeoutMs);
      else this.#sendAway(own);
    }
  }

  /** Ends all at once; how many requests were still being answered. */
  cutAll(): number {
    let requestsCut = 0;
    for (const { session, open } of this.#sessions) {
      requestsCut += open.size;
      session.destroy();
    }
    return requestsCut;
  }

  /** Resets requests that do not arrive, and answers that are not read. */
  sweep(sweepsMax: number): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const { open } of this.#sessions) {
      for (const [res, seen] of open) {
        const isLate = nowMs - res.startedMs > this.#deps.limits.requestTimeoutMs;
        const isStuck = res.writableLength > 0 && seen.taken === res.bytesTaken;
        seen.sweeps = isStuck ? seen.sweeps + 1 : 0;
        seen.taken = res.bytesTaken;
        if ((isLate && !res.req.complete) || seen.sweeps > sweepsMax) res.destroy();
      }
    }
  }

  #follow(session: ServerHttp2Session, socket: TLSSocket): void {
    const own = new Session(session, socket);
    this.#sessions.add(own);
    session.on("error", () => undefined);
    session.once("close", () => {
      own.cancelIdle();
      this.#sessions.delete(own);
    });
    // Headers as an object, flags, and what counts here: the lines as they came.
    session.on("stream", (stream, ...[, , raw]: readonly unknown[]) => {
      this.#onStream(own, stream, raw as readonly string[]);
    });
    if (this.#isDraining) this.#awaitNext(own, this.#deps.limits.keepAliveTimeoutMs);
    else this.#awaitNext(own, this.#deps.limits.headersTimeoutMs);
  }

  #onStream(own: Session, stream: ServerHttp2Stream, raw: readonly string[]): void {
    own.cancelIdle();
    const { socket } = own;
    const head = readStreamHead(raw, !stream.endAfterHeaders);
    const req = new StreamRequest(stream, socket, head);
    const startedMs = this.#deps.clock.monotonicMs();
    const res = new StreamResponse(stream, { req, socket, startedMs });
    own.latest = res;
    own.open.set(res, { taken: 0, sweeps: 0 });
    res.once("close", () => this.#onAnswered(own, res));
    if (this.#isDraining) this.#sendAway(own);
    const { scheme, authority } = head;
    this.#deps.onStream({ req, res, scheme, authority });
  }

  #onAnswered(own: Session, res: StreamResponse): void {
    own.open.delete(res);
    if (own.open.size > 0) return;
    if (own.session.closed) this.#end(own);
    else this.#awaitNext(own, this.#deps.limits.keepAliveTimeoutMs);
  }

  #awaitNext(own: Session, withinMs: number): void {
    this.#next(own, withinMs + IDLE_GRACE_MS, () => this.#end(own));
  }

  /** Of a connection that answers nothing. Its client may neither read nor close it, and is cut. */
  #end(own: Session): void {
    close(own.session);
    this.#next(own, this.#deps.limits.stallTimeoutMs, () => own.socket.destroy());
  }

  #next(own: Session, inMs: number, run: () => void): void {
    own.cancelIdle();
    if (own.socket.destroyed) return;
    own.cancelIdle = this.#deps.clock.schedule(inMs, run, { background: true });
  }

  #sendAway({ session, latest }: Session): void {
    if (latest !== undefined) latest.shouldKeepAlive = false;
    close(session);
  }
}

/** Takes no further stream, and ends once those that are there have. */
function close(session: ServerHttp2Session): void {
  if (!session.destroyed) session.close();
}

function createServer(limits: HttpLimits): Http2Server {
  return getBuiltinModule("node:http2").createServer({
    maxHeaderListPairs: limits.headersMax * 2 + PSEUDO_HEADERS,
    maxSessionInvalidFrames: INVALID_FRAMES_MAX,
    maxOutstandingPings: PINGS_MAX,
    streamResetBurst: RESETS_MAX,
    streamResetRate: RESETS_PER_S,
    // Of several lines of one name all are passed on, as in HTTP/1.1.
    strictSingleValueFields: false,
    settings: {
      maxConcurrentStreams: STREAMS_MAX,
      maxHeaderListSize: limits.headerBytesMax,
      enableConnectProtocol: false,
    },
  });
}
