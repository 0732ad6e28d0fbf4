/** How often something else than a route's target answered: in all, and for each route. */
import {
  ROUTE_FIGURES_MAX,
  ROUTE_LABEL_CHARS_MAX,
  type DowngradeReason,
  type RouteFigures,
  type StageEntry,
} from "@skerry/contracts";

const OTHER = "_other";
/** Rows of their own that routes of all accounts may have, and those of one. */
const OWN_MAX = ROUTE_FIGURES_MAX / 2;
const OWN_OF_ONE_MAX = OWN_MAX / 2;

type Counted = Omit<RouteFigures, "downgrades"> & { readonly downgrades: CountsByReason };
type CountsByReason = Partial<Record<DowngradeReason, number>>;

export class DowngradeCounts {
  readonly #byReason = new Map<DowngradeReason, number>();
  readonly #byRoute = new Map<string, Counted>();
  /** Rows of their own that the routes of each account have. */
  readonly #owns = new Map<string, number>();
  #ownCount = 0;

  /** Counts one of a route that goes by this name. */
  note(reason: DowngradeReason, route: string, { accountId, app, api, stage }: StageEntry): void {
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1);
    const own = { accountId, app, api, stage, route: route.slice(0, ROUTE_LABEL_CHARS_MAX) };
    const counted = this.#ownOf(own) ?? this.#othersOf(accountId);
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
  #ownOf(of: Omit<Counted, "downgrades">): Counted | undefined {
    const known = this.#byRoute.get(keyOf(of));
    const owns = this.#owns.get(of.accountId) ?? 0;
    const isFull = this.#ownCount >= OWN_MAX || owns >= OWN_OF_ONE_MAX;
    if (known !== undefined || isFull) return known;
    this.#owns.set(of.accountId, owns + 1);
    this.#ownCount += 1;
    return this.#add(of);
  }

  #othersOf(accountId: Counted["accountId"]): Counted | undefined {
    const of = { accountId, app: OTHER, api: OTHER, stage: OTHER, route: OTHER };
    const known = this.#byRoute.get(keyOf(of));
    if (known !== undefined || this.#byRoute.size >= ROUTE_FIGURES_MAX) return known;
    return this.#add(of);
  }

  #add(of: Omit<Counted, "downgrades">): Counted {
    const made = { ...of, downgrades: {} };
    this.#byRoute.set(keyOf(of), made);
    return made;
  }
}

function keyOf({ accountId, app, api, stage, route }: Omit<Counted, "downgrades">): string {
  return [accountId, app, api, stage, route].join("\n");
}
