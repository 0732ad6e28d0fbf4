/**
 * Reads the directory of an archive and decides everything that can be decided before a byte is
 * unpacked: names, kinds, declared sizes, and that every byte of the archive belongs to exactly one
 * entry. The last part is what makes the compression ratio a real bound: entries that share packed
 * bytes would each claim them (the overlapping bombs of David Fifield, "A better zip bomb", 2019).
 *
 * What it leaves to the unpacking: that the content has the declared size and checksum.
 */
import type { Entry, LocalFileHeader, ZipFile } from "yauzl";
import { PlatformError } from "@skerry/base";
import type { ArchiveEnd, ArchiveRules } from "./archive-end.ts";
import {
  checkHeaders,
  checkKind,
  checkPacking,
  hasDescriptor,
  isExecutable,
  type EntryName,
} from "./archive-entry.ts";
import { checkPath, createPathTree, decodePath, type PathTree } from "./archive-path.ts";
import { asStoreError, failCode } from "./errors.ts";

const RECORD_BYTES = 46;
const LOCAL_HEADER_BYTES = 30;
const SLASH = 0x2f;
/**
 * Sizes that follow an entry's content: with or without signature, 4 or 8 bytes each (APPNOTE
 * 4.3.9).
 */
const DESCRIPTOR_BYTES: readonly number[] = [12, 16, 20, 24];

/** One file to unpack. */
export interface PlannedFile {
  readonly path: string;
  readonly executable: boolean;
  readonly bytes: number;
  readonly crc32: number;
  readonly packing: "stored" | "deflated";
  readonly packedOffset: number;
  readonly packedBytes: number;
}

export interface ArchivePlan {
  readonly files: readonly PlannedFile[];
  /** Sum of the declared sizes. */
  readonly bytes: number;
}

interface Region {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly descriptor: boolean;
}

interface Planning {
  readonly zip: ZipFile;
  readonly end: ArchiveEnd;
  readonly rules: ArchiveRules;
  readonly tree: PathTree;
  readonly files: PlannedFile[];
  readonly regions: Region[];
  bytes: number;
  recordBytes: number;
}

/** Reads all entries. Memory is bounded by `entriesMax` and `pathBytesMax`. */
export async function planArchive(
  zip: ZipFile,
  end: ArchiveEnd,
  rules: ArchiveRules,
): Promise<ArchivePlan> {
  const tree = createPathTree(rules.refuse);
  const plan: Planning = {
    zip,
    end,
    rules,
    tree,
    files: [],
    regions: [],
    bytes: 0,
    recordBytes: 0,
  };
  for await (const entry of entriesOf(zip)) await planEntry(plan, entry);
  if (plan.recordBytes !== end.directoryBytes) {
    rules.refuse("ARCHIVE_DIRECTORY_LIE", { field: "number of entries" });
  }
  checkRegions(plan);
  if (plan.files.length === 0) throw failCode("ARCHIVE_EMPTY");
  return plan;
}

/** yauzl reports a malformed directory as a plain error. */
async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  const entries = zip.eachEntry();
  try {
    for (;;) {
      const next = await reading(entries.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await entries.return?.();
  }
}

async function reading<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    const known = asStoreError(error);
    throw PlatformError.is(known) ? known : failCode("ARCHIVE_BROKEN", {}, error);
  }
}

async function planEntry(plan: Planning, entry: Entry): Promise<void> {
  const { refuse, limits } = plan.rules;
  plan.recordBytes +=
    RECORD_BYTES + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
  const name = nameOf(entry, plan.rules);
  checkPath(name.path, limits, refuse);
  checkKind(entry, name, refuse);
  plan.tree.add(name.path, name.isFolder ? "folder" : "file");
  checkPacking(entry, name.path, refuse);
  checkBounds(plan, entry);
  const local = await reading(readLocalHeader(plan.zip, entry));
  checkHeaders(entry, local, { path: name.path, refuse });
  plan.regions.push({
    path: name.path,
    start: entry.relativeOffsetOfLocalHeader,
    end: local.fileDataStart + entry.compressedSize,
    descriptor: hasDescriptor(entry),
  });
  if (!name.isFolder) planFile(plan, { entry, path: name.path, packedOffset: local.fileDataStart });
}

function nameOf(entry: Entry, { refuse }: ArchiveRules): EntryName {
  const raw = entry.fileNameRaw;
  const isFolder = raw.at(-1) === SLASH;
  return { path: decodePath(isFolder ? raw.subarray(0, -1) : raw, refuse), isFolder };
}

/** Before the local header is read: offsets may be any 64-bit number here. */
function checkBounds({ end }: Planning, entry: Entry): void {
  const { relativeOffsetOfLocalHeader: start, compressedSize, uncompressedSize } = entry;
  const packedEnd = start + LOCAL_HEADER_BYTES + compressedSize;
  if (!Number.isSafeInteger(uncompressedSize) || !(packedEnd <= end.directoryOffset)) {
    throw failCode("ARCHIVE_DIRECTORY_LIE", { field: "place or size of an entry" });
  }
}

function readLocalHeader(zip: ZipFile, entry: Entry): Promise<LocalFileHeader> {
  return new Promise((resolve, reject) => {
    zip.readLocalFileHeader(entry, (error, header) => (error ? reject(error) : resolve(header)));
  });
}

interface Candidate {
  readonly entry: Entry;
  readonly path: string;
  readonly packedOffset: number;
}

function planFile(plan: Planning, { entry, path, packedOffset }: Candidate): void {
  const { refuse, limits } = plan.rules;
  const bytes = entry.uncompressedSize;
  const packedBytes = entry.compressedSize;
  if (bytes > limits.fileBytesMax) {
    refuse("ARCHIVE_FILE_TOO_LARGE", { path, bytes, bytesMax: limits.fileBytesMax });
  }
  plan.bytes += bytes;
  if (plan.bytes > limits.totalBytesMax) {
    refuse("ARCHIVE_TOTAL_TOO_LARGE", { bytesMax: limits.totalBytesMax });
  }
  const ratio = Math.floor(bytes / Math.max(1, packedBytes));
  if (bytes >= limits.ratioBytesMin && ratio > limits.ratioMax) {
    refuse("ARCHIVE_RATIO", { path, ratio, ratioMax: limits.ratioMax });
  }
  plan.files.push({
    path,
    executable: isExecutable(entry),
    bytes,
    crc32: entry.crc32,
    packing: entry.compressionMethod === 8 ? "deflated" : "stored",
    packedOffset,
    packedBytes,
  });
}

/** Every byte before the directory belongs to exactly one entry. */
function checkRegions(plan: Planning): void {
  const { refuse } = plan.rules;
  let reached = 0;
  let descriptor = false;
  const ended = {
    path: "the directory",
    start: plan.end.directoryOffset,
    end: 0,
    descriptor: false,
  };
  for (const region of [...plan.regions.toSorted((a, b) => a.start - b.start), ended]) {
    const gap = region.start - reached;
    if (gap < 0) refuse("ARCHIVE_OVERLAP", { path: region.path });
    if (gap > 0 && !(descriptor && DESCRIPTOR_BYTES.includes(gap))) {
      refuse("ARCHIVE_STRAY_BYTES", { where: reached === 0 ? "at its start" : "between files" });
    }
    reached = Math.max(reached, region.end);
    descriptor = region.descriptor;
  }
}
