/** What a route is called in logs and metrics. */
import type { Route } from "@skerry/contracts";

/** Its own name, or its methods and its place: `GET /courses/{id}`, `* shop.example/`. */
export function routeLabel({
  name,
  methods,
  host = "",
  path,
}: Pick<Route, "name" | "methods" | "host" | "path">): string {
  return name ?? `${methods?.join(",") ?? "*"} ${host}${path}`;
}
