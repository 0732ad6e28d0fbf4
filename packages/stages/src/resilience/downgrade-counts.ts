/** How often something else than a route's target answered: in all, and for each route. */
import {
  ROUTE_FIGURES_MAX,
  ROUTE_LABEL_CHARS_MAX,
  type DowngradeReason,
  type RouteFigures,
  type StageEntry,
} from "@skerry/contracts";

const OTHER = "_other";

type Counted = Omit<RouteFigures, "downgrades"> & { readonly downgrades: CountsByReason };
type CountsByReason = Partial<Record<DowngradeReason, number>>;

export class DowngradeCounts {
  readonly #byReason = new Map<DowngradeReason, number>();
  readonly #byRoute = new Map<string, Counted>();

  /** Counts one of a route that goes by this name. */
  note(reason: DowngradeReason, route: string, { accountId, app, api, stage }: StageEntry): void {
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1);
    const own = { accountId, app, api, stage, route: route.slice(0, ROUTE_LABEL_CHARS_MAX) };
    const rest = { accountId, app: OTHER, api: OTHER, stage: OTHER, route: OTHER };
    const counted = this.#countOf(own, ROUTE_FIGURES_MAX / 2) ?? this.#countOf(rest);
    if (counted === undefined) return;
    counted.downgrades[reason] = (counted.downgrades[reason] ?? 0) + 1;
  }

  get byReason(): ReadonlyMap<DowngradeReason, number> {
    return this.#byReason;
  }

  get byRoute(): readonly RouteFigures[] {
    return [...this.#byRoute.values()];
  }

  /** Undefined where there is no room for another. */
  #countOf(of: Omit<Counted, "downgrades">, countMax = ROUTE_FIGURES_MAX): Counted | undefined {
    const key = Object.values(of).join("\n");
    const known = this.#byRoute.get(key);
    if (known !== undefined || this.#byRoute.size >= countMax) return known;
    const made = { ...of, downgrades: {} };
    this.#byRoute.set(key, made);
    return made;
  }
}
