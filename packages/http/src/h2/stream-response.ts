/**
 * An answer on a stream of HTTP/2, with as much of Node's own response as handlers use. A broken
 * answer resets its stream and leaves the connection to the others.
 */
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Writable } from "node:stream";

import { nodeHttp } from "../node-http.ts";
import type { StreamRequest } from "./stream-request.ts";

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;

/** RFC 9113, section 8.2.2: HTTP/2 frames by itself. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "te",
]);

type Done = (error?: Error | null) => void;
type Lines = readonly string[];

export class StreamResponse extends Writable {
  readonly req: StreamRequest;
  readonly socket: Socket;
  /** The connection takes further requests. */
  shouldKeepAlive = true;
  statusCode = 200;
  statusMessage = "";
  /** When the request came, on the server's clock. */
  readonly startedMs: number;
  readonly #stream: ServerHttp2Stream;
  readonly #set = new Map<string, { readonly name: string; readonly value: string }>();
  #isBodiless = false;
  #bytesTaken = 0;

  constructor(
    stream: ServerHttp2Stream,
    init: Pick<StreamResponse, "req" | "socket" | "startedMs">,
  ) {
    super();
    this.#stream = stream;
    this.req = init.req;
    this.socket = init.socket;
    this.startedMs = init.startedMs;
    const left = (): void => {
      init.req.abort();
      this.destroy();
    };
    // Errors are told by the close that follows.
    stream
      .on("aborted", left)
      .on("close", left)
      .on("error", () => undefined);
  }

  /** As handlers know it. */
  get asServerResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  /** Of the body, that the client's window took. */
  get bytesTaken(): number {
    return this.#bytesTaken;
  }

  setHeader(name: string, value: number | string | readonly string[]): this {
    nodeHttp.validateHeaderName(name);
    const text = Array.isArray(value) ? value.join(", ") : String(value);
    nodeHttp.validateHeaderValue(name, text);
    this.#set.set(name.toLowerCase(), { name, value: text });
    return this;
  }

  getHeader(name: string): string | undefined {
    return this.#set.get(name.toLowerCase())?.value;
  }

  hasHeader(name: string): boolean {
    return this.#set.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.#set.delete(name.toLowerCase());
  }

  /** Sends the head; throws as Node's own for what HTTP does not allow, before anything is sent. */
  writeHead(status: number, headers: Lines | OutgoingHttpHeaders = []): this {
    const lines = this.#linesWith(isLines(headers) ? headers : flat(headers));
    this.#isBodiless = this.req.method === "HEAD" || status === 204 || status === 304;
    if (this.destroyed || this.#stream.destroyed) return this;
    // The end of the stream is sent by `_final` alone: closing a stream for an error would
    // otherwise end it first, and half an answer would look whole.
    const how = this.#isBodiless ? { endStream: true } : { waitForTrailers: true };
    this.#stream.respond([":status", String(status), ...lines], how);
    this.statusCode = status;
    return this;
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode);
  }

  writeContinue(): void {
    if (!this.#stream.destroyed) this.#stream.additionalHeaders({ ":status": 100 });
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.flushHeaders();
    if (this.#isBodiless || this.#stream.destroyed) return done();
    this.#stream.write(chunk, (error) => {
      this.#bytesTaken += chunk.length;
      // A stream that failed has closed, which is told there.
      if (error === null || error === undefined) done();
    });
  }

  override _final(done: Done): void {
    this.flushHeaders();
    const stream = this.#stream;
    const ended = (): void => {
      // RFC 9113, section 8.1: the answer is whole, the rest of the request is not wanted.
      if (!this.req.complete) stream.close(NO_ERROR);
      this.req.dropRest();
      done();
    };
    if (this.#isBodiless || stream.destroyed) return ended();
    stream.once("wantTrailers", () => {
      if (!stream.destroyed && !stream.closed) stream.sendTrailers({});
      ended();
    });
    stream.end();
  }

  override _destroy(_error: Error | null, done: Done): void {
    if (!this.writableFinished && !this.#stream.closed) this.#stream.close(INTERNAL_ERROR);
    done();
  }

  /** What was set before, where `lines` do not say otherwise; all checked. */
  #linesWith(lines: Lines): string[] {
    const named = new Set<string>();
    const out: string[] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const name = lines[i] ?? "";
      const value = lines[i + 1] ?? "";
      nodeHttp.validateHeaderName(name);
      nodeHttp.validateHeaderValue(name, value);
      const lower = name.toLowerCase();
      named.add(lower);
      if (!OF_CONNECTIONS.has(lower)) out.push(lower, String(value));
    }
    for (const [lower, { value }] of this.#set) {
      if (!named.has(lower) && !OF_CONNECTIONS.has(lower)) out.push(lower, value);
    }
    return out;
  }
}

function isLines(headers: Lines | OutgoingHttpHeaders): headers is Lines {
  return Array.isArray(headers);
}

function flat(headers: OutgoingHttpHeaders): Lines {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [String(value)]).flatMap((one) => [name, one]),
  );
}

/** The stream's own response behind what a handler holds; undefined for HTTP/1.1. */
export function streamResponseOf(res: ServerResponse): StreamResponse | undefined {
  const held: unknown = res;
  return held instanceof StreamResponse ? held : undefined;
}
