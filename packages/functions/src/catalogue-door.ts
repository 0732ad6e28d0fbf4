export {
  ACTION_TABLES,
  actionEntryOf,
  checkAction,
  getAction,
  listActions,
  removeAction,
  removeActionsOfApp,
  writeAction,
  type ActionDrives,
  type ActionRecord,
  type ActionSpec,
} from "./catalogue/actions.ts";
export {
  ALIAS_TABLES,
  aliasesOfVersion,
  findAlias,
  getAlias,
  latestChangeOfApp,
  listAliasChanges,
  listAliases,
  olderVersions,
  removeAlias,
  restoreAlias,
  setAlias,
  type AliasChange,
  type AliasNote,
  type AliasRecord,
  type SetAlias,
} from "./catalogue/aliases.ts";
export {
  getVersion,
  listVersions,
  numberRevision,
  pathOf,
  removeVersion,
  versionToBe,
  VERSION_TABLES,
  type QualifiedFunction,
  type VersionRecord,
} from "./catalogue/versions.ts";
export { shownVersions, type ShownVersion } from "./catalogue/shown-versions.ts";
export { OVERLAY_TABLES, overlaysOfVersion } from "./catalogue/overlays.ts";
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
  actionConfigKey,
  configObjectConfigKey,
  functionConfigKey,
  keyConfigKey,
  putConfig,
  readConfig,
  readConfigSeq,
  readConfigValue,
  quotasConfigKey,
  removeConfig,
  secretConfigKey,
  type ConfigPage,
} from "./catalogue/config-log.ts";
export {
  CONFIG_OBJECT_TABLES,
  configObjectEntryOf,
  getConfigObject,
  listConfigObjects,
  removeConfigObject,
  removeConfigObjectsOfApp,
  writeConfigObject,
  type ConfigObjectRecord,
} from "./catalogue/config-objects.ts";
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
  listDeployments,
  listUnfinishedDeployments,
  overtakeDeployments,
  pruneDeployments,
  type AdvancedDeployment,
  type DeploymentRecord,
  type UnfinishedDeployment,
} from "./catalogue/deployments.ts";
export {
  appendDeploymentLog,
  listDeploymentLog,
  type DeploymentLogEntry,
  type DeploymentLogText,
} from "./catalogue/deployment-log.ts";
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
  assertFunctionVersion,
  activateRevision,
  deleteFunctionRows,
  functionsWithSecret,
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
export { FORMER_NAME_TABLES, formerNames } from "./catalogue/former-names.ts";
export { missingSources, recordSource, sourcesOf, type SourceOwner } from "./catalogue/sources.ts";
export {
  CATALOGUE_TABLES,
  CODE_SWEEP_TABLES,
  DEPLOYMENT_LOG_TABLES,
  LAYER_COLUMNS,
} from "./catalogue/tables.ts";
