/**
 * What one entry of an archive is: its kind, and whether all places that describe it say the same.
 * A zip file names an entry in its directory, in a local header before the content, and possibly
 * again in extra fields (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.4 and 4.5). Pure.
 */
import type { Entry, ExtraField, LocalFileHeader } from "yauzl";
import type { Refuse } from "./errors.ts";

const FLAG_ENCRYPTED = 0x0001;
const FLAG_DESCRIPTOR = 0x0008;
const FLAG_UTF8 = 0x0800;

const KIND_MASK = 0o170000;
const KIND_FOLDER = 0o040000;
const KIND_FILE = 0o100000;
const KIND_LINK = 0o120000;
const SETUID_SETGID = 0o6000;
const OWNER_EXECUTES = 0o100;
const DOS_FOLDER = 0x10;
const NTFS_REPARSE_POINT = 0x400;

const EXTRA_ZIP64 = 0x0001;
const EXTRA_PKWARE_UNIX = 0x000d;
const EXTRA_ASI_UNIX = 0x756e;
const EXTRA_UNICODE_PATH = 0x7075;

const SEE_ZIP64 = 0xffffffff;

/** What the name of an entry says. */
export interface EntryName {
  /** Without the trailing slash of a folder. */
  readonly path: string;
  readonly isFolder: boolean;
}

/** Unix mode bits, as every system that writes any puts them; 0 where the archive carries none. */
function modeOf(entry: Entry): number {
  return entry.externalFileAttributes >>> 16;
}

export function isExecutable(entry: Entry): boolean {
  return (modeOf(entry) & OWNER_EXECUTES) !== 0;
}

/** True when the sizes and checksum follow the content, where nothing has to read them. */
export function hasDescriptor(entry: Entry): boolean {
  return (entry.generalPurposeBitFlag & FLAG_DESCRIPTOR) !== 0;
}

/**
 * Refuses what is not plainly a file or plainly a folder, and files that would run as somebody
 * else.
 */
export function checkKind(entry: Entry, name: EntryName, refuse: Refuse): void {
  const { path, isFolder } = name;
  const kind = modeOf(entry) & KIND_MASK;
  if (isLink(entry, kind)) return refuse("ARCHIVE_LINK", { path });
  if (kind !== 0 && kind !== KIND_FOLDER && kind !== KIND_FILE) {
    return refuse("ARCHIVE_SPECIAL_FILE", { path });
  }
  const saysFolder = kind === KIND_FOLDER || (entry.externalFileAttributes & DOS_FOLDER) !== 0;
  const conflicts = isFolder ? kind === KIND_FILE || entry.uncompressedSize !== 0 : saysFolder;
  if (conflicts) return refuse("ARCHIVE_PATH_KIND_CONFLICT", { path });
  if (!isFolder && (modeOf(entry) & SETUID_SETGID) !== 0) refuse("ARCHIVE_SETUID", { path });
}

function isLink(entry: Entry, kind: number): boolean {
  return (
    kind === KIND_LINK ||
    (entry.externalFileAttributes & NTFS_REPARSE_POINT) !== 0 ||
    entry.extraFields.some(namesLink)
  );
}

/** Two old Unix extra fields carry the target of a hard or symbolic link after their fixed part. */
function namesLink({ id, data }: ExtraField): boolean {
  if (id === EXTRA_PKWARE_UNIX) return data.length > 12;
  if (id !== EXTRA_ASI_UNIX || data.length < 14) return false;
  return (data.readUInt16LE(4) & KIND_MASK) === KIND_LINK || data.length > 14;
}

/** Refuses what cannot be unpacked without a secret or a codec of its own. */
export function checkPacking(entry: Entry, path: string, refuse: Refuse): void {
  const method = entry.compressionMethod;
  if ((entry.generalPurposeBitFlag & FLAG_ENCRYPTED) !== 0) refuse("ARCHIVE_ENCRYPTED", { path });
  if (method !== 0 && method !== 8) refuse("ARCHIVE_METHOD_UNKNOWN", { path, method });
  if (method === 0 && entry.compressedSize !== entry.uncompressedSize) {
    refuse("ARCHIVE_SIZE_LIE", { path, bytes: entry.uncompressedSize });
  }
}

/**
 * Refuses an entry that its directory record, its local header and its extra fields describe
 * differently.
 */
export function checkHeaders(
  entry: Entry,
  local: LocalFileHeader,
  { path, refuse }: { readonly path: string; readonly refuse: Refuse },
): void {
  const field = disagreement(entry, local);
  if (field !== undefined) refuse("ARCHIVE_HEADERS_DISAGREE", { path, field });
}

function disagreement(entry: Entry, local: LocalFileHeader): string | undefined {
  const compared = FLAG_ENCRYPTED | FLAG_DESCRIPTOR | FLAG_UTF8;
  const flags = entry.generalPurposeBitFlag ^ local.generalPurposeBitFlag;
  if (!entry.fileNameRaw.equals(local.fileName)) return "name";
  if (entry.extraFields.some((extra) => namesOtherwise(extra, entry.fileNameRaw))) return "name";
  if (entry.compressionMethod !== local.compressionMethod) return "method";
  if ((flags & compared) !== 0) return "flags";
  if (zip64Fields(entry.extraFieldRaw).length > 1) return "zip64";
  const sizes = localSizes(local);
  if (sizes === undefined) return "zip64";
  const late = hasDescriptor(entry);
  const same = (here: number, there: number): boolean => here === there || (late && there === 0);
  if (!same(entry.crc32, local.crc32)) return "checksum";
  if (!same(entry.compressedSize, sizes.packed)) return "packed size";
  if (!same(entry.uncompressedSize, sizes.unpacked)) return "size";
  return undefined;
}

/** Info-ZIP's second name for an entry, which some readers prefer (APPNOTE 4.6.9). */
function namesOtherwise({ id, data }: ExtraField, name: Buffer): boolean {
  return id === EXTRA_UNICODE_PATH && !data.subarray(5).equals(name);
}

interface LocalSizes {
  readonly packed: number;
  readonly unpacked: number;
}

/** Undefined when the header points to a zip64 field that is not there or not readable. */
function localSizes(local: LocalFileHeader): LocalSizes | undefined {
  const { compressedSize: packed, uncompressedSize: unpacked } = local;
  if (packed !== SEE_ZIP64 && unpacked !== SEE_ZIP64) return { packed, unpacked };
  const [field, ...more] = zip64Fields(local.extraField);
  if (field === undefined || more.length > 0 || field.length < 16) return undefined;
  return {
    unpacked: Number(field.readBigUInt64LE(0)),
    packed: Number(field.readBigUInt64LE(8)),
  };
}

/** The zip64 fields among raw extra fields; stops at the first that runs over the end. */
function zip64Fields(extra: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at + 4 <= extra.length;) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) break;
    if (extra.readUInt16LE(at) === EXTRA_ZIP64) fields.push(extra.subarray(at + 4, end));
    at = end;
  }
  return fields;
}
