export { preflightHeaders, preflightOf, withCors, type Preflight } from "./cors.ts";
export { findRoute, type FoundRoute } from "./find-route.ts";
export { headerProblems, rewriteHeaders, type HeaderChanges } from "./header-changes.ts";
export {
  renderHeader,
  renderRedirect,
  rewritePath,
  upstreamUrl,
  type TemplateValues,
} from "./render.ts";
export { routeLabel } from "./route-name.ts";
export {
  compileRoutes,
  duplicateProblems,
  type DuplicateProblem,
  type RouteMatch,
  type RoutePlace,
  type RouteRequest,
  type RouteTable,
} from "./route-table.ts";
export { templateProblems } from "./template.ts";
