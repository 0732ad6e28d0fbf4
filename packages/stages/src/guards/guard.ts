/**
 * Who may pass a route, and what is asked of a request before it goes on. In this order, so that
 * who is turned away costs little and uses up nothing of others: addresses, the rate of an address,
 * the announced size, who calls, how many are under way, the rates of route and caller, schemas. A
 * route that asks nothing passes without a promise and without an allocation.
 *
 * Left out: CORS. A browser's preflight carries no credentials and is answered before.
 */
import type { Socket } from "node:net";
import type { Clock, IdSource, Log } from "@skerry/base";
import type { NetworkTarget } from "@skerry/contracts";
import { addressBits, compileAddresses, type AddressSet } from "@skerry/routes";
import type { KeyCheck } from "@skerry/requests";
import type { Functions } from "../ports.ts";
import { failStage } from "../errors.ts";
import { AuthorizerGuard } from "./authorizer-guard.ts";
import { failGuard } from "./errors.ts";
import type { Caller, GuardedRoute, Passed, RequestFacts } from "./facts.ts";
import { BodyRoom } from "./body-room.ts";
import { fetchKeySet } from "./fetch-key-set.ts";
import { checkKey } from "./key-guard.ts";
import { KeySets } from "./key-sets.ts";
import { compileLimits, LimitBook, type RouteLimits } from "./route-limits.ts";
import {
  bodyMaxOf,
  checkParts,
  compileSchemas,
  takeBody,
  type RouteSchemas,
} from "./route-schemas.ts";
import { TokenGuard } from "./token-guard.ts";

export interface Guard {
  /**
   * Throws or rejects with a typed error when the request may not pass; `guardHeaders` has what
   * headers the refusal needs. A promise is given only where something is asked or read.
   */
  check(of: GuardedRoute, facts: RequestFacts): Passed | Promise<Passed>;
}

export interface GuardDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: IdSource;
  readonly keys: KeyCheck;
  /** For authorizers. */
  readonly functions: Functions;
  /** How many gateways share every limit. */
  readonly gateways: number;
  /** Bodies that are kept for their schemas; default `LIMITS.waitingBodyBytesMax`. */
  readonly bodiesBytesMax?: number;
  /** Connects to where key sets lie; judges the address. */
  readonly connect: (target: NetworkTarget) => Promise<Socket>;
}

/** What of a route is made ready once. */
interface Compiled {
  readonly limits: RouteLimits;
  readonly allow: AddressSet | undefined;
  readonly deny: AddressSet | undefined;
  readonly schemas: RouteSchemas;
}

const PASSED: Passed = {};
const ANYONE: Caller = {};

export function createGuard(deps: GuardDeps): Guard {
  return new RouteGuard(deps);
}

class RouteGuard implements Guard {
  readonly #deps: GuardDeps;
  readonly #limits: LimitBook;
  readonly #tokens: TokenGuard;
  readonly #bodies: BodyRoom;
  readonly #authorizers: AuthorizerGuard;
  readonly #compiled = new WeakMap<GuardedRoute, Compiled>();

  constructor(deps: GuardDeps) {
    const { clock, log } = deps;
    const fetch = (url: string): Promise<readonly unknown[]> => fetchKeySet(deps, url);
    this.#deps = deps;
    this.#limits = new LimitBook(clock);
    this.#bodies = new BodyRoom(deps.bodiesBytesMax);
    this.#tokens = new TokenGuard(clock, new KeySets({ clock, log, fetch }));
    this.#authorizers = new AuthorizerGuard(deps);
  }

  check(of: GuardedRoute, facts: RequestFacts): Passed | Promise<Passed> {
    if (isOpen(of)) return PASSED;
    const compiled = this.#compiledOf(of);
    const bits = addressBits(facts.clientIp) ?? "";
    checkAddress(of, compiled, bits);
    const isByAddress = compiled.limits.rate?.by === "ip";
    if (isByAddress) this.#limits.spend(of, compiled.limits, { bits });
    checkAnnounced(of, facts);
    const caller = this.#callerOf(of, facts);
    const enter = (known: Caller): Passed | Promise<Passed> => {
      const left = this.#limits.enter(of, compiled.limits);
      const room = compiled.schemas.body === undefined ? undefined : this.#bodies.open();
      const done = (): void => {
        left?.();
        room?.release();
      };
      const leave = (error: unknown): never => {
        done();
        throw error;
      };
      try {
        const { principal } = known;
        const who = principal === undefined ? { bits } : { bits, principal };
        if (!isByAddress) this.#limits.spend(of, compiled.limits, who);
        checkParts(of, compiled.schemas, facts);
        const body =
          room === undefined ? undefined : takeBody(of, compiled.schemas, { facts, room });
        if (body === undefined) return { ...known, done };
        return body.then((read) => ({ ...known, body: read, done })).catch(leave);
      } catch (error) {
        return leave(error);
      }
    };
    return caller instanceof Promise ? caller.then(enter) : enter(caller);
  }

  #compiledOf(of: GuardedRoute): Compiled {
    const known = this.#compiled.get(of);
    if (known !== undefined) return known;
    const { allow, deny } = of.route.ips ?? {};
    const compiled = {
      limits: compileLimits(of, this.#deps.gateways),
      allow: allow === undefined ? undefined : compileAddresses(allow),
      deny: deny === undefined ? undefined : compileAddresses(deny),
      schemas: compileSchemas(of),
    };
    this.#compiled.set(of, compiled);
    return compiled;
  }

  #callerOf(of: GuardedRoute, facts: RequestFacts): Caller | Promise<Caller> {
    const { auth } = of.route;
    if (auth === "none") return ANYONE;
    if (auth === "key") return { principal: checkKey(this.#deps.keys, of, facts.came.req) };
    if ("jwt" in auth) return this.#tokens.callerOf(of, auth.jwt, facts);
    return this.#authorizers.callerOf(of, auth.authorizer, facts);
  }
}

function isOpen({ route }: GuardedRoute): boolean {
  const { auth, ips, limits, schemas } = route;
  const isBare = ips === undefined && limits === undefined && schemas === undefined;
  return isBare && auth === "none";
}

/** An address that cannot be read is on no list: it is let in only where everyone is. */
function checkAddress(of: GuardedRoute, { allow, deny }: Compiled, bits: string): void {
  const isDenied = deny !== undefined && (bits === "" || deny.has(bits));
  if (!isDenied && (allow === undefined || allow.has(bits))) return;
  throw failGuard("ROUTE_ADDRESS_FORBIDDEN", { route: of.name });
}

/** What is longer than it says is refused by who reads it. */
function checkAnnounced({ route }: GuardedRoute, { came }: RequestFacts): void {
  const announced = came.req.headers["content-length"];
  if (announced === undefined) return;
  const bytesMax = bodyMaxOf(route);
  if (Number(announced) > bytesMax) throw failStage("ROUTE_BODY_TOO_LARGE", { bytesMax });
}
