/** The schemas of what `@skerry/contracts` names, and what checks by them. */
export { appManifest } from "./app-manifest.ts";
export { roleFigures } from "./figures.ts";
export { functionConfig } from "./function-config.ts";
export { role } from "./identity.ts";
export { jsonSchemaOf } from "./json-schema.ts";
export { appName, configObjectName, functionName, secretName, topicName } from "./names.ts";
export { placement, PROBE_STATES, probeReport, probeResult } from "./nodes.ts";
export { platformConfig } from "./platform-config.ts";
export { consolePrices } from "./prices.ts";
export { parseInput } from "./problems.ts";
export { aliasName, aliasTarget, qualifier, versionNumber } from "./qualifiers.ts";
export { accountQuotas, functionLimits, quotasRequest } from "./quotas.ts";
export { JWT_ALGORITHMS } from "./route-guards.ts";
export { cachePolicy, hostPattern, route, routeName } from "./routes.ts";
export {
  gatewayApiName,
  purge,
  routes,
  stageName,
  stageSettings,
  stageVariables,
} from "./stages.ts";
