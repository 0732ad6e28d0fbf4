export {
  decide,
  isOpen,
  leaving,
  newRelease,
  nextWork,
  type Decision,
  type Move,
  type ReleaseEvent,
  type ReleaseTurn,
  type ReleaseWork,
  type Span,
} from "./decide.ts";
export { failRelease } from "./errors.ts";
export { type FunctionFigures, type VersionCounts } from "./guards.ts";
export { quantileMs } from "./statistics.ts";
export { approvalPlace, placesOf, WHOLE, type ReleasePlan } from "./plan.ts";
export {
  dueReleases,
  findOpenRelease,
  findRelease,
  forgetReleases,
  insertRelease,
  isReplaced,
  listReleasesOf,
  mayLeadTo,
  RELEASE_ROUTES_COLUMN,
  RELEASE_TABLES,
  removeReleasesOf,
  writeRelease,
  type DueReleases,
  type HeldAlias,
  type ReleasedFunction,
  type ReleasedRoutes,
  type ServedRoutes,
  type ReleaseRecord,
} from "./tables.ts";
export { NO_COUNTS, versionCounts } from "./version-counts.ts";
