/**
 * Zip archives that no honest program packs: one per class; the whole corpus is tested in the code
 * store.
 */
import { crc32, deflateRawSync } from "node:zlib";

interface Entry {
  readonly name: string;
  readonly content: Buffer;
  /** What the archive claims, when that is not so. */
  readonly claimedBytes?: number;
  /** Unix mode; a regular file when absent. */
  readonly mode?: number;
  readonly deflate?: boolean;
}

const REGULAR = 0o100644;
const LINK = 0o120777;

/** Local headers, contents, central directory, end: APPNOTE.TXT 4.3. */
function zipOf(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const stored = entry.deflate === true ? deflateRawSync(entry.content) : entry.content;
    const bytes = entry.claimedBytes ?? entry.content.length;
    const middle = Buffer.alloc(26);
    middle.writeUInt16LE(20, 0);
    middle.writeUInt16LE(0x800, 2);
    middle.writeUInt16LE(entry.deflate === true ? 8 : 0, 4);
    middle.writeUInt32LE(crc32(entry.content), 10);
    middle.writeUInt32LE(stored.length, 14);
    middle.writeUInt32LE(bytes, 18);
    middle.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), middle, name, stored);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((entry.mode ?? REGULAR) << 16) >>> 0, 6);
    tail.writeUInt32LE(at, 10);
    const head = Buffer.from("PK\x01\x02\x14\x03", "latin1");
    central.push(head, middle, tail, name);
    at += 30 + name.length + stored.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, directory, end]);
}

const file = (name: string, text = "export {};\n"): Entry => ({ name, content: Buffer.from(text) });
const good = file("index.mjs");

export interface HostileArchive {
  readonly title: string;
  readonly archive: Buffer;
  /** Of the refusal. */
  readonly reason: RegExp;
}

export const GOOD_ARCHIVE = zipOf([good]);

export const HOSTILE_ARCHIVES: readonly HostileArchive[] = [
  { title: "not an archive", archive: Buffer.from("hello"), reason: /^ARCHIVE_/ },
  { title: "an empty one", archive: zipOf([]), reason: /^ARCHIVE_/ },
  { title: "one that is cut off", archive: GOOD_ARCHIVE.subarray(0, 60), reason: /^ARCHIVE_/ },
  {
    title: "a way out",
    archive: zipOf([good, file("../../outside.mjs")]),
    reason: /^ARCHIVE_PATH_TRAVERSAL$/,
  },
  {
    title: "an absolute path",
    archive: zipOf([good, file("/etc/skerry-outside")]),
    reason: /^ARCHIVE_PATH_ABSOLUTE$/,
  },
  {
    title: "a link",
    archive: zipOf([good, { ...file("passwords", "/etc/passwd"), mode: LINK }]),
    reason: /^ARCHIVE_LINK$/,
  },
  {
    title: "a path twice",
    archive: zipOf([good, good]),
    reason: /^ARCHIVE_PATH_DUPLICATE$/,
  },
  {
    title: "a lying size",
    archive: zipOf([{ ...file("index.mjs", "x".repeat(5_000)), claimedBytes: 10, deflate: true }]),
    reason: /^ARCHIVE_/,
  },
  {
    title: "a bomb",
    archive: zipOf([good, { name: "zeros", content: Buffer.alloc(300 << 20), deflate: true }]),
    reason: /^ARCHIVE_/,
  },
];
