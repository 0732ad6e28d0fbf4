/** What the store's module takes of this room: its worker imports nothing of HTTP with it. */
export { releaseChanges, type ReleaseChanges } from "./procedures.ts";
export { rewrapDomainKey, sealedNotUnder } from "./gateway-apis/domain-keys.ts";
export { removeGatewayApisOf } from "./gateway-apis/gateway-api-changes.ts";
export type { Done, RecordChange } from "./recorded.ts";
export { RELEASE_READS, type ReleaseReads } from "./reads.ts";
