/**
 * Rates and concurrency of routes, as far as this gateway holds them (ADR 0035). What is counted is
 * the route's by its name, so that a publication that leaves a limit as it was changes nothing.
 */
import { partOfCount, partOfRate, RateTable, type Clock, type TokenRate } from "@skerry/base";
import { rateLimitOf, type Route } from "@skerry/contracts";
import { callerOfAddress } from "@skerry/routes";
import { failGuard } from "./errors.ts";
import type { GuardedRoute } from "./facts.ts";

type RateBy = NonNullable<NonNullable<Route["limits"]>["rate"]>["by"];

/** The limits of one route, with this gateway's part of each. */
export interface RouteLimits {
  /** Names the route among all others. */
  readonly id: string;
  readonly rate: { readonly part: TokenRate; readonly by: RateBy } | undefined;
  readonly concurrency: number | undefined;
}

/** When something ends cannot be known; clients that come again after so long do no harm. */
const CONCURRENCY_RETRY_MS = 1_000;

export function compileLimits({ stage, name, route }: GuardedRoute, gateways: number): RouteLimits {
  const { rate, concurrency } = route.limits ?? {};
  const whole = rateLimitOf({ ratePerSecond: rate?.perSecond, burst: rate?.burst });
  return {
    id: `${stage.apiId}/${stage.stage}/${name}`,
    rate:
      rate === undefined || whole === undefined
        ? undefined
        : { part: partOfRate(whole, gateways), by: rate.by },
    concurrency: concurrency === undefined ? undefined : partOfCount(concurrency, gateways),
  };
}

export class LimitBook {
  readonly #clock: Clock;
  readonly #rates = new RateTable();
  /** Routes with requests under way, of those that bound them. */
  readonly #live = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Routes that are counted now. */
  get liveRoutes(): number {
    return this.#live.size;
  }

  /**
   * Throws ROUTE_RATE_LIMITED when the route, the address or the caller has used its rate up.
   * Without a principal the address is the caller. `bits` is of `addressBits`.
   */
  spend(of: GuardedRoute, limits: RouteLimits, who: { principal?: string; bits: string }): void {
    if (limits.rate === undefined) return;
    const { by, part } = limits.rate;
    const waitMs = this.#rates.spend(keyOf(limits.id, by, who), part, this.#clock.monotonicMs());
    if (waitMs === undefined) return;
    const { rate } = of.route.limits ?? {};
    throw failGuard("ROUTE_RATE_LIMITED", {
      route: of.name,
      by: WORDS[by],
      perSecond: rate?.perSecond ?? 0,
      retryAfterMs: waitMs,
    });
  }

  /** Counts one more under way until what it gives is called; throws when there are enough. */
  enter(of: GuardedRoute, { id, concurrency }: RouteLimits): (() => void) | undefined {
    if (concurrency === undefined) return undefined;
    const live = this.#live.get(id) ?? 0;
    if (live >= concurrency) {
      throw failGuard("ROUTE_CONCURRENCY_LIMITED", {
        route: of.name,
        concurrency: of.route.limits?.concurrency ?? 0,
        retryAfterMs: CONCURRENCY_RETRY_MS,
      });
    }
    this.#live.set(id, live + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = (this.#live.get(id) ?? 1) - 1;
      if (left > 0) this.#live.set(id, left);
      else this.#live.delete(id);
    };
  }
}

const WORDS: Readonly<Record<RateBy, string>> = {
  route: "all together",
  ip: "for each address",
  caller: "for each caller",
};

/** No two callers have one key: the kind of each stands in front of it. */
function keyOf(id: string, by: RateBy, who: { principal?: string; bits: string }): string {
  if (by === "route") return id;
  if (by === "caller" && who.principal !== undefined) return `${id}\np${who.principal}`;
  return `${id}\na${callerOfAddress(who.bits)}`;
}
