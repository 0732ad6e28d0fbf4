export { domainHandlers, type DomainHandlers } from "./gateway-apis/handle-domains.ts";
export { gatewayApiHandlers, type GatewayApiHandlers } from "./gateway-apis/handle-gateway-apis.ts";
export type { ReleaseApiDeps } from "./ports.ts";
export { figureHandlers, type RevisionQueries } from "./version-figures.ts";
export { routeFamilies } from "./gateway-apis/route-metrics.ts";
export { aliasFamilies } from "./alias-metrics.ts";
export { versionFamilies } from "./version-metrics.ts";
export { ReleaseRunner } from "./release-runner.ts";
export { releaseHandlers, type ReleaseHandlers } from "./release-api.ts";
