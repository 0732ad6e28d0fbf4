export {
  PROBE_STATES,
  probeResult,
  type ProbeReport,
  type ProbeResult,
} from "./doctor-operations.ts";
export {
  burstRequest,
  callRequest,
  savedEventName,
  savedEventRequest,
  type BurstLine,
  type CallResource,
  type ConsoleSessionResource,
  type FunctionTraffic,
  type SavedEventResource,
  type SignInLinkResource,
  type TrafficResource,
} from "./console-resources.ts";
export { appManifest, type AppManifest } from "./app-manifest.ts";
export {
  CONFIG_FORMAT,
  type ConfigEntry,
  type ConfigSnapshot,
  type ConfigValue,
  type FunctionEntry,
  type KeyEntry,
  type RevisionEntry,
} from "./config-log.ts";
export {
  bucketOf,
  COLD_STARTS,
  emptyHistogram,
  HISTOGRAM_BOUNDS_MS,
  ROLE_VALUES,
  roleFigures,
  START_STAGES,
  type ColdStart,
  type FiguresHead,
  type FunctionTally,
  type Histogram,
  type InvocationTally,
  type RoleFigures,
  type RoleValue,
  type RoleValueName,
  type StartStage,
} from "./figures.ts";
export {
  concurrencyOf,
  functionConfig,
  HANDLER_KINDS,
  isHandlerKind,
  RUNTIMES,
  WEB_PORT,
  type FunctionConfig,
  type FunctionConfigInput,
  type HandlerKind,
  type RuntimeName,
} from "./function-config.ts";
export { failFunction, type FunctionErrorReason } from "./function-errors.ts";
export { GATEWAY_HEADERS, HOST_SUFFIX, KEY_PREFIX, PATH_PREFIX } from "./gateway-wire.ts";
export {
  ACTIONS,
  authorize,
  role,
  type Action,
  type Principal,
  type ResourceRef,
  type Role,
} from "./identity.ts";
export {
  LOG_LINE_MARK,
  type ArtefactManifest,
  type BundleManifest,
  type CodeCacheHead,
  type CodeCacheReply,
  type FolderManifest,
  type InstanceCaller,
  type InstanceHead,
  type ProgramManifest,
  type RunHead,
  type RunReply,
  type ReplyError,
  type ReplyHead,
  type RequestHead,
  type RuntimeLogLine,
  type SpecialiseHead,
  type SpecialiseReply,
} from "./invocation-wire.ts";
export {
  decodeTraceEntry,
  encodeTraceEntry,
  TRACE_ENTRY_FORMAT,
  type TraceEntry,
} from "./meter-trace.ts";
export {
  formatTraceparent,
  HANDLER_STAGE,
  isSampled,
  parseTraceparent,
  parseTracestate,
  spanIdOf,
  stageSpanIdOf,
  TRACE_HEADERS,
  traceIdOf,
  type TraceContext,
} from "./trace-context.ts";
export { traceResource, type TraceResource } from "./telemetry-operations.ts";
export { jsonSchemaOf, type JsonSchema } from "./json-schema.ts";
export { LIMITS } from "./limits.ts";
export {
  LOG_LEVELS,
  matchesLog,
  readLogFilter,
  type LineLevel,
  type LogField,
  type LogFilter,
  type LogFilterQuery,
} from "./log-filter.ts";
export {
  COLD_REASONS,
  decodeMeterRecord,
  encodeMeterRecord,
  METER_FORMAT,
  METER_RECORD_BYTES,
  meterEndWallMs,
  meterIdsOf,
  OUTCOMES,
  START_KINDS,
  type ColdReason,
  type MeterIds,
  type MeterRecord,
  type Outcome,
  type StartKind,
} from "./metering.ts";
export { isTargetIn, parseTarget, splitPatterns, type NetworkTarget } from "./network-targets.ts";
export { appName, functionName, parseFunctionPath } from "./names.ts";
export {
  INSTANCE_STATES,
  type AgentNote,
  type ArtefactsInUseHead,
  type BuildHead,
  type BuildReply,
  type ConsumerNote,
  type GatewayNote,
  type InstanceExit,
  type InstanceGrant,
  type InstanceState,
  type InstanceView,
  type ListInstancesHead,
  type ListInstancesReply,
  type ProbeHead,
  type ProbeReply,
  type SandboxView,
  type SpooledLogLine,
  type StartHead,
  type StartRefusal,
  type StartReply,
  type StopInstanceHead,
  type StopInstanceReply,
  type StopReason,
  type WatchHead,
  type WatchReply,
} from "./node-wire.ts";
export {
  OPENAPI_PATH,
  openApiDocument,
  REFERENCE_PATH,
  type OpenApiDocument,
  type OpenApiOperation,
  type OpenApiParameter,
  type OpenApiResponse,
} from "./openapi.ts";
export {
  IDEMPOTENCY_HEADERS,
  invocationsQuery,
  logsQuery,
  OPERATIONS,
  waitQuery,
  type Operation,
  type OperationName,
} from "./operations.ts";
export { PATH_PARAMETERS } from "./path-parameters.ts";
export { LOCAL_PLACEMENT, placement, type Placement } from "./placement.ts";
export { priceOfAlwaysOnHour, priceOfCalls, type Prices } from "./prices.ts";
export { envNameOf, flagOf, platformConfig, type PlatformConfig } from "./platform-config.ts";
export { failInput, invalid, parseInput } from "./problems.ts";
export { failReach } from "./reach-errors.ts";
export type {
  CallHead,
  CallReplyHead,
  ConnectHead,
  ReachHead,
  TunnelReplyHead,
  WebHead,
} from "./reach-wire.ts";
export {
  createdKeyResource,
  deploymentMark,
  deploymentPlan,
  deploymentRequest,
  DEPLOYMENT_STATES,
  keyRequest,
  type AppResource,
  type AuditResource,
  type DeploymentPlan,
  type DeploymentRequest,
  type DeploymentResource,
  type FunctionResource,
  type InstanceResource,
  type InvocationResource,
  type KeyResource,
  type LogLineResource,
  type PlatformResource,
  type RevisionResource,
} from "./resources.ts";
export { manifestText, SOURCE_DIGEST_PREFIX, type SourceEntry } from "./source-manifest.ts";
