export { assert, ProgrammerError, unreachable } from "./assert.ts";
export { backoffMs, type BackoffOptions } from "./backoff.ts";
export { BoundedQueue } from "./bounded-queue.ts";
export { delay, systemClock, type AbortSignalLike, type Cancel, type Clock } from "./clock.ts";
export { ERROR_CODES, exitCodeOf, httpStatusOf, isErrorCode, type ErrorCode } from "./codes.ts";
export { nextTick, previousTick } from "./cron-ticks.ts";
export { parseCron, type Cron } from "./cron.ts";
export {
  createIdSource,
  idFromBytes,
  idToBytes,
  isId,
  isRequestId,
  requestIdFromBytes,
  requestIdToBytes,
  type AccountId,
  type AppId,
  type AuditId,
  type DeploymentId,
  type FunctionId,
  type ConsoleSessionId,
  type GatewayId,
  type IdPrefix,
  type IdSource,
  type InstanceId,
  type KeyId,
  type NodeId,
  type RequestId,
  type SignInLinkId,
  type SecretId,
  type ConfigObjectId,
  type ActionId,
  type TimerId,
  type RevisionId,
  type RedriveId,
  type ReleaseId,
  type GatewayApiId,
  type RuleId,
  type TopicGroupId,
  type TopicId,
} from "./ids.ts";
export { createLog, silentLog, type Log, type LogFields, type LogLevel } from "./log.ts";
export { nearestWord } from "./nearest.ts";
export {
  defineReasons,
  PlatformError,
  type Audience,
  type ErrorDetails,
  type ReasonFactory,
  type ReasonSpec,
  type ReasonTable,
  type WireError,
} from "./platform-error.ts";
export { seededRandom, systemRandom, type Random } from "./random.ts";
export { RateTable } from "./rate-table.ts";
export { sortedEntries } from "./sorted-entries.ts";
export { hashKey, mixBits } from "./spread-hash.ts";
export { Recurrence } from "./recurrence.ts";
export { createMask, secretForms } from "./secret-mask.ts";
export { isTimeZone, openTimeZone, type TimeZone } from "./time-zone.ts";
export {
  createBucket,
  ONE_TOKEN,
  partOfCount,
  partOfRate,
  refillBucket,
  spendToken,
  tokenWaitMs,
  type TokenBucket,
  type TokenRate,
} from "./token-bucket.ts";
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
export { Turns, type TurnLimits } from "./turns.ts";
export { WokenWork } from "./woken-work.ts";
