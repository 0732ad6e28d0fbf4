/**
 * A zip of plain stored files, as much as an upload needs. APPNOTE 6.3.10, sections 4.3.7–4.3.16.
 */
import { crc32 } from "node:zlib";

export type SourceFiles = Readonly<Record<string, string>>;

const VERSION = 20;
const UTF8_NAMES = 1 << 11;
/** 1980-01-01, the earliest date there is. */
const DATE = (1 << 5) | 1;
/** Regular files that their owner may read and write. */
const MODE = (0o100644 << 16) >>> 0;
const PROGRAM_MODE = (0o100755 << 16) >>> 0;

/** As it is customary: what lies in a folder for programs is one. */
export function isProgram(path: string): boolean {
  return path.startsWith("bin/");
}

interface Entry {
  readonly name: Buffer;
  readonly content: Buffer;
  readonly crc: number;
  readonly at: number;
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, index * 2);
  return bytes;
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}

function localHeader({ name, content, crc }: Entry): Buffer {
  const head = u16(VERSION, UTF8_NAMES, 0, 0, DATE);
  const sizes = u32(crc, content.length, content.length);
  return Buffer.concat([u32(0x04034b50), head, sizes, u16(name.length, 0), name, content]);
}

function centralHeader({ name, content, crc, at }: Entry): Buffer {
  const madeBy = (3 << 8) | VERSION;
  const head = u16(madeBy, VERSION, UTF8_NAMES, 0, 0, DATE);
  const sizes = u32(crc, content.length, content.length);
  const lengths = u16(name.length, 0, 0, 0, 0);
  return Buffer.concat([
    u32(0x02014b50),
    head,
    sizes,
    lengths,
    u32(isProgram(name.toString()) ? PROGRAM_MODE : MODE, at),
    name,
  ]);
}

export function zipOf(files: SourceFiles): Buffer {
  const parts: Buffer[] = [];
  const entries: Entry[] = [];
  let at = 0;
  for (const [path, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const entry = { name: Buffer.from(path), content, crc: crc32(content), at };
    const part = localHeader(entry);
    entries.push(entry);
    parts.push(part);
    at += part.length;
  }
  const central = Buffer.concat(entries.map(centralHeader));
  const count = entries.length;
  const end = [u32(0x06054b50), u16(0, 0, count, count), u32(central.length, at), u16(0)];
  return Buffer.concat([...parts, central, ...end]);
}
