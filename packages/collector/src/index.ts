export { Collector, type CollectorDeps, type CollectorOptions } from "./collector.ts";
export { TelemetryQueries, type LogRequest, type QueryDeps } from "./queries.ts";
export { TrafficQueriesOfRecords, type TrafficDeps } from "./traffic-queries.ts";
export { storeModule, storeModuleUrl, type SpoolKind } from "./store-module.ts";
export {
  Delivery,
  type DeliveryDeps,
  type DeliveryFigures,
  type DeliveryOptions,
  type DeliverySink,
  type FunctionNames,
  type NamesOf,
  type Parcel,
  type Receipt,
} from "./delivery.ts";
export { createFileSink, type FileSinkOptions } from "./file-sink.ts";
export { createLogSink, createSpanSink, parseHeaderLines, type OtlpOptions } from "./otlp-sink.ts";
