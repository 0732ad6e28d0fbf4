/** Asks a target of a route, within the route's health where it has a breaker or retries. */
import type { Clock, Random } from "@skerry/base";
import type { AnswerSink } from "@skerry/http";
import type { Exchange } from "../exchange.ts";
import type { GuardedRoute } from "../guards/facts.ts";
import type { RoutedCall } from "../ports.ts";
import type { OpenTarget } from "../targets/target.ts";
import { Attempts, createRouteHealth, type RouteHealth } from "./attempts.ts";

/** RFC 9110, 9.2.2; QUERY is of RFC 10008. */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY"],
]);

/** What is known of the targets of routes, for as long as their publication is served. */
export class RouteHealths {
  readonly #of = new WeakMap<GuardedRoute, RouteHealth>();

  of(guarded: GuardedRoute): RouteHealth {
    const known = this.#of.get(guarded);
    if (known !== undefined) return known;
    const made = createRouteHealth(guarded.route);
    this.#of.set(guarded, made);
    return made;
  }
}

export interface AskDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly healths: RouteHealths;
}

/** Throws why the target is refused before it is asked, if nothing else is to be done then. */
export function askTarget(
  deps: AskDeps,
  { exchange, guarded, target }: Asked,
  { headers, to }: { readonly headers: readonly string[]; readonly to: AnswerSink },
): RoutedCall {
  const { route, name } = guarded;
  const ask = (sink: AnswerSink): RoutedCall => target.perform(headers, sink);
  const isPlain = route.retries === undefined && route.breaker === undefined;
  // What leaves HTTP does so past every sink.
  if (isPlain || exchange.came.upgrade !== undefined) return ask(to);
  const isIdempotent = IDEMPOTENT.has(exchange.method) && !exchange.hasBody;
  const dueMs = exchange.arrivedMs + (route.limits?.timeoutMs ?? Infinity);
  const health = deps.healths.of(guarded);
  const { version } = target;
  return new Attempts(deps, { route, name, health, version, isIdempotent, dueMs, ask }, to);
}

export interface Asked {
  readonly exchange: Exchange;
  readonly guarded: GuardedRoute;
  readonly target: OpenTarget;
}
