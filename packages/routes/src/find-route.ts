/** The route of a request, or what is answered in its place without asking anyone. */
import type { CorsPolicy } from "@skerry/contracts";
import { preflightHeaders, preflightOf } from "./cors.ts";
import type { RouteMatch, RoutePlace, RouteRequest, RouteTable } from "./route-table.ts";

export type FoundRoute<R> =
  | RouteMatch<R>
  /** Answered 204 with these headers, flat: what may be asked here. */
  | { readonly kind: "options"; readonly headers: readonly string[] };

/**
 * A preflight is answered for the route of the method that it asks for, if that has a CORS policy
 * and no route here names OPTIONS itself; OPTIONS that no route takes, with what may be used.
 */
export function findRoute<R extends RoutePlace & { readonly cors?: CorsPolicy | undefined }>(
  table: RouteTable<R>,
  request: RouteRequest,
  flat: readonly string[],
): FoundRoute<R> {
  const found = table.match(request);
  if (request.method !== "OPTIONS" || found.kind === "missing") return found;
  if (found.kind === "found" && found.route.methods !== undefined) return found;
  const preflight = preflightOf(request.method, flat);
  if (preflight !== undefined) {
    const asked = table.match({ ...request, method: preflight.method });
    if (asked.kind === "found" && asked.route.cors !== undefined) {
      const { methods, cors } = asked.route;
      return { kind: "options", headers: preflightHeaders({ methods, cors }, preflight) };
    }
  }
  if (found.kind === "found") return found;
  return { kind: "options", headers: ["allow", found.allowed.join(", ")] };
}
