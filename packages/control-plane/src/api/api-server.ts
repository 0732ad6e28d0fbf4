/**
 * The control API over HTTP. Every request takes the same way: route, key, permission, input,
 * handler, answer. A handler cannot be reached without a permission check, because there is only
 * this one way, and the check needs nothing that a handler could forget.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { PlatformError, unreachable, type RequestId } from "@skerry/base";
import { authorize, GATEWAY_HEADERS, parseInput, type Principal } from "@skerry/contracts";
import {
  sendBytes,
  sendError,
  sendJson,
  streamTo,
  type ParsedTarget,
  type RequestHandler,
} from "@skerry/http";
import { fail } from "../errors.ts";
import { repeatClaim, type RepeatClaim } from "../repeats.ts";
import type { ApiDeps } from "./api-deps.ts";
import { createAuthenticator } from "./authenticate.ts";
import type { Answer, OperationCall, OperationHandler, OperationHandlers } from "./call.ts";
import { deploymentHandlers } from "./handle-deployments.ts";
import { functionHandlers } from "./handle-functions.ts";
import { callHandlers, eventHandlers, signInHandlers } from "./handle-page.ts";
import { isOpenMetrics, metricHandlers, metricsAnswer } from "./handle-metrics.ts";
import { doctorHandlers } from "./handle-doctor.ts";
import { platformHandlers } from "./handle-platform.ts";
import { keyHandlers, recordHandlers } from "./handle-records.ts";
import { readJsonBody } from "./json-body.ts";
import { parseParams, parseQuery } from "./params.ts";
import { createRoutes, type Route } from "./routes.ts";

export interface ApiServer {
  /** For `serveHttp`. Never rejects. */
  readonly handle: RequestHandler;
  /**
   * Lets follows end and waits be answered, so that the listener can drain; requests are still
   * served.
   */
  stop(): void;
}

/** Creates the API over its operations. */
export function createApiServer(deps: ApiDeps): ApiServer {
  const server = new Api(deps);
  return {
    handle: (req, res, target) => server.handle(req, res, target),
    stop: () => server.stop(),
  };
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]+$/;

/** One request on its way. */
interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: ParsedTarget;
  readonly requestId: RequestId;
}

class Api {
  readonly #deps: ApiDeps;
  readonly #handlers: OperationHandlers;
  readonly #route = createRoutes();
  readonly #authenticate: ReturnType<typeof createAuthenticator>;
  readonly #stopping = new AbortController();
  #open = 0;

  constructor(deps: ApiDeps) {
    this.#deps = deps;
    this.#authenticate = createAuthenticator(deps);
    this.#handlers = {
      ...platformHandlers(deps),
      ...doctorHandlers(deps),
      ...metricHandlers(deps),
      ...functionHandlers(deps),
      ...deploymentHandlers(deps),
      ...recordHandlers(deps),
      ...keyHandlers(deps),
      ...signInHandlers(deps),
      ...callHandlers(deps),
      ...eventHandlers(deps),
    };
  }

  stop(): void {
    this.#stopping.abort();
  }

  async handle(req: IncomingMessage, res: ServerResponse, target: ParsedTarget): Promise<void> {
    const exchange = { req, res, target, requestId: this.#deps.ids.requestId() };
    this.#open += 1;
    try {
      await this.#serve(exchange);
    } catch (error) {
      this.#refuse(exchange, error);
    } finally {
      this.#open -= 1;
    }
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { req, res, target } = exchange;
    const { requestsMax } = this.#deps.limits;
    if (this.#open > requestsMax) {
      throw fail("API_OVERLOADED", { requestsMax, retryAfterMs: 1_000 });
    }
    const route = this.#route(req.method ?? "", target.segments);
    if (isOpenMetrics(this.#deps, route, req)) {
      return send(exchange, route, await metricsAnswer(this.#deps, this.#deps.accountId));
    }
    const principal = await this.#authenticate(req);
    assertAllowed(principal, route);
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    res.once("close", onClose);
    try {
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      const call = await this.#callOf(exchange, { route, principal, signal });
      const handler = this.#handlers[route.name] as OperationHandler<never>;
      await send(exchange, route, await handler(call));
    } finally {
      res.off("close", onClose);
    }
  }

  async #callOf(
    { req, target, requestId }: Exchange,
    asked: { readonly route: Route; readonly principal: Principal; readonly signal: AbortSignal },
  ): Promise<OperationCall<never>> {
    const { route, principal, signal } = asked;
    const { query: querySchema, body: bodySchema, method } = route.operation;
    const { ids, clock, limits } = this.#deps;
    const params = parseParams(route.params);
    const query = parseQuery(querySchema, target.rawQuery);
    const hasJson = bodySchema !== undefined && bodySchema !== "zip";
    const body = hasJson
      ? parseInput(bodySchema, await readJsonBody(req, this.#deps), "body")
      : undefined;
    const { accountId, keyId } = principal;
    const claim = (): RepeatClaim | null => {
      const token = idempotencyKeyOf(req, limits.idempotencyKeyCharsMax);
      if (token === undefined) return null;
      const parts = [method, target.rawPath, JSON.stringify(body)];
      return repeatClaim({ keyId, token, parts, expiresAtMs: clock.wallMs() + limits.repeatTtlMs });
    };
    return {
      ...{
        principal,
        requestId,
        params,
        query: query as never,
        body: body as never,
        req,
        signal,
        claim,
      },
      isHead: route.isHead,
      stamp: () => ({ id: ids.id("aud"), accountId, keyId, requestId, atMs: clock.wallMs() }),
    };
  }

  #refuse({ req, res, requestId }: Exchange, thrown: unknown): void {
    const error = PlatformError.from(thrown);
    if (error.audience === "operator" || error.httpStatus >= 500) {
      const { method, url } = req;
      this.#deps.log.error("request failed", { requestId, method, url, error: thrown });
    }
    const headers: string[] = [GATEWAY_HEADERS.requestId, requestId];
    const { allowed } = error.details;
    if (Array.isArray(allowed)) headers.push("Allow", allowed.join(", "));
    if (error.code === "UNAUTHENTICATED") headers.push("WWW-Authenticate", "Bearer");
    sendError(res, error, { requestId, headers });
  }
}

function assertAllowed(principal: Principal, { operation, params }: Route): void {
  const { action } = operation;
  const app = params["app"];
  const { accountId, role } = principal;
  if (authorize(principal, action, app === undefined ? { accountId } : { accountId, app })) return;
  throw fail("ACTION_DENIED", { role, action, resource: app === undefined ? "the account" : app });
}

/** A list holds one header of the name at most; Node joins repeated ones with a comma. */
function idempotencyKeyOf(req: IncomingMessage, charsMax: number): string | undefined {
  const token = req.headers["idempotency-key"];
  if (token === undefined) return undefined;
  if (typeof token !== "string" || token.length > charsMax || !IDEMPOTENCY_KEY.test(token)) {
    throw fail("IDEMPOTENCY_KEY_INVALID", { charsMax });
  }
  return token;
}

async function send({ res, requestId }: Exchange, route: Route, answer: Answer): Promise<void> {
  const { status } = route.operation;
  const headers: string[] = [GATEWAY_HEADERS.requestId, requestId];
  switch (answer.kind) {
    case "json":
      headers.push(...(answer.headers ?? []));
      return sendJson(res, { status, headers }, answer.value);
    case "empty":
      return sendBytes(res, { status, headers }, "");
    case "text":
      headers.push("Content-Type", answer.contentType, "Cache-Control", "no-store");
      return sendBytes(res, { status, headers }, answer.text);
    case "lines":
      headers.push("Content-Type", "application/x-ndjson", "Cache-Control", "no-store");
      return streamTo(res, { status, headers }, encodeLines(answer.lines));
    default:
      return unreachable(answer);
  }
}

async function* encodeLines(lines: AsyncIterable<unknown>): AsyncIterable<Uint8Array> {
  for await (const line of lines) yield Buffer.from(`${JSON.stringify(line)}\n`);
}
