/**
 * The door of gateway APIs: takes a request of a stage through the route that takes it, past what
 * guards that, to its target, and sees to it that there is one answer in time.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  PlatformError,
  type Clock,
  type GatewayId,
  type IdSource,
  type Random,
} from "@skerry/base";
import type { RoleValue, RouteFigures } from "@skerry/contracts";
import { sendPrepared, takesPrepared, type Covered } from "@skerry/http";
import type { ResponseCache } from "@skerry/response-cache";
import { findRoute, rewriteHeaders, withCors } from "@skerry/routes";
import { AccessLog, type AccessLogDeps } from "./access-log.ts";
import { ClientAddresses } from "./client-address.ts";
import type { ChangeHead } from "./client-sink.ts";
import { failStage } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import type { GuardedRoute, Passed } from "./guards/facts.ts";
import type { Guard } from "./guards/guard.ts";
import { KeptAnswers, type PurgesView } from "./kept-answers.ts";
import { KnownAnswers } from "./known-answers.ts";
import type { CameRequest, Functions } from "./ports.ts";
import { answerRoute, type AnswerDeps, type RouteAnswer } from "./resilience/answer-route.ts";
import { DowngradeCounts } from "./resilience/downgrade-counts.ts";
import { RouteHealths } from "./resilience/ask-target.ts";
import { routeValues } from "./route-values.ts";
import { StageAddresses, type StagesView } from "./stage-address.ts";
import { StageTables } from "./stage-table.ts";
import { Upstreams, type ConnectOut } from "./targets/upstreams.ts";

export interface StageDoorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Pick<IdSource, "requestId">;
  readonly stages: StagesView & PurgesView;
  readonly cache: ResponseCache;
  readonly gatewayId: GatewayId;
  readonly accessSpool: AccessLogDeps["spool"];
  readonly functions: Functions;
  readonly guard: Guard;
  /** Where the tree of a function's source lies. */
  readonly sourceDirectory: (digest: string) => string;
  /** Connects to upstreams, where users' names may lead. */
  readonly connectOut: ConnectOut;
  /** Peers whose word on the client is taken: addresses and networks. */
  readonly trustedProxies: readonly string[];
  /** As connections of clients are told. */
  readonly keepAliveTimeoutMs: number;
  /** False until anything is known of the configuration. */
  isReady(): boolean;
}

export class StageDoor {
  readonly #deps: StageDoorDeps;
  readonly #access: AccessLog;
  readonly #addresses: StageAddresses;
  readonly #tables = new StageTables();
  readonly #clients: ClientAddresses;
  readonly #answerDeps: AnswerDeps;
  readonly #downgrades = new DowngradeCounts();
  readonly #upstreams: Upstreams;
  readonly #kept: KeptAnswers;
  readonly #known: KnownAnswers;

  constructor(deps: StageDoorDeps) {
    this.#deps = deps;
    this.#addresses = new StageAddresses(deps.stages);
    this.#access = new AccessLog({ ...deps, spool: deps.accessSpool });
    this.#kept = new KeptAnswers(deps.cache, deps.stages);
    this.#known = new KnownAnswers(deps.keepAliveTimeoutMs);
    this.#upstreams = new Upstreams(deps.connectOut);
    this.#clients = new ClientAddresses(deps.trustedProxies);
    this.#answerDeps = {
      ...{ ...deps, healths: new RouteHealths(), upstreams: this.#upstreams, kept: this.#kept },
      downgrades: this.#downgrades,
    };
  }

  /** Of a request that is for a function's own URL: its headers, with how it came. */
  withScheme(req: IncomingMessage, flat: string[]): string[] {
    return this.#clients.withScheme(req, flat);
  }

  /** Of the client, as far as trusted peers tell. */
  addressOf(req: IncomingMessage): string {
    return this.#clients.of(req).address;
  }

  /** The configuration has changed. */
  update(): void {
    this.#addresses.forget();
    this.#known.forget();
    this.#kept.update();
  }

  /** What is counted here. */
  values(): readonly RoleValue[] {
    const { statuses, dropped } = this.#access;
    const cache = this.#deps.cache.figures();
    return routeValues({ statuses, dropped, downgrades: this.#downgrades.byReason, cache });
  }

  /** What is counted of each route. */
  routeFigures(): readonly RouteFigures[] {
    return this.#downgrades.byRoute;
  }

  /** Writes down what there is to tell, and ends the connections that it keeps. */
  close(): void {
    this.#access.flush();
    this.#upstreams.close();
  }

  /** Answers a request as another one that said the same; false for any that is to be looked at. */
  takeKnown(req: IncomingMessage, res: ServerResponse, covered: Covered | undefined): boolean {
    const known = this.#known.find(req);
    if (known === undefined || !takesPrepared(res)) return false;
    const { clock, ids } = this.#deps;
    const arrivedMs = clock.monotonicMs();
    const { address, isEncrypted, isTrusted } = this.#clients.of(req);
    if (isEncrypted !== known.way.isEncrypted || isTrusted !== known.way.isTrusted) return false;
    if (covered?.hasCovered(known.host) === false || !this.#kept.again(known.hit)) return false;
    const id = ids.requestId();
    const message = this.#known.messageOf(known);
    this.#access.noteKnown(known.access, { id, clientIp: address, arrivedMs });
    sendPrepared(res, message, id);
    return true;
  }

  /**
   * Takes a request for a stage; false for any other, which costs one look into a map. Throws what
   * is refused before it is known where it leads.
   */
  take(came: CameRequest): boolean {
    const address = this.#addresses.read(came.target, came.req.headers.host);
    if (address === undefined) return false;
    const { entry } = address;
    if (entry === undefined) {
      throw failStage(this.#deps.isReady() ? "STAGE_UNSERVED" : "STAGES_UNKNOWN");
    }
    const client = this.#clients.of(came.req);
    const exchange = new Exchange(this.#deps, { came, address, entry }, client);
    // Said once by Node; `once` would wrap the listener for each request.
    came.res.on("close", () => this.#closed(exchange));
    this.#handle(exchange);
    return true;
  }

  #closed(exchange: Exchange): void {
    this.#access.note(exchange);
    exchange.onClose();
  }

  #handle(exchange: Exchange): void {
    const fail = (error: unknown): void => exchange.sink.fail(PlatformError.from(error));
    try {
      const guarded = this.#route(exchange);
      if (guarded === undefined) return;
      const passed = this.#deps.guard.check(guarded, exchange);
      if (!(passed instanceof Promise)) return this.#enter(exchange, passed);
      passed.then((one) => this.#enter(exchange, one)).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Finds the route; undefined when the question for it is the answer already. */
  #route(exchange: Exchange): GuardedRoute | undefined {
    const { sink, came, entry, address, method } = exchange;
    const request = { host: address.hostname, segments: came.target.segments, method };
    const found = findRoute(this.#tables.of(entry), request, came.req.rawHeaders);
    switch (found.kind) {
      case "found": {
        const { guarded } = found.route;
        exchange.guarded = guarded;
        exchange.params = found.params;
        sink.change = this.#changeOf(exchange, guarded);
        return guarded;
      }
      case "options":
        sink.whole({ status: 204, headers: found.headers }, EMPTY);
        return undefined;
      case "method":
        sink.change = (_, headers) => [...headers, "allow", found.allowed.join(", ")];
        throw failStage("ROUTE_METHOD_REFUSED");
      case "missing":
        throw failStage("ROUTE_NOT_FOUND");
    }
  }

  /** It has passed the guards: asks the target. */
  #enter(exchange: Exchange, passed: Passed): void {
    const { sink, came, guarded } = exchange;
    exchange.passed = passed;
    if (came.res.destroyed || guarded === undefined) return passed.done?.();
    let answer: RouteAnswer | undefined;
    exchange.onClose = () => {
      answer?.abandon();
      passed.done?.();
    };
    this.#bound(exchange, guarded, (error) => answer?.expire(error) ?? true);
    try {
      answer = answerRoute(this.#answerDeps, exchange, guarded);
    } catch (error) {
      sink.fail(PlatformError.from(error));
    }
    const { hit } = exchange;
    if (hit !== undefined) this.#known.learn(exchange, hit, () => this.#access.knownOf(exchange));
  }

  /** Sees to it that a target that takes too long is not waited for. */
  #bound(
    { sink }: Exchange,
    { name, route }: GuardedRoute,
    expire: (error: PlatformError) => boolean,
  ): void {
    const { timeoutMs } = route.limits ?? {};
    if (timeoutMs === undefined) return;
    const error = failStage("ROUTE_TIMEOUT", { route: name, timeoutMs });
    const ring = (): void => {
      if (!expire(error)) arm();
    };
    const arm = (): void => {
      sink.onAnswer = this.#deps.clock.schedule(timeoutMs, ring, { background: true });
    };
    arm();
  }

  /** What of each answer is the route's to say. */
  #changeOf(exchange: Exchange, { route: { cors, rewrite } }: GuardedRoute): ChangeHead {
    const { response } = rewrite ?? {};
    const { origin } = exchange.came.req.headers;
    return (status, headers) => {
      this.#kept.noteAnswer(exchange, status, headers);
      const changed =
        response === undefined ? headers : rewriteHeaders(response, headers, exchange.values);
      return cors === undefined ? changed : withCors(cors, origin, changed);
    };
  }
}

const EMPTY = new Uint8Array(0);
