/**
 * A zip writer that can lie. By default it writes what APPNOTE 6.3.10 asks for; every field that an
 * attack needs can be set to something else, per entry or for the archive.
 */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  /** Unix mode, type bits included. */
  readonly mode?: number;
  readonly deflate?: boolean;
  /** Packed bytes as they stand in the archive; content is then only what the headers describe. */
  readonly packed?: Buffer;
  readonly method?: number;
  readonly flags?: number;
  readonly attributesLow?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly packedSize?: number;
  readonly extra?: Buffer;
  /** Where the directory says that the local header is. */
  readonly offset?: number;
  /** What the local header says otherwise. */
  readonly local?: Partial<
    Pick<ZipEntry, "name" | "crc" | "size" | "packedSize" | "method" | "flags" | "extra">
  >;
  /** Writes no local header and content: the directory points at bytes of another entry. */
  readonly absent?: boolean;
  /** After the content, for example a data descriptor. */
  readonly after?: Buffer;
}

export interface ZipEnd {
  readonly before?: Buffer;
  readonly after?: Buffer;
  readonly comment?: Buffer;
  readonly entries?: number;
  readonly directoryOffset?: number;
  readonly directoryBytes?: number;
  readonly disk?: number;
  /**
   * Puts zip64 end records with these numbers; the old record then says "see zip64" unless set
   * above.
   */
  readonly zip64?: Partial<
    Record<"entries" | "directoryBytes" | "directoryOffset" | "start", number>
  >;
}

export function zipOf(entries: readonly ZipEntry[], end: ZipEnd = {}): Buffer {
  const parts: Buffer[] = [end.before ?? Buffer.alloc(0)];
  const records: Buffer[] = [];
  let at = parts[0]?.length ?? 0;
  for (const entry of entries) {
    const fields = fieldsOf(entry);
    records.push(directoryRecord(entry, fields, entry.offset ?? at));
    if (entry.absent === true) continue;
    const part = Buffer.concat([
      localHeader(entry, fields),
      fields.packed,
      entry.after ?? Buffer.alloc(0),
    ]);
    parts.push(part);
    at += part.length;
  }
  const directory = Buffer.concat(records);
  const place = { entries: entries.length, offset: at, bytes: directory.length };
  return Buffer.concat([...parts, directory, endRecords(end, place), end.after ?? Buffer.alloc(0)]);
}

/**
 * A zip64 extra field of 64-bit numbers: size, packed size, offset, as far as the header says "see
 * zip64".
 */
export function zip64Extra(...numbers: readonly number[]): Buffer {
  const body = Buffer.alloc(numbers.length * 8);
  for (const [i, value] of numbers.entries()) body.writeBigUInt64LE(BigInt(value), i * 8);
  return extraField(1, body);
}

export function extraField(id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(body.length, 2);
  return Buffer.concat([head, body]);
}

interface Fields {
  readonly name: Buffer;
  readonly packed: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly packedSize: number;
  readonly method: number;
  readonly flags: number;
  readonly extra: Buffer;
}

function fieldsOf(entry: ZipEntry): Fields {
  const content = Buffer.from(entry.content ?? "");
  const deflates = entry.deflate ?? false;
  const packed = entry.packed ?? (deflates ? deflateRawSync(content) : content);
  return {
    name: Buffer.from(entry.name),
    packed,
    crc: entry.crc ?? crc32(content),
    size: entry.size ?? content.length,
    packedSize: entry.packedSize ?? packed.length,
    method: entry.method ?? (deflates ? 8 : 0),
    flags: entry.flags ?? 0x0800,
    extra: entry.extra ?? Buffer.alloc(0),
  };
}

function localHeader(entry: ZipEntry, fields: Fields): Buffer {
  const { local = {} } = entry;
  const said = { ...fields, ...local, name: Buffer.from(local.name ?? fields.name) };
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  writeShared(header, 6, said);
  return Buffer.concat([header, said.name, said.extra]);
}

function directoryRecord(entry: ZipEntry, fields: Fields, offset: number): Buffer {
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE(0x031e, 4);
  record.writeUInt16LE(20, 6);
  writeShared(record, 8, fields);
  record.writeUInt32LE((((entry.mode ?? 0o100644) << 16) | (entry.attributesLow ?? 0)) >>> 0, 38);
  record.writeUInt32LE(offset, 42);
  return Buffer.concat([record, fields.name, fields.extra]);
}

/**
 * The run of fields that both kinds of header have, from the flags to the length of the extra
 * field.
 */
function writeShared(target: Buffer, at: number, said: Omit<Fields, "packed">): void {
  target.writeUInt16LE(said.flags, at);
  target.writeUInt16LE(said.method, at + 2);
  target.writeUInt32LE(said.crc >>> 0, at + 8);
  target.writeUInt32LE(said.packedSize, at + 12);
  target.writeUInt32LE(said.size, at + 16);
  target.writeUInt16LE(said.name.length, at + 20);
  target.writeUInt16LE(said.extra.length, at + 22);
}

interface DirectoryPlace {
  readonly entries: number;
  readonly offset: number;
  readonly bytes: number;
}

function endRecords(end: ZipEnd, place: DirectoryPlace): Buffer {
  const is64 = end.zip64 !== undefined;
  const comment = end.comment ?? Buffer.alloc(0);
  const record = Buffer.alloc(22);
  const entries = end.entries ?? (is64 ? 0xffff : place.entries);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.disk ?? 0, 4);
  record.writeUInt16LE(entries, 8);
  record.writeUInt16LE(entries, 10);
  record.writeUInt32LE(end.directoryBytes ?? (is64 ? 0xffffffff : place.bytes), 12);
  record.writeUInt32LE(end.directoryOffset ?? (is64 ? 0xffffffff : place.offset), 16);
  record.writeUInt16LE(comment.length, 20);
  return Buffer.concat([is64 ? zip64End(end, place) : Buffer.alloc(0), record, comment]);
}

function zip64End({ zip64 = {} }: ZipEnd, place: DirectoryPlace): Buffer {
  const both = Buffer.alloc(56 + 20);
  const start = place.offset + place.bytes;
  both.writeUInt32LE(0x06064b50, 0);
  both.writeBigUInt64LE(44n, 4);
  both.writeBigUInt64LE(BigInt(zip64.entries ?? place.entries), 24);
  both.writeBigUInt64LE(BigInt(zip64.entries ?? place.entries), 32);
  both.writeBigUInt64LE(BigInt(zip64.directoryBytes ?? place.bytes), 40);
  both.writeBigUInt64LE(BigInt(zip64.directoryOffset ?? place.offset), 48);
  both.writeUInt32LE(0x07064b50, 56);
  both.writeBigUInt64LE(BigInt(zip64.start ?? start), 64);
  both.writeUInt32LE(1, 72);
  return both;
}
