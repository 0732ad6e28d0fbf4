/**
 * Attempts at a target within the health of its route: none while its breaker is open, and another
 * after one that failed before anything of an answer had left, as far as the budget goes. One
 * breaker for each version, so that a release that fails does not hold back what it replaces.
 */
import { PlatformError, type Cancel, type Clock, type Random } from "@skerry/base";
import type { Route } from "@skerry/contracts";
import { createBreaker, heldUntilMs, judgeEnd, type Breaker, type Sign } from "@skerry/functions";
import type { AnswerSink } from "@skerry/http";
import { failStage } from "../errors.ts";
import type { RoutedCall } from "../ports.ts";
import { isFailing, isIllness } from "./failures.ts";
import { Gate, type FirstSign } from "./gate.ts";
import { createRetryBudget, decideRetry, earnRetries, type RetryBudget } from "./retry-budget.ts";

/** What is remembered of a route while its publication is served. */
export interface RouteHealth {
  readonly breakers: Map<string, Breaker>;
  readonly budget: RetryBudget | undefined;
}

export interface AttemptsInit {
  readonly route: Pick<Route, "retries" | "breaker">;
  /** For people. */
  readonly name: string;
  readonly health: RouteHealth;
  /** Of the target. */
  readonly version: string;
  /** RFC 9110, 9.2.2, and there is no body. */
  readonly isIdempotent: boolean;
  /** When the time of the request is over. */
  readonly dueMs: number;
  /** Throws why it is refused before it waits for anything. */
  readonly ask: (to: AnswerSink) => RoutedCall;
}

interface AttemptsDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/** Versions that take turns in one publication of a route. */
const BREAKERS_MAX = 16;
/** Who tries an open breaker may be lost without a word: so long until another may. */
const TRIAL_MS_MAX = 60_000;
/** A timer may ring so much before its time. */
const EARLY_MS = 1;

export function createRouteHealth({ retries }: Pick<Route, "retries">): RouteHealth {
  return {
    breakers: new Map(),
    budget: retries === undefined ? undefined : createRetryBudget(retries),
  };
}

export class Attempts implements RoutedCall {
  readonly #deps: AttemptsDeps;
  readonly #init: AttemptsInit;
  readonly #to: AnswerSink;
  #made = 0;
  #call: RoutedCall | undefined;
  #cancelRetry: (() => void) | undefined;
  /** One is under way whose end the breaker has not been told. */
  #open: { readonly isTrial: boolean; readonly cancel: Cancel } | undefined;
  #isOver = false;

  constructor(deps: AttemptsDeps, init: AttemptsInit, to: AnswerSink) {
    this.#deps = deps;
    this.#init = init;
    this.#to = to;
    const { retries } = init.route;
    if (retries !== undefined && init.health.budget !== undefined)
      earnRetries(init.health.budget, retries);
    this.#attempt();
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelRetry?.();
    const isLate = this.#deps.clock.monotonicMs() >= this.#init.dueMs - EARLY_MS;
    this.#ended(isLate ? "failed" : undefined);
    this.#call?.abandon();
  }

  #attempt(): void {
    this.#made += 1;
    const gate = new Gate(this.#to, (sign, signed) => this.#judge(sign, signed));
    const { name, ask } = this.#init;
    if (!this.#enterBreaker()) return gate.fail(failStage("ROUTE_BREAKER_OPEN", { route: name }));
    try {
      this.#call = ask(gate);
    } catch (error) {
      gate.fail(PlatformError.from(error));
    }
  }

  #judge(sign: FirstSign, gate: Gate): void {
    this.#ended(signOf(sign));
    const afterMs = "error" in sign && !this.#isOver ? this.#retryAfter(sign.error) : undefined;
    if (afterMs === undefined) {
      this.#isOver = true;
      return gate.open();
    }
    gate.drop();
    this.#cancelRetry = this.#deps.clock.schedule(afterMs, () => {
      this.#cancelRetry = undefined;
      if (!this.#isOver && !this.#to.isGone) this.#attempt();
    });
  }

  #retryAfter(error: PlatformError): number | undefined {
    const { route, health, isIdempotent, dueMs } = this.#init;
    if (route.retries === undefined || health.budget === undefined) return undefined;
    if (!isIdempotent || this.#to.isGone) return undefined;
    const leftMs = dueMs - this.#deps.clock.monotonicMs();
    const failed = { policy: route.retries, error, made: this.#made, leftMs };
    return decideRetry(health.budget, failed, this.#deps.random);
  }

  /** False while the breaker is open and another tries whether it may close. */
  #enterBreaker(): boolean {
    const { route, health, version } = this.#init;
    if (route.breaker === undefined) return true;
    const breaker = breakerOf(health, version);
    const nowMs = this.#deps.clock.monotonicMs();
    if (heldUntilMs(breaker, nowMs) > nowMs) return false;
    const isTrial = breaker.open !== undefined;
    let cancel: Cancel = () => undefined;
    if (breaker.open !== undefined) {
      breaker.open.isTrying = true;
      const lose = (): void => this.#ended(undefined);
      cancel = this.#deps.clock.schedule(TRIAL_MS_MAX, lose, { background: true });
    }
    this.#open = { isTrial, cancel };
    return true;
  }

  #ended(sign: Sign): void {
    const { route, health, version } = this.#init;
    if (this.#open === undefined || route.breaker === undefined) return;
    const { isTrial, cancel } = this.#open;
    cancel();
    this.#open = undefined;
    const now = { policy: route.breaker, nowMs: this.#deps.clock.monotonicMs() };
    judgeEnd(breakerOf(health, version), { sign, isTrial }, now);
  }
}

function breakerOf({ breakers }: RouteHealth, version: string): Breaker {
  const known = breakers.get(version);
  if (known !== undefined) return known;
  const [oldest] = breakers.keys();
  if (breakers.size >= BREAKERS_MAX && oldest !== undefined) breakers.delete(oldest);
  const made = createBreaker();
  breakers.set(version, made);
  return made;
}

/** What an answer says of its target: one that has too much to do, or was not asked, is not ill. */
function signOf(sign: FirstSign): Sign {
  if ("head" in sign) return isFailing(sign.head.status) ? "failed" : "well";
  return isIllness(sign.error) ? "failed" : undefined;
}
