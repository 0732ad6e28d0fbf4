export { stageConfigKey, domainConfigKey, purgesConfigKey } from "./config-keys.ts";
export {
  domainsNotUnder,
  domainsOfApi,
  findDomain,
  isTakenByOther,
  listDomains,
  removeDomainRow,
  writeDomain,
  type DomainRecord,
} from "./domains.ts";
export { failGatewayApi } from "./errors.ts";
export { templatesOf, variablesOfRoutes } from "./named-by-routes.ts";
export {
  findPublication,
  findStage,
  insertPublication,
  listPublications,
  listStages,
  removeStageRows,
  unsetStage,
  writeStage,
  type PublicationRecord,
  type StageRecord,
} from "./stages.ts";
export {
  findApi,
  findApiById,
  forgetRoutes,
  GATEWAY_API_TABLES,
  HELD_ROUTES_TABLES,
  holdRoutes,
  insertApi,
  keepRoutes,
  letRoutesGo,
  listApis,
  raiseFloor,
  readRoutes,
  removeApiRows,
  routesText,
  writeDraft,
  type GatewayApiRecord,
  type RoutesText,
} from "./tables.ts";
