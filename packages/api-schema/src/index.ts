export type {
  KeptEventResource,
  PutEvent,
  PutEventsAnswer,
  PutEventsRequest,
  RuleRequest,
  RuleResource,
} from "./bus.ts";
export { BUS_OPERATIONS } from "./bus-operations.ts";
export {
  type BurstLine,
  burstRequest,
  callRequest,
  type CallResource,
  type ConsoleSessionResource,
  type FunctionTraffic,
  savedEventName,
  savedEventRequest,
  type SavedEventResource,
  type SignInLinkResource,
  type TrafficResource,
} from "./console-resources.ts";
export type { ActionRequest, ActionResource, ActionRun } from "./actions.ts";
export type { ServerKeyResource, TicketResource } from "./server-keys.ts";
export { deploymentMark } from "./deployment-mark.ts";
export { EVENT_FORMATS, type EventFormat } from "./event-formats.ts";
export type { Maker } from "./made-by.ts";
export { projectManifest, type ProjectManifest } from "./project-manifest.ts";
export type {
  MissedPolicy,
  TimerEventFormat,
  TimerListed,
  TimerRequest,
  TimerResource,
  TimerRun,
} from "./timers.ts";
export type {
  FollowedMessage,
  PublishedMessage,
  TopicDeadLetter,
  TopicMessageResource,
  TopicResource,
  TopicTriggerRequest,
  TopicTriggerResource,
} from "./topic-resources.ts";
export { publishRequest } from "./topic-resources.ts";
export { TOPIC_OPERATIONS } from "./topic-operations.ts";
export { groupSettings, type GroupSettings, type TopicOptions, topicOptions } from "./topics.ts";
export { traceResource, type TraceResource } from "./telemetry-operations.ts";
export {
  type QuotasResource,
  type TopItem,
  type TopResource,
  type UsageGroup,
  usageGroups,
  type UsageItem,
  type UsageResource,
} from "./limit-operations.ts";
export type {
  AcceptAnswer,
  AcceptedInvocation,
  AcceptedInvocationDetails,
  FunctionLane,
  InvocationMoment,
} from "./ledger-resources.ts";
export {
  type LineLevel,
  LOG_LEVELS,
  type LogField,
  type LogFilter,
  type LogFilterQuery,
  matchesLog,
  readLogFilter,
} from "./log-filter.ts";
export { IDEMPOTENCY_HEADERS } from "./idempotency-headers.ts";
export {
  type ApiSchemas,
  errorAnswer,
  renderApiSchemas,
  renderParameter,
} from "./openapi-schemas.ts";
export {
  deploymentLogQuery,
  invocationsQuery,
  logsQuery,
  type Operation,
  type OperationName,
  OPERATIONS,
  waitQuery,
} from "./operations.ts";
export { PATH_PARAMETERS, pathParameter } from "./path-parameters.ts";
export type {
  AliasChangeResource,
  AliasRequest,
  AliasResource,
  ChangedAlias,
  PublishedApp,
  PrunedVersions,
  PublishedVersion,
  PublishVersionRequest,
  RolledBackApp,
  VersionResource,
  VersionFigures,
} from "./releases.ts";
export type { ChangedDomain, DomainRequest, DomainResource } from "./domains.ts";
export {
  type ChangedGatewayApi,
  type ChangedStage,
  type GatewayApiDiff,
  type GatewayApiListed,
  type GatewayApiRequest,
  type GatewayApiResource,
  type MadePublication,
  type MadePurge,
  type PublicationContent,
  type PublicationRequest,
  type PublicationResource,
  type StageRequest,
  type StageResource,
} from "./gateway-apis.ts";
export type { RedriveRequest, RedriveResource } from "./redrives.ts";
export type { CreateReleaseRequest, ReleaseResource } from "./app-releases.ts";
export { RELEASE_GUARDS, type ReleaseGuard } from "./release-guards.ts";
export {
  type AppResource,
  type AuditResource,
  createdKeyResource,
  DEPLOYMENT_STATES,
  deploymentLogLine,
  type DeploymentLogLine,
  deploymentPlan,
  type DeploymentPlan,
  type DeploymentRequest,
  deploymentRequest,
  type DeploymentResource,
  type FunctionResource,
  type InstanceResource,
  type InvocationResource,
  keyRequest,
  type KeyResource,
  type LogLineResource,
  type PlatformResource,
  type RevisionResource,
} from "./resources.ts";
export type {
  ConfigObjectContent,
  ConfigObjectResource,
  ContentEncoding,
  SecretResource,
} from "./settings-resources.ts";
