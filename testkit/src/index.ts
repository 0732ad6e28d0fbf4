export { casesOnBothStores, type BothStores } from "./both-stores.ts";
export { makeAuthority, type TestAuthority, type TestCertificate } from "./certificates.ts";
export { fetchOnce } from "./fetch-once.ts";
export { freePort } from "./free-port.ts";
export { HandClock } from "./hand-clock.ts";
export { callHttp, openHttp, type HttpAnswer, type HttpCall } from "./http-call.ts";
export { frame, headerBlock, openFrames, type FramesClient } from "./http2-frames.ts";
export { isInstalled } from "./installed.ts";
export { shareLaidDown, takeLaidDown } from "./laid-down.ts";
export { LeapClock } from "./leap-clock.ts";
export {
  answerLedger,
  LedgerControl,
  type LedgerOpened,
  type LedgerTold,
} from "./ledger-control.ts";
export { startLoad, type Load, type LoadOptions, type LoadResult } from "./load.ts";
export type { Deployment, Platform, PlatformOptions, RoleName, SourceFiles } from "./platform.ts";
export {
  openMemoryTerminal,
  type MemoryTerminal,
  type MemoryTerminalOptions,
} from "./memory-terminal.ts";
export { findPostgres, hasPostgres, startPostgres, type PostgresServer } from "./postgres.ts";
export { startOpenLoad, type OpenLoad, type OpenLoadOptions } from "./open-load.ts";
export { openRaw, type RawConnection } from "./raw-connection.ts";
export { hasRedis, startRedis, type RedisServer } from "./redis.ts";
export { startPlatform } from "./start-platform.ts";
export { until, type UntilOptions } from "./until.ts";
