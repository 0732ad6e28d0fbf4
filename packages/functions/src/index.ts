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
export { deleteAppRows, ensureApp, findAppId, listApps, type AppRecord } from "./catalogue/apps.ts";
export { markedCode, renewCode } from "./catalogue/code-marks.ts";
export {
  condemnCode,
  forgetRevisions,
  reviewCode,
  type AgentsView,
  type CodePiece,
  type CodeReview,
} from "./catalogue/code-sweep.ts";
export { configIdentity, type ConfigIdentity } from "./catalogue/config-identity.ts";
export {
  compactConfig,
  functionConfigKey,
  keyConfigKey,
  putConfig,
  readConfig,
  readConfigSeq,
  removeConfig,
  type ConfigPage,
} from "./catalogue/config-log.ts";
export {
  hasEnded,
  newDeployment,
  type BuildOutcome,
  type BuiltFunction,
  type DeploymentDecision,
  type DeploymentEffect,
  type DeploymentEvent,
  type DeploymentFunction,
  type DeploymentState,
} from "./catalogue/deployment.ts";
export {
  advanceDeployment,
  countUnfinishedDeployments,
  getDeployment,
  insertDeployment,
  listUnfinishedDeployments,
  overtakeDeployments,
  pruneDeployments,
  type AdvancedDeployment,
  type DeploymentRecord,
  type UnfinishedDeployment,
} from "./catalogue/deployments.ts";
export { failCatalogue } from "./catalogue/errors.ts";
export {
  deleteSavedEvent,
  forgetSavedEvents,
  listFunctionNames,
  listSavedEvents,
  putSavedEvent,
  SAVED_EVENT_TABLES,
  type AccountFunction,
  type SavedEvent,
} from "./catalogue/saved-events.ts";
export {
  activateRevision,
  deleteFunctionRows,
  getFunction,
  listFunctions,
  namesOfFunctions,
  ownedFunctions,
  planFunctions,
  type FunctionName,
  type FunctionRecord,
  type NamedFunction,
  type PlannedFunction,
  type RevisionActivation,
  type WantedFunction,
} from "./catalogue/functions.ts";
export { missingSources, recordSource, type SourceOwner } from "./catalogue/sources.ts";
export { CATALOGUE_TABLES, CODE_SWEEP_TABLES } from "./catalogue/tables.ts";
export {
  decidePlacing,
  type Lease,
  type PlacedFunction,
  type LeasesByNode,
  type PlacingNode,
} from "./placing/placing.ts";
