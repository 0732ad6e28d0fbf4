/**
 * The words of the platform. Their schemas have a door of their own, and types of theirs pass this
 * one: a process that checks nothing loads no schema and not the library of them.
 */
export type { AccessFacts } from "./access-facts.ts";
export {
  type ActionEntry,
  type ActionFacts,
  actionFactsOf,
  appOfServerKeys,
  type Drive,
  DRIVES,
  serverKeyScope,
  TICKET_HOLDERS,
  type TicketHolder,
  triggerIdOf,
} from "./actions.ts";
export type { AppManifest } from "./schemas/app-manifest.ts";
export type { AsyncPolicy, BreakerPolicy } from "./schemas/async-policy.ts";
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
export { envNameOf, flagOf } from "./config-names.ts";
export { BYTES_EVENT_TYPE, isBytesType } from "./event-type.ts";
export type { Destination } from "./schemas/destinations.ts";
export type { Variables } from "./schemas/environment.ts";
export {
  bucketOf,
  COLD_STARTS,
  type ColdStart,
  emptyHistogram,
  type FiguresHead,
  FUNCTION_FIGURES_MAX,
  ALIAS_FIGURES_MAX,
  type AliasFigures,
  type FunctionFigures,
  type FunctionTally,
  type Histogram,
  HISTOGRAM_BOUNDS_MS,
  type InvocationTally,
  type RevisionFigures,
  ROLE_VALUES,
  type RoleFigures,
  type RoleValue,
  type RoleValueName,
  ROUTE_FIGURES_MAX,
  ROUTE_LABEL_CHARS_MAX,
  type RouteFigures,
  START_STAGES,
  type StartStage,
  sumFigures,
  sumWindows,
  type WindowFigures,
} from "./figures.ts";
export { type AuthorizerAnswer, type AuthorizerEvent, readAuthorizerAnswer } from "./authorizer.ts";
export {
  attemptTimeoutOf,
  BACKGROUND_TIMEOUT_MS,
  concurrencyOf,
  STOP_TIMEOUT_MS,
  streamLimitsOf,
  takesUpgrades,
} from "./function-config.ts";
export {
  FOREIGN_FORMATS,
  type ForeignFormat,
  GIVE_UP_CLASSES,
  type GiveUpClass,
  RETRY_CLASSES,
  type RetryClass,
  type RuntimeName,
  RUNTIMES,
  type StreamLimits,
} from "./function-defaults.ts";
export type { FunctionConfig, FunctionConfigInput } from "./schemas/function-config.ts";
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
  ROLES,
} from "./identity.ts";
export { failInput, invalid } from "./input-invalid.ts";
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
export type { JsonSchema } from "./schemas/json-schema.ts";
export {
  type AcceptPiece,
  type AcceptResult,
  type AnswerPiece,
  type AnswerReply,
  BUS_TOPIC,
  type CalledRequest,
  type CallPiece,
  type CallResult,
  type HoldingPiece,
  type HoldingReply,
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
export {
  ASYNC_POLICY,
  type AttemptOutcome,
  cancelGraceOf,
  DELIVERY_STATES,
  type DeliveryState,
  isCallSource,
  LEDGER_SOURCES,
  LEDGER_STATES,
  type LedgerEnd,
  type LedgerSource,
  type LedgerState,
  maxAgeOf,
} from "./ledger.ts";
export { failLimit, THROTTLE_REASONS, type ThrottleReason } from "./limit-errors.ts";
export { LIMITS } from "./limits.ts";
export {
  type ActionMeterEntry,
  decodeActionEntry,
  encodeActionEntry,
  isActionEntry,
} from "./meter-action.ts";
export {
  decodeInterimRecord,
  encodeInterimRecord,
  INTERIM_BEHIND_EVERY_MS,
  INTERIM_EVERY_MS,
} from "./meter-interim.ts";
export {
  decodeTraceEntry,
  encodeTraceEntry,
  TRACE_ENTRY_FORMAT,
  type TraceEntry,
} from "./meter-trace.ts";
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
  tookUsOf,
  type StartKind,
} from "./metering.ts";
export { parseFunctionPath, readAppName, readFunctionName } from "./names.ts";
export { isTargetIn, type NetworkTarget, parseTarget, splitPatterns } from "./network-targets.ts";
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
export { parsePathPattern, type PatternSegment } from "./path-pattern.ts";
export { LOCAL_PLACEMENT, type Placement } from "./placement.ts";
export type { PlatformConfig } from "./schemas/platform-config.ts";
export { priceOfAlwaysOnHour, priceOfCalls } from "./prices.ts";
export type { Prices } from "./schemas/prices.ts";
export type { ProbeReport, ProbeResult } from "./schemas/nodes.ts";
export {
  keptQualifier,
  LATEST,
  parseQualifiedPath,
  parseQualifier,
  PER_MILLE,
  type QualifiedPath,
  type Qualifier,
  VERSION_NUMBER_MAX,
  versionsOfAlias,
} from "./qualifiers.ts";
export type { AliasMatcher, AliasTarget, RequestPart } from "./schemas/qualifiers.ts";
export {
  changeQuotas,
  QUOTA_NAMES,
  type QuotaName,
  quotasOf,
  type RateLimit,
  rateLimitOf,
  type SetQuotas,
} from "./quotas.ts";
export type { AccountQuotas, FunctionLimits, QuotasRequest } from "./schemas/quotas.ts";
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
export { functionsOfRoutes, namedByRoutes } from "./route-functions.ts";
export type { AuthorizerPolicy, CorsPolicy, JwtPolicy } from "./schemas/route-guards.ts";
export { DOWNGRADE_REASONS, type DowngradeReason, KEYED_METHODS, ROUTE_METHODS } from "./routes.ts";
export type {
  CachePolicy,
  DowngradePolicy,
  Route,
  RouteAuth,
  RouteIdempotency,
  RouteInput,
  RouteTarget,
} from "./schemas/routes.ts";
export { manifestText, SOURCE_DIGEST_PREFIX, type SourceEntry } from "./source-manifest.ts";
export { loadedGrant, readSpecialiseReply } from "./specialise-reply.ts";
export type { Purge, StageSettings } from "./schemas/stages.ts";
export {
  DRAFT,
  STAGE_HOST_SUFFIX,
  STAGE_PATH_PREFIX,
  stageCalled,
  stageDefaults,
  STAGES,
} from "./stages.ts";
export {
  type SignedCall,
  signedText,
  TICKET_HEADER,
  TICKET_LIMITS,
  ticketSecretText,
  ticketText,
} from "./tickets.ts";
