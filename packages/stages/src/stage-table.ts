/**
 * Routes of publications, compiled when a request first meets them. A table is kept for the very
 * entry of the config log that it was made from and goes with it, so that a request is routed by
 * one publication from its beginning to its end.
 */
import type { Route, StageEntry } from "@skerry/contracts";
import { compileRoutes, routeLabel, type RouteTable } from "@skerry/routes";
import type { GuardedRoute } from "./guards/facts.ts";

/** A route with what guards are told of it. */
type ServedRoute = Route & { readonly guarded: GuardedRoute };

export class StageTables {
  readonly #tables = new WeakMap<StageEntry, RouteTable<ServedRoute>>();

  of(entry: StageEntry): RouteTable<ServedRoute> {
    const known = this.#tables.get(entry);
    if (known !== undefined) return known;
    const { routes, ...stage } = entry;
    const table = compileRoutes(
      routes.map((route) => ({ ...route, guarded: { stage, name: routeLabel(route), route } })),
    );
    this.#tables.set(entry, table);
    return table;
  }
}
