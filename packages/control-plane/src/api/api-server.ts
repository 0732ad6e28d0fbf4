/**
 * The control API over HTTP. Every request takes the same way: route, key, permission, input,
 * handler, answer. A handler cannot be reached without a permission check, because there is only
 * this one way, and the check needs nothing that a handler could forget.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { PlatformError, unreachable, type RequestId } from "@skerry/base";
import {
  authorize,
  GATEWAY_HEADERS,
  IDEMPOTENCY_HEADERS,
  parseInput,
  type Principal,
} from "@skerry/contracts";
import {
  sendBytes,
  sendError,
  sendJson,
  streamTo,
  type ParsedTarget,
  type RequestHandler,
} from "@skerry/http";
import { fail } from "../errors.ts";
import type { ApiDeps } from "./api-deps.ts";
import { createAuthenticator } from "./authenticate.ts";
import { awaitApplied } from "./await-applied.ts";
import type { OperationCall, OperationHandler, OperationHandlers } from "./call.ts";
import { createDocuments, type Documents } from "./documents.ts";
import { deploymentHandlers } from "./handle-deployments.ts";
import { functionHandlers } from "./handle-functions.ts";
import { callHandlers, eventHandlers, signInHandlers } from "./handle-page.ts";
import { isOpenMetrics, metricHandlers, metricsAnswer } from "./handle-metrics.ts";
import { doctorHandlers } from "./handle-doctor.ts";
import { platformHandlers } from "./handle-platform.ts";
import { keyHandlers, recordHandlers } from "./handle-records.ts";
import { idempotencyOf, type Idempotency } from "./idempotency.ts";
import { readJsonBody } from "./json-body.ts";
import { parseParams, parseQuery } from "./params.ts";
import { assertConditions, isKnown } from "./preconditions.ts";
import { RepeatedCalls, type RepeatedAnswer } from "./repeated-calls.ts";
import { createRoutes, type Route } from "./routes.ts";
import { storeModule } from "../store-module.ts";

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

/** One request on its way. */
interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: ParsedTarget;
  readonly requestId: RequestId;
}

interface Asked {
  readonly route: Route;
  readonly principal: Principal;
  readonly signal: AbortSignal;
}

class Api {
  readonly #deps: ApiDeps;
  readonly #handlers: OperationHandlers;
  readonly #route = createRoutes();
  readonly #documents: Documents;
  readonly #repeated: RepeatedCalls;
  readonly #authenticate: ReturnType<typeof createAuthenticator>;
  readonly #stopping = new AbortController();
  #open = 0;

  constructor(deps: ApiDeps) {
    this.#deps = deps;
    this.#authenticate = createAuthenticator(deps);
    this.#documents = createDocuments(deps);
    this.#repeated = new RepeatedCalls({
      find: (claim) =>
        deps.store.call(storeModule, "findRepeat", { claim, wallMs: deps.clock.wallMs() }),
    });
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
    if (this.#documents.send(exchange)) return;
    const route = this.#route(req.method ?? "", target.segments);
    if (isOpenMetrics(this.#deps, route, req)) {
      const answer = await metricsAnswer(this.#deps, this.#deps.accountId);
      return send(exchange, route, { answer, isReplay: false });
    }
    const principal = await this.#authenticate(req);
    assertAllowed(principal, route);
    assertConditions(req, route, this.#deps.limits);
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    res.once("close", onClose);
    try {
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      await send(exchange, route, await this.#answer(exchange, { route, principal, signal }));
    } finally {
      res.off("close", onClose);
    }
  }

  async #answer(exchange: Exchange, asked: Asked): Promise<RepeatedAnswer> {
    const { route, signal } = asked;
    const { call, idempotency } = await this.#callOf(exchange, asked);
    const handler = this.#handlers[route.name] as OperationHandler<never>;
    if (idempotency === undefined) return { answer: await handler(call), isReplay: false };
    const answered = await this.#repeated.answer({
      ...{ claim: idempotency.claim, signal, streams: route.operation.body === "zip" },
      perform: (waited) => handler({ ...call, signal: waited }),
      restore: (kept) => idempotency.restore(kept),
    });
    if (answered.isReplay) await awaitApplied(this.#deps, this.#deps.feed.seq, signal);
    return answered;
  }

  async #callOf(
    { req, target, requestId }: Exchange,
    { route, principal, signal }: Asked,
  ): Promise<{ readonly call: OperationCall<never>; readonly idempotency?: Idempotency }> {
    const { operation } = route;
    const { query: querySchema, body: bodySchema } = operation;
    const { ids, clock } = this.#deps;
    const params = parseParams(route.params);
    const query = parseQuery(querySchema, target.rawQuery);
    const hasJson = bodySchema !== undefined && bodySchema !== "zip";
    const sent = hasJson ? await readJsonBody(req, this.#deps) : undefined;
    const body = hasJson ? parseInput(bodySchema, sent, "body") : undefined;
    const { accountId, keyId } = principal;
    const idempotency = idempotencyOf(this.#deps, { req, operation, keyId, target, sent });
    const call = {
      ...{ principal, requestId, params, req, signal, isHead: route.isHead },
      ...{ query: query as never, body: body as never },
      stamp: (answer?: unknown) => ({
        ...{ id: ids.id("aud"), accountId, keyId, requestId, atMs: clock.wallMs() },
        claim: idempotency?.keep(answer) ?? null,
      }),
    };
    return idempotency === undefined ? { call } : { call, idempotency };
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

async function send(
  { req, res, requestId }: Exchange,
  { operation }: Route,
  { answer, isReplay }: RepeatedAnswer,
): Promise<void> {
  const { status, secret } = operation;
  const headers: string[] = [GATEWAY_HEADERS.requestId, requestId];
  if (isReplay) headers.push(IDEMPOTENCY_HEADERS.replayed, "true");
  if (secret === true) headers.push("Cache-Control", "no-store");
  switch (answer.kind) {
    case "json":
      headers.push(...(answer.headers ?? []));
      if (answer.etag !== undefined) headers.push("ETag", answer.etag);
      if (isKnown(req.headers["if-none-match"], answer.etag)) {
        return sendBytes(res, { status: 304, headers }, "");
      }
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
