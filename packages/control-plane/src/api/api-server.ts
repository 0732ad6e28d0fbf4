/**
 * The control API over HTTP. Every request takes the same way: route, key, permission, input,
 * handler, answer. A handler cannot be reached without a permission check, because there is only
 * this one way, and the check needs nothing that a handler could forget.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type Answer,
  assertConditions,
  assertMay,
  createDocuments,
  createRoutes,
  type Documents,
  isKnown,
  OpenRequests,
  type OperationCall,
  type OperationHandler,
  type OperationHandlers,
  parseParams,
  parseQuery,
  readJsonBody,
  type Route,
} from "@skerry/api-serving";
import { PlatformError, unreachable, type Clock, type RequestId } from "@skerry/base";
import { IDEMPOTENCY_HEADERS, type Operation } from "@skerry/api-schema";
import { GATEWAY_HEADERS, type Principal } from "@skerry/contracts";
import { parseInput } from "@skerry/contracts/schemas";
import {
  sendBytes,
  sendError,
  sendJson,
  streamTo,
  type ParsedTarget,
  type RequestHandler,
} from "@skerry/http";
import { fail } from "../errors.ts";
import { encodeAnswer, withLastEventId } from "./line-answers.ts";
import type { ApiDeps } from "./api-deps.ts";
import { createAuthenticator } from "./authenticate.ts";
import { awaitApplied, withBehind } from "./await-applied.ts";
import { configHandlers } from "./handle-configs.ts";
import { deploymentHandlers } from "./handle-deployments.ts";
import { functionHandlers } from "./handle-functions.ts";
import { callHandlers, eventHandlers, signInHandlers } from "./handle-page.ts";
import { limitHandlers } from "./handle-limits.ts";
import { isOpenMetrics, metricHandlers, metricsAnswer } from "./handle-metrics.ts";
import { doctorHandlers } from "./handle-doctor.ts";
import { platformHandlers } from "./handle-platform.ts";
import { keyHandlers, recordHandlers } from "./handle-records.ts";
import { serverKeyHandlers } from "./handle-server-keys.ts";
import { secretHandlers } from "./handle-secrets.ts";
import { idempotencyOf, type Idempotency } from "./idempotency.ts";
import { releaseDepsOf } from "./platform-books.ts";
import { RepeatRoom } from "./repeat-room.ts";
import {
  domainHandlers,
  figureHandlers,
  gatewayApiHandlers,
  releaseHandlers,
} from "@skerry/release-api";
import { RepeatedCalls, type RepeatedAnswer } from "@skerry/repeats";
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
  readonly clock: Clock;
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
  readonly #openRequests: OpenRequests;
  readonly #repeated: RepeatedCalls<Answer>;
  readonly #repeatRoom: RepeatRoom;
  readonly #authenticate: ReturnType<typeof createAuthenticator>;
  readonly #stopping = new AbortController();
  #open = 0;

  constructor(deps: ApiDeps) {
    this.#deps = deps;
    this.#authenticate = createAuthenticator(deps);
    this.#documents = createDocuments(deps);
    this.#openRequests = new OpenRequests(deps);
    this.#repeatRoom = new RepeatRoom(deps);
    this.#repeated = new RepeatedCalls<Answer>({
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
      ...secretHandlers(deps),
      ...serverKeyHandlers(deps),
      ...limitHandlers(deps),
      ...configHandlers(deps),
      ...deps.events.handlers,
      ...releaseHandlers(releaseDepsOf(deps)),
      ...gatewayApiHandlers(releaseDepsOf(deps)),
      ...domainHandlers(releaseDepsOf(deps)),
      ...figureHandlers({ ...deps, module: storeModule, figures: deps.metrics }),
    };
  }

  stop(): void {
    this.#stopping.abort();
  }

  async handle(req: IncomingMessage, res: ServerResponse, target: ParsedTarget): Promise<void> {
    const { ids, clock } = this.#deps;
    const exchange = { req, res, target, requestId: ids.requestId(), clock };
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
    const leave = this.#openRequests.enter(principal.keyId);
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    res.once("close", onClose);
    const unwatch = this.#openRequests.watch(async () => {
      assertAllowed(await this.#authenticate(req), route);
    }, onClose);
    try {
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      await send(exchange, route, await this.#answer(exchange, { route, principal, signal }));
    } finally {
      unwatch();
      leave();
      res.off("close", onClose);
    }
  }

  async #answer(exchange: Exchange, asked: Asked): Promise<RepeatedAnswer<Answer>> {
    const { route, signal } = asked;
    const { call, idempotency } = await this.#callOf(exchange, asked);
    const handler = this.#handlers[route.name] as OperationHandler<never>;
    if (idempotency === undefined) return { answer: await handler(call), isReplay: false };
    const answered = await this.#repeated.answer({
      ...{ claim: idempotency.claim, signal, streams: route.operation.body === "zip" },
      perform: async (waited) => {
        await this.#repeatRoom.make(asked.principal);
        const answer = await handler({ ...call, signal: waited });
        this.#repeatRoom.add(asked.principal, answer);
        return answer;
      },
      restore: (kept) => idempotency.restore(kept),
    });
    if (!answered.isReplay) return answered;
    const behind = await awaitApplied(this.#deps, this.#deps.feed.seq, signal);
    return { ...answered, answer: withBehind(answered.answer, behind) };
  }

  async #callOf(
    { req, target, requestId }: Exchange,
    { route, principal, signal }: Asked,
  ): Promise<{ readonly call: OperationCall<never>; readonly idempotency?: Idempotency }> {
    const { operation } = route;
    const { query: querySchema, body: bodySchema } = operation;
    const { ids, clock } = this.#deps;
    const params = parseParams(route.params);
    const rawQuery = operation.answer === "lines" ? withLastEventId(req, target) : target.rawQuery;
    const query = parseQuery(querySchema, rawQuery);
    const hasJson = bodySchema !== undefined && bodySchema !== "zip";
    const sent = hasJson ? await readJsonBody(req, this.#deps, operation) : undefined;
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
  assertMay(principal, operation.action, params["app"]);
}

function statusOf({ status, knownStatus = status }: Operation, answer: Answer): number {
  if (answer.kind !== "json") return status;
  return (answer.value as { readonly isNew?: boolean }).isNew === false ? knownStatus : status;
}

/** What users keep may be a page: this origin is where the start page is signed in. */
const AS_A_FILE = [
  ...["Content-Type", "application/octet-stream", "Content-Disposition", "attachment"],
  ...["X-Content-Type-Options", "nosniff", "Cache-Control", "no-store"],
];

async function send(
  { req, res, requestId, clock }: Exchange,
  { operation }: Route,
  { answer, isReplay }: RepeatedAnswer<Answer>,
): Promise<void> {
  const { secret } = operation;
  const status = statusOf(operation, answer);
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
    case "bytes":
      headers.push(...AS_A_FILE);
      return sendBytes(res, { status, headers }, Buffer.from(answer.bytes));
    case "lines":
      headers.push("Cache-Control", "no-store");
      return streamTo(res, { status, headers }, encodeAnswer(answer, { req, headers, clock }));
    default:
      return unreachable(answer);
  }
}
