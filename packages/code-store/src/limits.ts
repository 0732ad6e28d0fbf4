import { LIMITS } from "@skerry/contracts";

/** What an archive may ask for. All sizes in bytes. */
export interface ArchiveLimits {
  /** The zip file itself, while it is received. */
  readonly archiveBytesMax: number;
  /** All files together, unpacked. */
  readonly totalBytesMax: number;
  readonly fileBytesMax: number;
  /** Entries of the archive, folders included. */
  readonly entriesMax: number;
  /** One path in UTF-8. */
  readonly pathBytesMax: number;
  /** One part of a path in UTF-8; Linux file systems hold 255. */
  readonly segmentBytesMax: number;
  /** Parts of one path. */
  readonly depthMax: number;
  /** Unpacked bytes per packed byte of one file, judged from `ratioBytesMin` unpacked bytes on. */
  readonly ratioMax: number;
  readonly ratioBytesMin: number;
}

/** What the store may take. */
export interface CodeStoreLimits extends ArchiveLimits {
  readonly artefactBytesMax: number;
  readonly artefactFilesMax: number;
  /** Room that a put must leave on the disk for everything else that lives there. */
  readonly freeBytesMin: number;
}

/** The defaults; the public ones come from the platform's contract. */
export const CODE_STORE_LIMITS: CodeStoreLimits = {
  archiveBytesMax: LIMITS.archiveBytesMax,
  totalBytesMax: LIMITS.sourceBytesMax,
  fileBytesMax: LIMITS.sourceBytesMax,
  entriesMax: LIMITS.sourceFilesMax,
  pathBytesMax: 1024,
  segmentBytesMax: 255,
  depthMax: 64,
  ratioMax: 200,
  ratioBytesMin: 1 << 20,
  artefactBytesMax: 1 << 30,
  artefactFilesMax: 100_000,
  freeBytesMin: 64 << 20,
};
