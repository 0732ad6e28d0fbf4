/**
 * Unpacks an archive into an empty folder, by the plan made beforehand. Content is streamed: memory
 * does not depend on the size of files or archive. Each file is created exclusively, counted,
 * summed and hashed while it is written, and synced through the descriptor that wrote it. On any
 * failure the folder is left half-filled for the caller to remove.
 */
import { createHash } from "node:crypto";
import { open as openFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { assert, PlatformError } from "@skerry/base";
import type { SourceEntry } from "@skerry/contracts";
import { openPromise, type ZipFile } from "yauzl";
import { readArchiveEnd, type ArchiveRules } from "./archive-end.ts";
import { planArchive, type PlannedFile } from "./archive-plan.ts";
import { sourceDigest } from "./digest.ts";
import {
  EXECUTABLE_MODE,
  FILE_MODE,
  foldersOf,
  forEachConcurrently,
  makeFolder,
  syncFolders,
} from "./durable.ts";
import { asStoreError, failCode, type ArchiveReason, type Refuse } from "./errors.ts";
import type { ArchiveLimits } from "./limits.ts";

/** Files written at a time; each holds one read, one inflate and one write buffer. */
const FILES_AT_ONCE = 4;
const INFLATE_CHUNK_BYTES = 64 << 10;

/** A tree of files with its identity. */
export interface UnpackedTree {
  readonly digest: string;
  readonly entries: readonly SourceEntry[];
  /** Sum of the sizes of all files. */
  readonly bytes: number;
  readonly files: number;
}

export interface ExtractOptions {
  readonly archivePath: string;
  /** An existing, empty folder. */
  readonly into: string;
  readonly limits: ArchiveLimits;
  /** Asked with the declared size before anything is written; throws to stop. */
  readonly admit?: (bytes: number) => Promise<void>;
  /**
   * Checks to pass over. For negative controls in this package's tests; nothing exported takes it.
   */
  readonly trust?: ReadonlySet<ArchiveReason>;
}

/** Unpacks and makes everything below `into` durable, `into` included. Throws ARCHIVE_… reasons. */
export async function extractArchive(options: ExtractOptions): Promise<UnpackedTree> {
  const rules: ArchiveRules = { limits: options.limits, refuse: refuseUnless(options.trust) };
  const end = await openedFor(options.archivePath, (file) => readArchiveEnd(file, rules));
  const zip = await openZip(options.archivePath);
  try {
    const plan = await planArchive(zip, end, rules);
    await options.admit?.(plan.bytes);
    const folders = foldersOf(plan.files.map(({ path }) => path));
    for (const folder of folders) await makeFolder(join(options.into, folder));
    const entries: SourceEntry[] = [];
    await forEachConcurrently(plan.files, FILES_AT_ONCE, async (file) => {
      entries.push(await extractFile({ zip, refuse: rules.refuse, into: options.into }, file));
    });
    await syncFolders(options.into, folders);
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    return { digest: sourceDigest(entries), entries, bytes, files: entries.length };
  } finally {
    await closeZip(zip);
  }
}

function refuseUnless(trust: ReadonlySet<ArchiveReason> | undefined): Refuse {
  return (reason, details) => {
    if (trust?.has(reason) !== true) throw failCode(reason, details);
  };
}

async function openedFor<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openFile(path, "r");
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function openZip(path: string): Promise<ZipFile> {
  try {
    const options = { autoClose: false, decodeStrings: false, validateEntrySizes: false };
    return await openPromise(path, options);
  } catch (error) {
    const known = asStoreError(error);
    throw PlatformError.is(known) ? known : failCode("ARCHIVE_BROKEN", {}, error);
  }
}

function closeZip(zip: ZipFile): Promise<void> {
  return new Promise((resolve, reject) => {
    zip.once("close", resolve);
    zip.once("error", reject);
    zip.close();
  });
}

interface Extraction {
  readonly zip: ZipFile;
  readonly refuse: Refuse;
  readonly into: string;
}

async function extractFile(extraction: Extraction, file: PlannedFile): Promise<SourceEntry> {
  const target = await openFile(join(extraction.into, file.path), "wx", 0o600);
  try {
    const written = await writeContent(extraction, file, target);
    await target.chmod(file.executable ? EXECUTABLE_MODE : FILE_MODE);
    await target.sync();
    return { path: file.path, executable: file.executable, ...written };
  } finally {
    await target.close();
  }
}

type Written = Pick<SourceEntry, "bytes" | "sha256">;

async function writeContent(
  extraction: Extraction,
  file: PlannedFile,
  target: FileHandle,
): Promise<Written> {
  const { refuse } = extraction;
  const hash = createHash("sha256");
  let bytes = 0;
  let sum = 0;
  await unpackContent(extraction, file, async (chunk) => {
    bytes += chunk.length;
    if (bytes > file.bytes) refuse("ARCHIVE_SIZE_LIE", { path: file.path, bytes: file.bytes });
    sum = crc32(chunk, sum);
    hash.update(chunk);
    await target.appendFile(chunk);
  });
  if (bytes !== file.bytes) refuse("ARCHIVE_SIZE_LIE", { path: file.path, bytes: file.bytes });
  if (sum !== file.crc32) refuse("ARCHIVE_CHECKSUM_MISMATCH", { path: file.path });
  return { bytes, sha256: hash.digest("hex") };
}

/** Feeds the unpacked content to `write`, chunk by chunk. */
async function unpackContent(
  { zip, refuse }: Extraction,
  file: PlannedFile,
  write: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  let ended = false;
  const writeAll = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) await write(chunk);
    ended = true;
  };
  const packed = openPacked(zip, file);
  if (file.packing === "stored") return pipeline(packed, writeAll);
  const inflate = createInflateRaw({ chunkSize: INFLATE_CHUNK_BYTES });
  const { path, packedBytes } = file;
  try {
    await pipeline(packed, inflate, writeAll);
  } catch (error) {
    if (isInflateError(error)) throw failCode("ARCHIVE_CONTENT_BROKEN", { path }, error);
    // A deflated stream that ends before its packed bytes do leaves the reading side to be aborted.
    if (!ended) throw error;
  }
  // What follows the end of the stream would be hidden from every reader.
  if (inflate.bytesWritten !== packedBytes) refuse("ARCHIVE_CONTENT_BROKEN", { path });
}

function openPacked(zip: ZipFile, { packedOffset, packedBytes }: PlannedFile): Readable {
  let opened: Readable | undefined;
  zip.openReadStreamLowLevel(
    packedOffset,
    packedBytes,
    0,
    packedBytes,
    false,
    null,
    (_, stream) => {
      opened = stream;
    },
  );
  assert(opened !== undefined, "yauzl opens raw streams synchronously");
  return opened;
}

function isInflateError(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" && code.startsWith("Z_");
}
