export { ANY_SOURCE, CodeHolds } from "./code-holds.ts";
export {
  artefactKey,
  isArtefactKey,
  isSourceDigest,
  sourceDigest,
  type ArtefactInputs,
} from "./digest.ts";
export { failCode, type ArchiveReason } from "./errors.ts";
export type { UnpackedTree } from "./extract.ts";
export { CODE_STORE_LIMITS, type ArchiveLimits, type CodeStoreLimits } from "./limits.ts";
export { publishTree } from "./publish-tree.ts";
export type { Archive } from "./spool.ts";
export {
  openCodeStore,
  sourceTreeIn,
  type ArtefactOrigin,
  type CodeStore,
  type CodeStoreDeps,
  type CodeStoreOptions,
  type StoredCode,
  type StoredSource,
} from "./store.ts";
export { unpackArchive, type UnpackOptions } from "./unpack.ts";
