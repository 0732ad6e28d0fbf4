/** What a list of routes needs of the app that it is of. */
import type { Route, RouteTarget } from "./routes.ts";

/** Every function that a route leads to, has the files of, or asks who may call. Sorted. */
export function functionsOfRoutes(routes: readonly Route[]): readonly string[] {
  const named = routes.flatMap((route) => {
    const { auth } = route;
    const authorizer = typeof auth === "object" && "authorizer" in auth ? auth.authorizer : null;
    return [
      ...targetsOf(route).flatMap(functionOf),
      ...(authorizer === null ? [] : [authorizer.function]),
    ];
  });
  return [...new Set(named)].sort();
}

/** Where a route may lead, its downgrades included. */
function targetsOf({ to, downgrade }: Route): readonly RouteTarget[] {
  const others = downgrade?.to ?? [];
  return [to, ...others.filter((one): one is RouteTarget => one !== "stale")];
}

function functionOf(target: RouteTarget): readonly string[] {
  if ("function" in target) return [target.function];
  return "files" in target ? [target.files] : [];
}
