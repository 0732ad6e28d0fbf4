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
