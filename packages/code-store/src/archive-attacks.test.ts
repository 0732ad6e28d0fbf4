import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { PlatformError, seededRandom, systemRandom } from "@skerry/base";
import { everythingBelow, scratch } from "../test/scratch.ts";
import { extraField, zip64Extra, zipOf, type ZipEnd, type ZipEntry } from "../test/zip-writer.ts";
import type { ArchiveReason } from "./errors.ts";
import type { ArchiveLimits } from "./limits.ts";
import { unpackArchive } from "./unpack.ts";

interface Attack {
  readonly title: string;
  readonly reason: ArchiveReason;
  readonly archive: Buffer;
  readonly limits?: Partial<ArchiveLimits>;
}

const GOOD: ZipEntry = { name: "index.mjs", content: "export {};\n" };

/** An archive whose first entry is harmless, so that something would be there to leave behind. */
function named(reason: ArchiveReason, ...names: readonly (string | Buffer)[]): Attack[] {
  return names.map((name) => ({
    title: `the name ${JSON.stringify(name.toString().slice(0, 40))}`,
    reason,
    archive: zipOf([GOOD, { name, content: "planted" }]),
  }));
}

function entries(reason: ArchiveReason, title: string, ...more: readonly ZipEntry[]): Attack {
  return { title, reason, archive: zipOf([GOOD, ...more]) };
}

function ended(reason: ArchiveReason, title: string, end: ZipEnd): Attack {
  return { title, reason, archive: zipOf([GOOD], end) };
}

const together = (reason: ArchiveReason, ...names: readonly string[]): Attack =>
  entries(reason, names.join(" beside "), ...names.map((name) => ({ name, content: "x" })));

const NAMES: readonly Attack[] = [
  ...named("ARCHIVE_PATH_TRAVERSAL", "../evil", "a/../../evil", "a/..", "..", "a/b/../../../evil"),
  ...named("ARCHIVE_PATH_ABSOLUTE", "/etc/cron.d/evil", "//server/share"),
  ...named("ARCHIVE_PATH_DRIVE", "C:evil", "c:/windows/evil"),
  ...named("ARCHIVE_PATH_BACKSLASH", "..\\evil", "a\\b", "\\\\server\\share"),
  ...named("ARCHIVE_PATH_CONTROL", "a\0.mjs", "a\nb", "a\u007fb", "a\u001b[2J", "a\u202egnp.mjs"),
  ...named("ARCHIVE_PATH_CONTROL", ".g\u200cit/config", "a\u2028b", "\ufeffindex.mjs", "a\u0085b"),
  ...named(
    "ARCHIVE_PATH_ENCODING",
    Buffer.from([0x61, 0xff]),
    Buffer.from([0xc0, 0xae, 0xc0, 0xae]),
  ),
  ...named("ARCHIVE_PATH_ENCODING", Buffer.from([0xed, 0xa0, 0x80])),
  ...named("ARCHIVE_PATH_SEGMENT", "", "/", "a//b", "./a", "a/.", "a/ ", "a.", "a /b", "..."),
  ...named("ARCHIVE_PATH_RESERVED", "con", "a/NUL", "aux.js", "Com1.txt", "lpt9", "a/PRN/b"),
  ...named(
    "ARCHIVE_PATH_TOO_LONG",
    "a".repeat(256),
    "é".repeat(128),
    "abcdefgh/".repeat(120) + "a",
  ),
  ...named("ARCHIVE_PATH_TOO_DEEP", "a/".repeat(64) + "a"),
  together("ARCHIVE_PATH_DUPLICATE", "a", "a"),
  together("ARCHIVE_PATH_DUPLICATE", "index.mjs"),
  together("ARCHIVE_PATH_CASE_COLLISION", "readme", "README"),
  together("ARCHIVE_PATH_CASE_COLLISION", "src/a", "SRC/b"),
  together("ARCHIVE_PATH_CASE_COLLISION", "stra\u00dfe", "STRASSE"),
  together("ARCHIVE_PATH_UNICODE_COLLISION", "caf\u00e9", "cafe\u0301"),
  together("ARCHIVE_PATH_UNICODE_COLLISION", "caf\u00e9/a", "cafe\u0301/b"),
  together("ARCHIVE_PATH_KIND_CONFLICT", "a", "a/b"),
  together("ARCHIVE_PATH_KIND_CONFLICT", "a/b", "a"),
  entries("ARCHIVE_PATH_KIND_CONFLICT", "a folder with content", { name: "a/", content: "x" }),
  entries("ARCHIVE_PATH_KIND_CONFLICT", "a folder by mode only", { name: "a", mode: 0o40755 }),
  entries("ARCHIVE_PATH_KIND_CONFLICT", "a file by mode only", { name: "a/", mode: 0o100644 }),
  entries("ARCHIVE_PATH_KIND_CONFLICT", "a folder by DOS only", { name: "a", attributesLow: 0x10 }),
];

const asiUnix = (mode: number, target: string): Buffer => {
  const body = Buffer.alloc(14 + target.length);
  body.writeUInt16LE(mode, 4);
  body.write(target, 14, "latin1");
  return extraField(0x756e, body);
};
const link = (extra: Partial<ZipEntry>): ZipEntry => ({
  name: "l",
  content: "/etc/passwd",
  ...extra,
});

const KINDS: readonly Attack[] = [
  entries("ARCHIVE_LINK", "a symbolic link", link({ mode: 0o120777 })),
  entries("ARCHIVE_LINK", "a link to a folder and a file through it", link({ mode: 0o120777 }), {
    name: "l/evil",
  }),
  entries("ARCHIVE_LINK", "an NTFS reparse point", link({ attributesLow: 0x400 })),
  entries(
    "ARCHIVE_LINK",
    "a hard link in a PKWARE Unix field",
    link({ extra: extraField(0x000d, Buffer.alloc(20, "/etc/passwd")) }),
  ),
  entries("ARCHIVE_LINK", "a hard link in an ASi field", link({ extra: asiUnix(0o100644, "/x") })),
  entries(
    "ARCHIVE_LINK",
    "a symbolic link in an ASi field",
    link({ extra: asiUnix(0o120777, "") }),
  ),
  entries("ARCHIVE_SPECIAL_FILE", "a character device", { name: "d", mode: 0o020666 }),
  entries("ARCHIVE_SPECIAL_FILE", "a block device", { name: "d", mode: 0o060666 }),
  entries("ARCHIVE_SPECIAL_FILE", "a pipe", { name: "d", mode: 0o010666 }),
  entries("ARCHIVE_SPECIAL_FILE", "a socket", { name: "d", mode: 0o140666 }),
  entries("ARCHIVE_SETUID", "a setuid file", { name: "s", mode: 0o104755 }),
  entries("ARCHIVE_SETUID", "a setgid file", { name: "s", mode: 0o102755 }),
  entries("ARCHIVE_ENCRYPTED", "an encrypted file", { name: "e", flags: 0x0801, content: "x" }),
  entries("ARCHIVE_METHOD_UNKNOWN", "bzip2", { name: "b", method: 12, content: "x" }),
  entries("ARCHIVE_METHOD_UNKNOWN", "LZMA", { name: "b", method: 14, content: "x" }),
  entries("ARCHIVE_BROKEN", "strong encryption", { name: "e", flags: 0x0041, content: "x" }),
];

const zeros = Buffer.alloc(4 << 20);
const noise = Buffer.from(seededRandom(1).bytes(5000));
const deflated = { deflate: true, content: "x".repeat(5000) };

const CONTENT: readonly Attack[] = [
  entries("ARCHIVE_SIZE_LIE", "more content than declared", { name: "a", ...deflated, size: 10 }),
  entries("ARCHIVE_SIZE_LIE", "less content than declared", { name: "a", ...deflated, size: 6000 }),
  entries("ARCHIVE_SIZE_LIE", "declared empty", { name: "a", ...deflated, size: 0 }),
  entries("ARCHIVE_SIZE_LIE", "a stored file of two sizes", { name: "a", content: "abc", size: 5 }),
  entries("ARCHIVE_CHECKSUM_MISMATCH", "a stored file", { name: "a", content: "abc", crc: 1 }),
  entries("ARCHIVE_CHECKSUM_MISMATCH", "a deflated file", { name: "a", ...deflated, crc: 1 }),
  entries("ARCHIVE_CONTENT_BROKEN", "noise as deflated content", {
    name: "a",
    method: 8,
    packed: Buffer.alloc(100, 0xff),
    content: "x".repeat(100),
  }),
  entries("ARCHIVE_CONTENT_BROKEN", "a deflated stream that stops", {
    name: "a",
    method: 8,
    content: noise,
    packed: deflateRawSync(noise).subarray(0, 3000),
  }),
  entries("ARCHIVE_CONTENT_BROKEN", "bytes hidden behind a deflated stream", {
    name: "a",
    ...deflated,
    packed: Buffer.concat([deflateRawSync(deflated.content), Buffer.alloc(200_000, "hidden")]),
  }),
  entries("ARCHIVE_RATIO", "a bomb of zeros", { name: "z", content: zeros, deflate: true }),
  entries("ARCHIVE_FILE_TOO_LARGE", "a declared size of 4 GB", {
    name: "z",
    deflate: true,
    size: 0xfffffffe,
  }),
  {
    title: "many files that are large together",
    reason: "ARCHIVE_TOTAL_TOO_LARGE",
    archive: zipOf(["a", "b", "c"].map((name) => ({ name, content: Buffer.alloc(500, name) }))),
    limits: { totalBytesMax: 1400 },
  },
  {
    title: "a file over the limit of one file",
    reason: "ARCHIVE_FILE_TOO_LARGE",
    archive: zipOf([GOOD, { name: "a", content: Buffer.alloc(501) }]),
    limits: { fileBytesMax: 500 },
  },
  {
    title: "an archive over its limit",
    reason: "ARCHIVE_TOO_LARGE",
    archive: zipOf([GOOD, { name: "a", content: Buffer.alloc(5000) }]),
    limits: { archiveBytesMax: 5000 },
  },
  {
    title: "too many entries",
    reason: "ARCHIVE_ENTRIES_TOO_MANY",
    archive: zipOf(Array.from({ length: 101 }, (_, i) => ({ name: `f${i}` }))),
    limits: { entriesMax: 100 },
  },
];

/** One kernel of packed zeros that every entry claims (Fifield's full overlap). */
function overlapping(): Buffer {
  const kernel = deflateRawSync(Buffer.alloc(200_000));
  const shape = { method: 8, packed: kernel, size: 200_000, crc: 0, name: "k" };
  const claims = Array.from({ length: 50 }, (_, i) => ({ ...shape, name: `k${i}`, absent: true }));
  return zipOf([shape, ...claims.map((claim) => ({ ...claim, offset: 0 }))]);
}

/** The outer file's stored content is the whole local entry of an inner one (Fifield's quoting). */
function quoting(): Buffer {
  const inner = zipOf([{ name: "inner", content: "twice" }]).subarray(0, 30 + 5 + 5);
  const outer = { name: "outer", content: inner };
  const quoted = { name: "inner", content: "twice", absent: true, offset: 30 + 5 };
  return zipOf([outer, quoted]);
}

const whole = zipOf([GOOD]);
const endInComment = zipOf([{ name: "other.mjs", content: "other" }]).subarray(-22);

const STRUCTURE: readonly Attack[] = [
  { title: "an empty file", reason: "ARCHIVE_NOT_ZIP", archive: Buffer.alloc(0) },
  { title: "text", reason: "ARCHIVE_NOT_ZIP", archive: Buffer.from("hello ".repeat(100)) },
  { title: "gzip", reason: "ARCHIVE_NOT_ZIP", archive: Buffer.from("1f8b0800".repeat(50), "hex") },
  { title: "no entries", reason: "ARCHIVE_EMPTY", archive: zipOf([]) },
  {
    title: "only folders",
    reason: "ARCHIVE_EMPTY",
    archive: zipOf([{ name: "a/", mode: 0o40755 }]),
  },
  { title: "cut in the content", reason: "ARCHIVE_TRUNCATED", archive: whole.subarray(0, 45) },
  { title: "cut in the directory", reason: "ARCHIVE_TRUNCATED", archive: whole.subarray(0, 80) },
  { title: "cut in the end record", reason: "ARCHIVE_TRUNCATED", archive: whole.subarray(0, -1) },
  {
    title: "cut in the comment",
    reason: "ARCHIVE_TRUNCATED",
    archive: zipOf([GOOD], { comment: Buffer.from("a comment") }).subarray(0, -3),
  },
  {
    title: "its beginning missing",
    reason: "ARCHIVE_DIRECTORY_LIE",
    archive: whole.subarray(20),
  },
  ended("ARCHIVE_STRAY_BYTES", "bytes after its end", { after: Buffer.from("#!/bin/sh") }),
  ended("ARCHIVE_STRAY_BYTES", "bytes before its start", { before: Buffer.from("MZ program") }),
  entries("ARCHIVE_STRAY_BYTES", "bytes between files", { name: "a", after: Buffer.alloc(500) }),
  ended("ARCHIVE_AMBIGUOUS", "a second end in the comment", { comment: endInComment }),
  ended("ARCHIVE_AMBIGUOUS", "an end record cut off in the comment", {
    comment: Buffer.concat([Buffer.from("504b0506", "hex"), Buffer.alloc(30, 1)]),
  }),
  ended("ARCHIVE_BROKEN", "a count of more entries than there are", { entries: 2 }),
  {
    title: "an entry hidden from the count",
    reason: "ARCHIVE_DIRECTORY_LIE",
    archive: zipOf([GOOD, { name: "hidden" }], { entries: 1 }),
  },
  ended("ARCHIVE_DIRECTORY_LIE", "another disk", { disk: 3 }),
  ended("ARCHIVE_DIRECTORY_LIE", "a directory elsewhere", { directoryOffset: 0 }),
  ended("ARCHIVE_DIRECTORY_LIE", "a directory of another size", { directoryBytes: 40 }),
  ended("ARCHIVE_DIRECTORY_LIE", "a zip64 locator to nowhere", { zip64: { start: 2 ** 52 } }),
  ended("ARCHIVE_DIRECTORY_LIE", "zip64 against the old count", { zip64: {}, entries: 7 }),
  ended("ARCHIVE_DIRECTORY_LIE", "a zip64 directory elsewhere", { zip64: { directoryOffset: 9 } }),
  ended("ARCHIVE_ENTRIES_TOO_MANY", "2^40 zip64 entries", { zip64: { entries: 2 ** 40 } }),
  entries("ARCHIVE_DIRECTORY_LIE", "a zip64 packed size of 2^50", {
    name: "a",
    packedSize: 0xffffffff,
    size: 0xffffffff,
    extra: zip64Extra(2 ** 50, 2 ** 50),
    local: { extra: Buffer.alloc(0) },
  }),
  entries("ARCHIVE_DIRECTORY_LIE", "a zip64 offset past the end", {
    name: "a",
    offset: 0xffffffff,
    extra: zip64Extra(2 ** 40),
    local: { extra: Buffer.alloc(0) },
  }),
  entries("ARCHIVE_HEADERS_DISAGREE", "two zip64 fields in one entry", {
    name: "a",
    content: "abc",
    size: 0xffffffff,
    packedSize: 0xffffffff,
    extra: Buffer.concat([zip64Extra(3, 3), zip64Extra(9, 9)]),
  }),
  entries("ARCHIVE_DIRECTORY_LIE", "see zip64, where there is none", {
    name: "a",
    size: 0xffffffff,
    packedSize: 0xffffffff,
  }),
  entries("ARCHIVE_HEADERS_DISAGREE", "another name in the local header", {
    name: "a",
    local: { name: "../evil" },
  }),
  entries("ARCHIVE_HEADERS_DISAGREE", "another name in a Unicode path field", {
    name: "a",
    extra: extraField(0x7075, Buffer.from("\u0001\0\0\0\0../evil", "latin1")),
  }),
  entries("ARCHIVE_HEADERS_DISAGREE", "another method in the local header", {
    name: "a",
    content: "x",
    local: { method: 8 },
  }),
  entries("ARCHIVE_HEADERS_DISAGREE", "another size in the local header", {
    name: "a",
    content: "x",
    local: { size: 2 },
  }),
  entries("ARCHIVE_HEADERS_DISAGREE", "encrypted in the local header only", {
    name: "a",
    local: { flags: 0x0801 },
  }),
  entries("ARCHIVE_BROKEN", "an extra field that runs over its end", {
    name: "a",
    extra: Buffer.from("0100ff00", "hex"),
  }),
  entries("ARCHIVE_BROKEN", "an entry that points into content", {
    name: "a",
    absent: true,
    offset: 4,
  }),
  { title: "entries over one kernel", reason: "ARCHIVE_HEADERS_DISAGREE", archive: overlapping() },
  { title: "entries quoted by entries", reason: "ARCHIVE_OVERLAP", archive: quoting() },
];

const CLASSES = { NAMES, KINDS, CONTENT, STRUCTURE } as const;

for (const [name, attacks] of Object.entries(CLASSES)) {
  for (const { title, reason, archive, limits } of attacks) {
    test(`hostile ${name.toLowerCase()}: ${title} is ${reason}, and nothing is left`, async (t) => {
      const box = await scratch(t);
      const room = join(box, "a", "room");
      await mkdir(room, { recursive: true });
      await writeFile(join(box, "hostile.zip"), archive, { mode: 0o600 });
      const before = await everythingBelow(box);
      const unpacking = unpackArchive(
        { random: systemRandom() },
        {
          archive: join(box, "hostile.zip"),
          into: join(room, "out"),
          ...(limits ? { limits } : {}),
        },
      );
      await assert.rejects(unpacking, (error) => {
        assert.ok(PlatformError.is(error), String(error));
        assert.equal(error.reason, reason, error.message);
        assert.doesNotMatch(error.message + error.hint, /\{\w+\}|undefined/);
        return true;
      });
      assert.deepEqual(await everythingBelow(box), before);
    });
  }
}
