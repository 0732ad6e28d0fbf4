export { Collector, type CollectorDeps, type CollectorOptions } from "./collector.ts";
export { TelemetryQueries, type LogRequest, type QueryDeps } from "./queries.ts";
export { TrafficQueriesOfRecords, type TrafficDeps } from "./traffic-queries.ts";
export { storeModule, storeModuleUrl, type SpoolKind } from "./store-module.ts";
