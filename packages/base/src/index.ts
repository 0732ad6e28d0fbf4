export { assert, ProgrammerError, unreachable } from "./assert.ts";
export { backoffMs, type BackoffOptions } from "./backoff.ts";
export { BoundedQueue } from "./bounded-queue.ts";
export { delay, systemClock, type AbortSignalLike, type Cancel, type Clock } from "./clock.ts";
export { ERROR_CODES, exitCodeOf, httpStatusOf, isErrorCode, type ErrorCode } from "./codes.ts";
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
  type RevisionId,
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
