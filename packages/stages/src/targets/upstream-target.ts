/**
 * Another server, as the target of a route. Framing is decided anew on both sides, whatever either
 * of them said, so that a connection that is used again carries nothing of one request into
 * another. Redirects are answers like any other.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { PlatformError, type Cancel, type Clock } from "@skerry/base";
import { GATEWAY_HEADERS, type RouteTarget } from "@skerry/contracts";
import { admitBody, type AnswerSink } from "@skerry/http";
import { platformHeaders } from "@skerry/requests";
import { upstreamUrl } from "@skerry/routes";
import { failStage } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import type { RoutedCall } from "../ports.ts";
import type { OpenTarget } from "./target.ts";
import { targetHeaders, targetUrl } from "./target-request.ts";
import type { Upstreams } from "./upstreams.ts";

type UpstreamTarget = Extract<RouteTarget, { readonly upstream: string }>;

export interface UpstreamDeps {
  readonly clock: Clock;
  readonly upstreams: Upstreams;
}

const EMPTY = new Uint8Array(0);
const LENGTH = /^(?:0|[1-9][0-9]{0,15})$/;
/** What may be asked again of a connection that the upstream had closed already. */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
/** 1xx; Node passes over them, however many there are. */
const INTERIM_MAX = 32;
/**
 * Methods whose bodies every server reads. One that does not expect a body takes it for the next
 * request on the connection, of another caller as far as it can tell (RFC 9110, 9.3.1).
 */
const BODIED: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "QUERY"]);

export function openUpstream(
  deps: UpstreamDeps,
  exchange: Exchange,
  target: UpstreamTarget,
): OpenTarget {
  const { values } = exchange;
  const url = new URL(upstreamUrl(target.upstream, { url: targetUrl(exchange), values }));
  return {
    ...{ version: "", fn: undefined },
    perform: (headers, to) => new UpstreamCall(deps, { exchange, target, url, headers, to }),
  };
}

interface Asked {
  readonly exchange: Exchange;
  readonly target: UpstreamTarget;
  readonly url: URL;
  /** Of the client. */
  readonly headers: readonly string[];
  readonly to: AnswerSink;
}

class UpstreamCall implements RoutedCall {
  readonly #deps: UpstreamDeps;
  readonly #asked: Asked;
  #request: ClientRequest;
  #response: IncomingMessage | undefined;
  #hasBegun = false;
  #isOver = false;
  #isSecond = false;
  #bytes = 0;
  #cancelWait: Cancel = () => undefined;

  constructor(deps: UpstreamDeps, asked: Asked) {
    this.#deps = deps;
    this.#asked = asked;
    this.#request = this.#begin();
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#request.destroy();
  }

  #begin(): ClientRequest {
    const { exchange, url } = this.#asked;
    const { passed, came } = exchange;
    const body = passed.body ?? (exchange.hasBody ? came.req : EMPTY);
    const headers = this.#headers(body);
    const how = { method: exchange.method, headers, isFresh: this.#isSecond };
    const request = this.#deps.upstreams.request(url, how);
    if (this.#isAlone(body)) request.shouldKeepAlive = false;
    request.once("response", (response) => {
      if (isTimedOut(response, request) && this.#isStale(request)) this.#repeat(request);
      else this.#take(response);
    });
    this.#followEnd(request);
    this.#await();
    if (body instanceof Uint8Array) request.end(body);
    else this.#upload(body, request);
    return request;
  }

  /** However it ends before the answer's head: with an error, without a word, or never. */
  #followEnd(request: ClientRequest): void {
    let interim = 0;
    request.on("information", () => {
      interim += 1;
      if (interim > INTERIM_MAX) this.#refuse(this.#broke("it sends interim answers without end"));
    });
    request.on("error", (error) => this.#fail(error, request));
    request.once("close", () => {
      if (request === this.#request && !this.#hasBegun) this.#refuse(this.#broke("no answer"));
    });
  }

  #headers(body: Uint8Array | IncomingMessage): string[] {
    const { exchange, headers, url } = this.#asked;
    const out = ["host", url.host];
    const flat = targetHeaders(exchange, headers);
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const [name = "", value = ""] = [flat[i], flat[i + 1]];
      if (name !== "host" && name !== "content-length") out.push(name, value);
    }
    out.push(GATEWAY_HEADERS.requestId, exchange.came.id);
    if (this.#isAlone(body)) out.push("connection", "close");
    if (!(body instanceof Uint8Array)) {
      const length = body.headers["content-length"];
      if (length === undefined) out.push("transfer-encoding", "chunked");
      // In the one spelling that nobody reads otherwise.
      else out.push("content-length", String(Number(length)));
    } else if (body.length > 0 || !REPEATABLE.has(exchange.method)) {
      out.push("content-length", String(body.length));
    }
    return out;
  }

  #upload(req: IncomingMessage, request: ClientRequest): void {
    const { bodyBytesMax = Infinity } = this.#asked.exchange.guarded?.route.limits ?? {};
    admitBody(req);
    req.on("data", (chunk: Uint8Array) => {
      this.#bytes += chunk.length;
      if (this.#isOver) return;
      if (this.#bytes > bodyBytesMax) {
        return this.#refuse(failStage("ROUTE_BODY_TOO_LARGE", { bytesMax: bodyBytesMax }));
      }
      this.#await();
      if (request.write(chunk)) return;
      req.pause();
      request.once("drain", () => req.resume());
    });
    req.once("end", () => (this.#isOver ? undefined : request.end()));
    request.once("close", () => req.resume());
  }

  #take(response: IncomingMessage): void {
    const { exchange, to } = this.#asked;
    if (this.#isOver) return void response.destroy();
    const { statusCode: status = 0, rawHeaders, httpVersionMajor } = response;
    this.#response = response;
    if (status < 200 || status > 599 || httpVersionMajor !== 1)
      return this.#refuse(this.#broke("its version or status is no answer's"));
    const head = { status, headers: platformHeaders.responseHeaders(rawHeaders) };
    const announced = response.headers["content-length"] ?? "";
    const length = LENGTH.test(announced) ? Number(announced) : undefined;
    this.#hasBegun = true;
    if (status === 204 || status === 304) {
      this.#finish();
      response.resume();
      return to.whole(head, EMPTY);
    }
    try {
      to.begin(head, length);
    } catch (error) {
      this.#hasBegun = false;
      return this.#refuse(this.#broke("its headers are not allowed", error));
    }
    this.#await();
    response.on("data", (chunk: Uint8Array) => this.#pass(chunk, response));
    response.once("end", () => {
      if (this.#isOver) return;
      this.#finish();
      if (response.complete || exchange.method === "HEAD") to.end();
      else to.reset();
    });
    response.on("error", () => this.#breakOff());
    response.once("close", () => this.#breakOff());
  }

  #pass(chunk: Uint8Array, response: IncomingMessage): void {
    const { to } = this.#asked;
    if (this.#isOver) return;
    // A cache gives up nothing for a client that leaves, and says so here once nobody is left.
    if (to.isGone) return this.abandon();
    try {
      if (to.write(chunk)) return this.#await();
    } catch {
      // More than it announced: the sink has broken off.
      this.#finish();
      return void response.destroy();
    }
    this.#cancelWait();
    response.pause();
    const resume = (): void => {
      if (this.#isOver) return;
      this.#await();
      response.resume();
    };
    to.drained().then(resume, () => this.abandon());
  }

  /** From now on so long until the next sign of life. */
  #await(): void {
    const { timeoutMs } = this.#asked.target;
    this.#cancelWait();
    const expire = (): void => this.#refuse(failStage("ROUTE_UPSTREAM_SILENT", { timeoutMs }));
    this.#cancelWait = this.#deps.clock.schedule(timeoutMs, expire, { background: true });
  }

  #fail(error: unknown, request: ClientRequest): void {
    if (request !== this.#request && this.#isSecond) return;
    // What is wrong with what came behind the whole answer is the connection's, which is destroyed.
    if (this.#hasBegun && this.#response?.complete === true) return;
    if (this.#isStale(request)) return this.#repeat(request);
    const { code } = error as { readonly code?: unknown };
    const why = PlatformError.is(error) || typeof code !== "string" ? "no connection" : code;
    this.#refuse(this.#broke(why, error));
  }

  /** The upstream may have closed the connection before it saw the request: it may be repeated. */
  #isStale(request: ClientRequest): boolean {
    if (!request.reusedSocket || this.#hasBegun || this.#isSecond || this.#isOver) return false;
    const { hasBody, method } = this.#asked.exchange;
    return !hasBody && REPEATABLE.has(method);
  }

  /** Over a connection of its own: what else was kept has been idle as long. */
  #repeat(stale: ClientRequest): void {
    this.#isSecond = true;
    this.#request = this.#begin();
    stale.destroy();
  }

  /** The connection is for this request and none after it. */
  #isAlone(body: Uint8Array | IncomingMessage): boolean {
    const hasBody = !(body instanceof Uint8Array) || body.length > 0;
    return this.#isSecond || (hasBody && !BODIED.has(this.#asked.exchange.method));
  }

  #broke(why: string, cause?: unknown): PlatformError {
    return failStage("ROUTE_UPSTREAM_FAILED", { why }, cause);
  }

  #breakOff(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#asked.to.reset();
  }

  #refuse(error: PlatformError): void {
    if (this.#isOver) return;
    if (this.#hasBegun) this.#breakOff();
    else {
      this.#finish();
      this.#asked.to.fail(error);
    }
    this.#request.destroy();
  }

  #finish(): void {
    this.#isOver = true;
    this.#cancelWait();
    // The upstream would take the next request on the connection for what is missing of this one.
    if (!this.#request.writableEnded) this.#request.destroy();
  }
}

/**
 * As a server says that it closes a connection on which nothing came (RFC 9110, 15.5.9): it may
 * cross with a request. One that keeps the connection has read the request, and means it.
 */
function isTimedOut({ statusCode }: IncomingMessage, { shouldKeepAlive }: ClientRequest): boolean {
  return statusCode === 408 && !shouldKeepAlive;
}
