export type { AccessFacts } from "./access-facts.ts";
export {
  actionFactsOf,
  appOfServerKeys,
  DRIVES,
  serverKeyScope,
  TICKET_HOLDERS,
  triggerIdOf,
  type ActionEntry,
  type ActionFacts,
  type Drive,
  type TicketHolder,
} from "./actions.ts";
export {
  PROBE_STATES,
  type ProbeReport,
  probeReport,
  type ProbeResult,
  probeResult,
} from "./probes.ts";
export { appManifest, type AppManifest } from "./app-manifest.ts";
export {
  type AliasEntry,
  CONFIG_FORMAT,
  type ConfigEntry,
  type ConfigObjectEntry,
  type ConfigSnapshot,
  type ConfigValue,
  type DomainEntry,
  type FunctionEntry,
  type KeyEntry,
  type PurgesEntry,
  type QuotasEntry,
  type RevisionEntry,
  type SealedValue,
  type SecretEntry,
  type StageEntry,
  type VersionEntry,
} from "./config-log.ts";
export {
  bucketOf,
  COLD_STARTS,
  type ColdStart,
  emptyHistogram,
  type FiguresHead,
  FUNCTION_FIGURES_MAX,
  type FunctionFigures,
  type FunctionTally,
  type Histogram,
  HISTOGRAM_BOUNDS_MS,
  type InvocationTally,
  type RevisionFigures,
  ROUTE_FIGURES_MAX,
  ROUTE_LABEL_CHARS_MAX,
  type RouteFigures,
  ROLE_VALUES,
  type RoleFigures,
  roleFigures,
  type RoleValue,
  type RoleValueName,
  START_STAGES,
  sumFigures,
  sumWindows,
  type StartStage,
  type WindowFigures,
} from "./figures.ts";
export type { Variables } from "./environment.ts";
export {
  attemptTimeoutOf,
  BACKGROUND_TIMEOUT_MS,
  concurrencyOf,
  type FunctionConfig,
  functionConfig,
  type FunctionConfigInput,
  type RuntimeName,
  RUNTIMES,
  STOP_TIMEOUT_MS,
  type StreamLimits,
  streamLimitsOf,
  takesUpgrades,
} from "./function-config.ts";
export { failFunction, type FunctionErrorReason } from "./function-errors.ts";
export {
  GATEWAY_HEADERS,
  HOST_SUFFIX,
  KEY_PREFIX,
  PATH_PREFIX,
  RESPOND_ASYNC,
} from "./gateway-wire.ts";
export { HANDLER_KINDS, type HandlerKind, isHandlerKind, WEB_PORT } from "./handler-kind.ts";
export {
  type Action,
  ACTIONS,
  authorize,
  type Principal,
  type ResourceRef,
  type Role,
  role,
} from "./identity.ts";
export {
  type AbortHead,
  type ArtefactManifest,
  type BundleManifest,
  type CodeCacheHead,
  type CodeCacheReply,
  type FolderManifest,
  type InstanceCaller,
  type InstanceHead,
  type InvocationFacts,
  type LoadedHead,
  LOG_LINE_MARK,
  type PreStopHead,
  type ProgramManifest,
  type ReplyError,
  type ReplyHead,
  type RequestHead,
  type RunHead,
  type RunReply,
  type RuntimeLogLine,
  type SpecialiseHead,
  type SpecialiseReply,
  type UpgradeAsked,
} from "./invocation-wire.ts";
export { loadedGrant, readSpecialiseReply } from "./specialise-reply.ts";
export { decodeInterimRecord, encodeInterimRecord, INTERIM_EVERY_MS } from "./meter-interim.ts";
export {
  decodeTraceEntry,
  encodeTraceEntry,
  TRACE_ENTRY_FORMAT,
  type TraceEntry,
} from "./meter-trace.ts";
export { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";
export type { BreakerPolicy } from "./breaker-policy.ts";
export { DELIVERY_STATES, type DeliveryState, type Destination } from "./destinations.ts";
export {
  ASYNC_POLICY,
  type AsyncPolicy,
  type AttemptOutcome,
  cancelGraceOf,
  LEDGER_SOURCES,
  LEDGER_STATES,
  type LedgerEnd,
  type LedgerSource,
  type LedgerState,
  maxAgeOf,
  RETRY_CLASSES,
  type RetryClass,
} from "./ledger.ts";
export {
  type AcceptPiece,
  type AcceptResult,
  type AnswerPiece,
  type AnswerReply,
  type CalledRequest,
  type CallPiece,
  type CallResult,
  type HoldingPiece,
  type HoldingReply,
  BUS_TOPIC,
  LEDGER_WIRE,
  type LedgerEvent,
  type LedgerHead,
  type ProgressPiece,
  type PublishPiece,
  type PublishResult,
  type RunPiece,
  type RunsReply,
  type SettlePiece,
  type SettleResult,
} from "./ledger-wire.ts";
export { failLimit, THROTTLE_REASONS, type ThrottleReason } from "./limit-errors.ts";
export { LIMITS } from "./limits.ts";
export {
  COLD_REASONS,
  type ColdReason,
  decodeMeterRecord,
  encodeMeterRecord,
  METER_FORMAT,
  METER_RECORD_BYTES,
  meterEndWallMs,
  type MeterIds,
  meterIdsOf,
  type MeterRecord,
  type Outcome,
  OUTCOMES,
  START_KINDS,
  type StartKind,
} from "./metering.ts";
export { isTargetIn, type NetworkTarget, parseTarget, splitPatterns } from "./network-targets.ts";
export {
  appName,
  configObjectName,
  functionName,
  parseFunctionPath,
  secretName,
  topicName,
} from "./names.ts";
export {
  aliasName,
  type AliasMatcher,
  aliasTarget,
  type AliasTarget,
  keptQualifier,
  LATEST,
  parseQualifiedPath,
  parseQualifier,
  PER_MILLE,
  type QualifiedPath,
  qualifier,
  type Qualifier,
  type RequestPart,
  versionNumber,
  versionsOfAlias,
} from "./qualifiers.ts";
export {
  type AgentNote,
  type ArtefactsInUseHead,
  BUILD_LOG,
  type BuildHead,
  type BuildLogLine,
  type BuildReply,
  type ConsumerNote,
  type GatewayNote,
  INSTANCE_STATES,
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
export { LOCAL_PLACEMENT, type Placement, placement } from "./placement.ts";
export { consolePrices, priceOfAlwaysOnHour, priceOfCalls, type Prices } from "./prices.ts";
export { envNameOf, flagOf, type PlatformConfig, platformConfig } from "./platform-config.ts";
export { failInput, invalid } from "./input-invalid.ts";
export { parseInput } from "./problems.ts";
export {
  accountQuotas,
  type AccountQuotas,
  changeQuotas,
  functionLimits,
  type FunctionLimits,
  QUOTA_NAMES,
  type QuotaName,
  quotasOf,
  type QuotasRequest,
  quotasRequest,
  type RateLimit,
  rateLimitOf,
  type SetQuotas,
} from "./quotas.ts";
export { failReach } from "./reach-errors.ts";
export type {
  BackgroundHead,
  BackgroundReplyHead,
  CallHead,
  CallReplyHead,
  ConnectHead,
  ProgressHead,
  PublishHead,
  ReachHead,
  TunnelReplyHead,
  WebHead,
} from "./reach-wire.ts";
export { manifestText, SOURCE_DIGEST_PREFIX, type SourceEntry } from "./source-manifest.ts";
export {
  signedText,
  TICKET_HEADER,
  TICKET_LIMITS,
  ticketSecretText,
  ticketText,
  type SignedCall,
} from "./tickets.ts";
export {
  decodeActionEntry,
  encodeActionEntry,
  isActionEntry,
  type ActionMeterEntry,
} from "./meter-action.ts";
export { parsePathPattern, type PatternSegment } from "./path-pattern.ts";
export {
  type AuthorizerAnswer,
  authorizerAnswer,
  type AuthorizerEvent,
  type AuthorizerPolicy,
  type CorsPolicy,
  JWT_ALGORITHMS,
  type JwtPolicy,
} from "./route-guards.ts";
export {
  cachePolicy,
  type CachePolicy,
  DOWNGRADE_REASONS,
  type DowngradePolicy,
  type DowngradeReason,
  hostPattern,
  type Route,
  route,
  ROUTE_METHODS,
  type RouteAuth,
  type RouteInput,
  routeName,
  type RouteTarget,
} from "./routes.ts";
export { functionsOfRoutes, namedByRoutes } from "./route-functions.ts";
export {
  DRAFT,
  gatewayApiName,
  purge,
  type Purge,
  routes,
  stageCalled,
  STAGE_HOST_SUFFIX,
  STAGE_PATH_PREFIX,
  stageDefaults,
  stageName,
  STAGES,
  stageSettings,
  type StageSettings,
  stageVariables,
} from "./stages.ts";
