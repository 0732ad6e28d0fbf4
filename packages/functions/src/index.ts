export { decideRoute } from "./routing/router.ts";
export {
  countRoute,
  createRouteState,
  routePolicyOf,
  type RejectWhy,
  type RouteCounts,
  type RouteEffect,
  type RouteEvent,
  type RoutePolicy,
  type RouteState,
} from "./routing/state.ts";
