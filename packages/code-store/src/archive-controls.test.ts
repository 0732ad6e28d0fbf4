/**
 * With one check passed over, its attack lands: each test here shows that a refusal elsewhere was
 * this check's.
 */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { deflateRawSync } from "node:zlib";
import { everythingBelow, scratch } from "../test/scratch.ts";
import { zipOf, type ZipEntry } from "../test/zip-writer.ts";
import type { ArchiveReason } from "./errors.ts";
import { extractArchive, type UnpackedTree } from "./extract.ts";
import { CODE_STORE_LIMITS, type ArchiveLimits } from "./limits.ts";

interface Landing {
  readonly box: string;
  readonly found: readonly string[];
  readonly tree: UnpackedTree;
}

interface Attempt {
  readonly archive: Buffer;
  readonly trust: readonly ArchiveReason[];
  readonly limits?: Partial<ArchiveLimits>;
}

/**
 * Unpacks `box/a.zip` into `box/in/out`, once with all checks and once without the trusted ones.
 */
async function land(t: TestContext, { archive, trust, limits }: Attempt): Promise<Landing> {
  const box = await scratch(t);
  const archivePath = join(box, "a.zip");
  const refused = join(box, "refused");
  const into = join(box, "in", "out");
  await writeFile(archivePath, archive);
  await mkdir(refused);
  await mkdir(into, { recursive: true });
  const options = { archivePath, limits: { ...CODE_STORE_LIMITS, ...limits } };
  const [reason] = trust;
  await assert.rejects(extractArchive({ ...options, into: refused }), { reason });
  const tree = await extractArchive({ ...options, into, trust: new Set(trust) });
  return { box, tree, found: await everythingBelow(join(box, "in")) };
}

const zipped = (...entries: readonly ZipEntry[]): Buffer => zipOf(entries);

test("control: without the traversal check the unpacking reaches outside the root", async (t) => {
  const archive = zipped({ name: "../evil", content: "x" });
  const landing = land(t, { archive, trust: ["ARCHIVE_PATH_TRAVERSAL"] });
  // Folders are made exclusively, which is what stops it then: on the parent of the root, not
  // inside it.
  await assert.rejects(landing, (error: NodeJS.ErrnoException) => {
    assert.equal(error.code, "EEXIST");
    return error.path?.endsWith("/in") ?? false;
  });
});

test("control: without the link check a link lands, if only as a file", async (t) => {
  const archive = zipped({ name: "l", content: "/etc/passwd", mode: 0o120777 });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_LINK", "ARCHIVE_SPECIAL_FILE"] });
  assert.deepEqual(found, ["out/ d755", "out/l -555 11"]);
});

test("control: without the setuid check the file lands, though never with the bit", async (t) => {
  const archive = zipped({ name: "s", content: "x", mode: 0o104755 });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_SETUID"] });
  assert.deepEqual(found, ["out/ d755", "out/s -555 1"]);
});

test("control: without the case check two files land that are one elsewhere", async (t) => {
  const archive = zipped({ name: "a", content: "x" }, { name: "A", content: "y" });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_PATH_CASE_COLLISION"] });
  assert.deepEqual(found, ["out/ d755", "out/A -444 1", "out/a -444 1"]);
});

test("control: without the Unicode check two files land that look the same", async (t) => {
  const archive = zipped({ name: "\u00e9", content: "x" }, { name: "e\u0301", content: "y" });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_PATH_UNICODE_COLLISION"] });
  assert.equal(found.length, 3);
});

test("control: without the control character check terminal codes land", async (t) => {
  const archive = zipped({ name: "a\u001b[2Jb", content: "x" });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_PATH_CONTROL"] });
  assert.ok(found.includes("out/a\u001b[2Jb -444 1"));
});

test("control: without the size check more lands than was declared", async (t) => {
  const content = "x".repeat(5000);
  const archive = zipped({ name: "a", content, deflate: true, size: 10 });
  const { found, tree } = await land(t, { archive, trust: ["ARCHIVE_SIZE_LIE"] });
  assert.deepEqual(found, ["out/ d755", "out/a -444 5000"]);
  assert.equal(tree.bytes, 5000);
});

test("control: without the checksum check damaged content lands", async (t) => {
  const archive = zipped({ name: "a", content: "damaged", crc: 1 });
  const { box } = await land(t, { archive, trust: ["ARCHIVE_CHECKSUM_MISMATCH"] });
  assert.equal(await readFile(join(box, "in/out/a"), "utf8"), "damaged");
});

test("control: without the ratio check a bomb lands", async (t) => {
  const archive = zipped({ name: "z", content: Buffer.alloc(4 << 20), deflate: true });
  const { tree } = await land(t, { archive, trust: ["ARCHIVE_RATIO"] });
  assert.ok(tree.bytes > archive.length * 900);
});

test("control: without the overlap checks one kernel lands many times", async (t) => {
  const packed = deflateRawSync(Buffer.alloc(200_000));
  const kernel = { method: 8, packed, content: Buffer.alloc(200_000) };
  const claims = ["b", "c", "d"].map((name) => ({ ...kernel, name, absent: true, offset: 0 }));
  const archive = zipped({ ...kernel, name: "a" }, ...claims);
  const trust: ArchiveReason[] = ["ARCHIVE_HEADERS_DISAGREE", "ARCHIVE_OVERLAP"];
  const { tree } = await land(t, { archive, trust });
  assert.equal(tree.bytes, 800_000);
});

test("control: without the overlap check a quoted entry lands twice", async (t) => {
  const inner = zipOf([{ name: "inner", content: "twice" }]).subarray(0, 40);
  const archive = zipped(
    { name: "outer", content: inner },
    { name: "inner", content: "twice", absent: true, offset: 35 },
  );
  const { found } = await land(t, { archive, trust: ["ARCHIVE_OVERLAP"] });
  assert.deepEqual(found, ["out/ d755", "out/inner -444 5", "out/outer -444 40"]);
});

test("control: without the header check a file lands under one of its two names", async (t) => {
  const archive = zipped({ name: "a", content: "x", local: { name: "b" } });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_HEADERS_DISAGREE"] });
  assert.deepEqual(found, ["out/ d755", "out/a -444 1"]);
});

test("control: without the encryption check ciphertext lands as content", async (t) => {
  const archive = zipped({ name: "a", content: "secret", flags: 0x0801 });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_ENCRYPTED"] });
  assert.deepEqual(found, ["out/ d755", "out/a -444 6"]);
});

test("control: without the stray byte check what no entry owns is carried along", async (t) => {
  const archive = zipOf([{ name: "a", content: "x", after: Buffer.alloc(500) }]);
  const { found } = await land(t, { archive, trust: ["ARCHIVE_STRAY_BYTES"] });
  assert.deepEqual(found, ["out/ d755", "out/a -444 1"]);
});

test("control: without the check for hidden packed bytes they are carried along", async (t) => {
  const content = "x".repeat(5000);
  const packed = Buffer.concat([deflateRawSync(content), Buffer.alloc(200_000, "hidden")]);
  const archive = zipped({ name: "a", content, deflate: true, packed });
  const { found } = await land(t, { archive, trust: ["ARCHIVE_CONTENT_BROKEN"] });
  assert.deepEqual(found, ["out/ d755", "out/a -444 5000"]);
});

test("control: without the count check an entry stays hidden", async (t) => {
  const archive = zipOf([{ name: "a" }, { name: "hidden" }], { entries: 1 });
  const { found } = await land(t, {
    archive,
    trust: ["ARCHIVE_DIRECTORY_LIE", "ARCHIVE_STRAY_BYTES"],
  });
  assert.deepEqual(found, ["out/ d755", "out/a -444 0"]);
});

const LIMITED: ReadonlyArray<readonly [ArchiveReason, Partial<ArchiveLimits>]> = [
  ["ARCHIVE_TOO_LARGE", { archiveBytesMax: 99 }],
  ["ARCHIVE_ENTRIES_TOO_MANY", { entriesMax: 1 }],
  ["ARCHIVE_PATH_TOO_LONG", { pathBytesMax: 4 }],
  ["ARCHIVE_PATH_TOO_DEEP", { depthMax: 2 }],
  ["ARCHIVE_FILE_TOO_LARGE", { fileBytesMax: 3 }],
  ["ARCHIVE_TOTAL_TOO_LARGE", { totalBytesMax: 6 }],
];

for (const [reason, limits] of LIMITED) {
  test(`control: without the check behind ${reason} the limit is passed`, async (t) => {
    const archive = zipped({ name: "a", content: "abc" }, { name: "b/c/d", content: "defg" });
    const { tree } = await land(t, { archive, limits, trust: [reason] });
    assert.equal(tree.files, 2);
  });
}

test("an existing file is never written over, even where duplicates are passed over", async (t) => {
  const archive = zipped({ name: "a", content: "first" }, { name: "a", content: "second" });
  const attempt = land(t, { archive, trust: ["ARCHIVE_PATH_DUPLICATE"] });
  await assert.rejects(attempt, { code: "EEXIST" });
});
