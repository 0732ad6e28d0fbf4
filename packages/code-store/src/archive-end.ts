/**
 * Finds the end of a zip file and holds it against what the file is (PKWARE APPNOTE 6.3.10,
 * sections 4.3.14–4.3.16).
 *
 * Zip is read from its end, and readers differ in where they begin to look and which of two numbers
 * they believe; an archive that is one thing to a scanner and another to us is made of such
 * differences. So exactly one reading is allowed: one end record whose comment reaches the last
 * byte, a directory that ends where the end records begin, and zip64 fields that agree with the old
 * ones. What stands before the directory is judged in archive-plan.ts.
 */
import type { FileHandle } from "node:fs/promises";
import { failCode, type Refuse } from "./errors.ts";
import type { ArchiveLimits } from "./limits.ts";

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 0xffff;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCAL_SIGNATURE = 0x04034b50;

/** Where the directory of the archive is and how many entries it claims. */
export interface ArchiveEnd {
  readonly entries: number;
  readonly directoryOffset: number;
  readonly directoryBytes: number;
}

export interface ArchiveRules {
  readonly limits: ArchiveLimits;
  readonly refuse: Refuse;
}

/** Reads and judges the end of the archive. Reads at most 64 KiB. */
export async function readArchiveEnd(file: FileHandle, rules: ArchiveRules): Promise<ArchiveEnd> {
  const { limits, refuse } = rules;
  const { size } = await file.stat();
  if (size > limits.archiveBytesMax) {
    refuse("ARCHIVE_TOO_LARGE", { bytesMax: limits.archiveBytesMax });
  }
  const tailBytes = Math.min(size, END_BYTES + COMMENT_BYTES_MAX + LOCATOR_BYTES);
  const tailOffset = size - tailBytes;
  const tail = await readAt(file, tailOffset, tailBytes);
  const at = findEnd(tail, await startsLikeZip(file), refuse);
  const old = endFields(tail, at);
  if (old.disks !== 0) refuse("ARCHIVE_DIRECTORY_LIE", { field: "disk numbers" });
  const end64 = await readEnd64(file, { tail, tailOffset, at }, refuse);
  if (end64 !== undefined) checkAgree(old, end64, refuse);
  const end = end64 ?? { ...old, start: tailOffset + at };
  if (end.directoryOffset + end.directoryBytes !== end.start) {
    refuse("ARCHIVE_DIRECTORY_LIE", { field: "place of the directory" });
  }
  if (end.entries === 0) throw failCode("ARCHIVE_EMPTY");
  if (end.entries > limits.entriesMax) {
    const { entries } = end;
    refuse("ARCHIVE_ENTRIES_TOO_MANY", { entries, entriesMax: limits.entriesMax });
  }
  return end;
}

async function startsLikeZip(file: FileHandle): Promise<boolean> {
  const head = await readAt(file, 0, 4);
  return head.length === 4 && head.readUInt32LE(0) === LOCAL_SIGNATURE;
}

/** The offset in `tail` of the only end record whose comment reaches the end of the file. */
function findEnd(tail: Buffer, isZip: boolean, refuse: Refuse): number {
  const found: number[] = [];
  for (let at = 0; at <= tail.length - END_BYTES; at += 1) {
    if (tail.readUInt32LE(at) === END_SIGNATURE) found.push(at);
  }
  const last = found.at(-1);
  if (last === undefined) throw failCode(isZip ? "ARCHIVE_TRUNCATED" : "ARCHIVE_NOT_ZIP");
  const endOf = (at: number): number => at + END_BYTES + tail.readUInt16LE(at + 20);
  const complete = found.filter((at) => endOf(at) === tail.length);
  const [only] = complete;
  if (complete.length > 1) refuse("ARCHIVE_AMBIGUOUS", {});
  if (only === undefined) {
    if (endOf(last) > tail.length) throw failCode("ARCHIVE_TRUNCATED");
    throw failCode("ARCHIVE_STRAY_BYTES", { where: "after its end" });
  }
  if (only !== last) refuse("ARCHIVE_AMBIGUOUS", {});
  return last;
}

interface EndFields extends ArchiveEnd {
  readonly disks: number;
}

function endFields(tail: Buffer, at: number): EndFields {
  const entriesHere = tail.readUInt16LE(at + 8);
  const entries = tail.readUInt16LE(at + 10);
  const disks = tail.readUInt16LE(at + 4) + tail.readUInt16LE(at + 6);
  return {
    disks: disks + Math.abs(entries - entriesHere),
    entries,
    directoryBytes: tail.readUInt32LE(at + 12),
    directoryOffset: tail.readUInt32LE(at + 16),
  };
}

interface Tail {
  readonly tail: Buffer;
  readonly tailOffset: number;
  /** Of the end record in `tail`. */
  readonly at: number;
}

/** The zip64 end record, when its locator stands right before the end record. */
async function readEnd64(
  file: FileHandle,
  { tail, tailOffset, at }: Tail,
  refuse: Refuse,
): Promise<(ArchiveEnd & { readonly start: number }) | undefined> {
  const locator = at - LOCATOR_BYTES;
  if (locator < 0 || tail.readUInt32LE(locator) !== LOCATOR_SIGNATURE) return undefined;
  const lie = (field: string): void => refuse("ARCHIVE_DIRECTORY_LIE", { field: `zip64 ${field}` });
  const start = safeNumber(tail.readBigUInt64LE(locator + 8));
  if (start === undefined || start + END64_BYTES !== tailOffset + locator) {
    throw failCode("ARCHIVE_DIRECTORY_LIE", { field: "zip64 locator" });
  }
  const end = await readAt(file, start, END64_BYTES);
  if (end.readUInt32LE(0) !== END64_SIGNATURE) {
    throw failCode("ARCHIVE_DIRECTORY_LIE", { field: "zip64 end record" });
  }
  if (end.readBigUInt64LE(4) !== BigInt(END64_BYTES - 12)) lie("record size");
  if (end.readUInt32LE(16) !== 0 || end.readUInt32LE(20) !== 0) lie("disk numbers");
  if (end.readBigUInt64LE(24) !== end.readBigUInt64LE(32)) lie("number of entries");
  const [entries, directoryBytes, directoryOffset] = [32, 40, 48].map((field) =>
    safeNumber(end.readBigUInt64LE(field)),
  );
  if (entries === undefined || directoryBytes === undefined || directoryOffset === undefined) {
    throw failCode("ARCHIVE_DIRECTORY_LIE", { field: "zip64 numbers" });
  }
  return { start, entries, directoryBytes, directoryOffset };
}

/** An old field either says "see zip64" or says the same. */
function checkAgree(old: ArchiveEnd, end64: ArchiveEnd, refuse: Refuse): void {
  const agree = (field: keyof ArchiveEnd, elsewhere: number): boolean =>
    old[field] === elsewhere || old[field] === end64[field];
  if (
    !agree("entries", 0xffff) ||
    !agree("directoryBytes", 0xffffffff) ||
    !agree("directoryOffset", 0xffffffff)
  ) {
    refuse("ARCHIVE_DIRECTORY_LIE", { field: "zip64 against old end record" });
  }
}

function safeNumber(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

async function readAt(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
