export {
  decide,
  isOpen,
  newRelease,
  nextWork,
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
  listReleasesOf,
  mayLeadTo,
  RELEASE_TABLES,
  removeReleasesOf,
  writeRelease,
  type DueReleases,
  type HeldAlias,
  type ReleasedFunction,
  type ReleaseRecord,
} from "./tables.ts";
export { NO_COUNTS, versionCounts } from "./version-counts.ts";
