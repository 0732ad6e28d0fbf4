export { freePort } from "./free-port.ts";
export { HandClock } from "./hand-clock.ts";
export { callHttp, openHttp, type HttpAnswer, type HttpCall } from "./http-call.ts";
export {
  findLeftovers,
  killLeftovers,
  NOTHING_LEFT,
  TEST_MOUNT,
  type Leftovers,
} from "./leftovers.ts";
export { startLoad, type Load, type LoadOptions, type LoadResult } from "./load.ts";
export {
  createOpenApiCheck,
  findOpenApiProblems,
  type CheckedAnswer,
  type CheckedRequest,
  type OpenApiCheck,
} from "./openapi-check.ts";
export {
  startPlatform,
  type Deployment,
  type Platform,
  type PlatformOptions,
  type RoleName,
  type SourceFiles,
} from "./platform.ts";
export { findPostgres, hasPostgres, startPostgres, type PostgresServer } from "./postgres.ts";
export { openRaw, type RawConnection } from "./raw-connection.ts";
export { hasRedis, startRedis, type RedisServer } from "./redis.ts";
export { until, type UntilOptions } from "./until.ts";
