/** What the store's module takes of this room: its worker imports nothing of HTTP with it. */
export { releaseChanges, type Done, type RecordChange, type ReleaseChanges } from "./procedures.ts";
export { RELEASE_READS, type ReleaseReads } from "./reads.ts";
