/** What a list of routes needs of the app that it is of. */
import type { Route, RouteTarget } from "./schemas/routes.ts";

/** A function as a route names it: by the stage's qualifier, when it has none of its own. */
export interface RouteFunction {
  readonly function: string;
  readonly qualifier?: string | undefined;
}

/** Each function that a route leads to, has the files of, or asks who may call, each time. */
export function namedByRoutes(routes: readonly Route[]): readonly RouteFunction[] {
  return routes.flatMap((route) => {
    const { auth } = route;
    const authorizer = typeof auth === "object" && "authorizer" in auth ? [auth.authorizer] : [];
    return [...targetsOf(route).flatMap(functionOf), ...authorizer];
  });
}

/** Names of these. Sorted. */
export function functionsOfRoutes(routes: readonly Route[]): readonly string[] {
  return [...new Set(namedByRoutes(routes).map((named) => named.function))].sort();
}

/** Where a route may lead, its downgrades included. */
function targetsOf({ to, downgrade }: Route): readonly RouteTarget[] {
  const others = downgrade?.to ?? [];
  return [to, ...others.filter((one): one is RouteTarget => one !== "stale")];
}

function functionOf(target: RouteTarget): readonly RouteFunction[] {
  if ("function" in target) return [target];
  if (!("files" in target)) return [];
  return [{ function: target.files, qualifier: target.qualifier }];
}
