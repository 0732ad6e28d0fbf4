/**
 * Who may pass a route, and what is asked of a request before it goes on. In this order, so that
 * who is turned away costs little and uses up nothing of others: addresses, the rate of an address,
 * who calls, the rates of route and caller, how many are under way, sizes, schemas. A route that
 * asks nothing passes without a promise and without an allocation.
 *
 * Left out: CORS. A browser's preflight carries no credentials and is answered before.
 */
import type { Socket } from "node:net";
import type { Clock, IdSource, Log } from "@skerry/base";
import type { NetworkTarget } from "@skerry/contracts";
import type { KeyCheck } from "@skerry/requests";
import type { Functions } from "../ports.ts";
import { failGuard } from "./errors.ts";
import type { GuardedRoute, Passed, RequestFacts } from "./facts.ts";
import { checkKey } from "./key-guard.ts";

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
  /** Connects to where key sets lie; judges the address. */
  readonly connect: (target: NetworkTarget) => Promise<Socket>;
}

const PASSED: Passed = {};

export function createGuard(deps: GuardDeps): Guard {
  return {
    check(of, { came }) {
      const { auth } = of.route;
      if (auth === "none") return PASSED;
      if (auth === "key") return { principal: checkKey(deps.keys, of, came.req) };
      throw failGuard("ROUTE_AUTH_UNAVAILABLE", { route: of.name, why: "it is not known here" });
    },
  };
}
