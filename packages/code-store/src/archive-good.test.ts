import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { deflateRawSync } from "node:zlib";
import { seededRandom, systemRandom } from "@skerry/base";
import { ZipFile } from "yazl";
import { everythingBelow, scratch } from "../test/scratch.ts";
import { extraField, zip64Extra, zipOf } from "../test/zip-writer.ts";
import { sourceDigest } from "./digest.ts";
import { readTree } from "./tree.ts";
import { unpackArchive } from "./unpack.ts";

const deps = { random: systemRandom() };
const FILES = [
  { name: "index.mjs", content: "export {};\n" },
  { name: "bin/run", content: "#!/bin/sh\n", mode: 0o100755 },
  { name: "naïve/\u{1f600}.txt", content: "utf-8" },
  { name: "empty", content: "" },
  { name: "big", content: Buffer.from(seededRandom(7).bytes(300_000)), deflate: true },
];

test("a tree is unpacked with content and executable bits, readable by all", async (t) => {
  const box = await scratch(t);
  await writeFile(join(box, "a.zip"), zipOf(FILES));
  const mask = process.umask(0o077);
  t.after(() => process.umask(mask));
  const tree = await unpackArchive(deps, { archive: join(box, "a.zip"), into: join(box, "out") });
  assert.deepEqual(await everythingBelow(join(box, "out")), [
    "big -444 300000",
    "bin/ d755",
    "bin/run -555 10",
    "empty -444 0",
    "index.mjs -444 11",
    "naïve/ d755",
    "naïve/\u{1f600}.txt -444 5",
  ]);
  assert.equal(await readFile(join(box, "out/index.mjs"), "utf8"), "export {};\n");
  assert.deepEqual([tree.files, tree.bytes], [5, 300_026]);
  assert.equal(tree.digest, sourceDigest(await readTree(join(box, "out"))));
});

test("order, packing, folders and comment do not change the digest", async (t) => {
  const box = await scratch(t);
  const variants = [
    zipOf(FILES),
    zipOf(FILES.toReversed().map((file) => ({ ...file, deflate: true }))),
    zipOf([...FILES, { name: "bin/", mode: 0o40755 }, { name: "void/", mode: 0o40700 }]),
    zipOf(FILES, { comment: Buffer.from("made on a Tuesday") }),
    zipOf(FILES, { zip64: {} }),
  ];
  const digests = new Set<string>();
  for (const [i, archive] of variants.entries()) {
    const into = join(box, `out${i}`);
    digests.add((await unpackArchive(deps, { archive: Readable.from([archive]), into })).digest);
  }
  assert.equal(digests.size, 1);
});

test("data descriptors, zip64 fields and harmless extra fields are understood", async (t) => {
  const box = await scratch(t);
  const late = { flags: 0x0808, local: { crc: 0, size: 0, packedSize: 0 } };
  const see = { size: 0xffffffff, packedSize: 0xffffffff };
  const archive = zipOf([
    { name: "a", content: "abc", ...late, after: Buffer.alloc(16) },
    { name: "b", content: "abcd", ...see, extra: zip64Extra(4, 4) },
    { name: "c", content: "abcde", extra: extraField(0x5455, Buffer.alloc(5)) },
  ]);
  const tree = await unpackArchive(deps, {
    archive: Readable.from([archive]),
    into: join(box, "o"),
  });
  assert.equal(tree.bytes, 12);
});

test("a zip inside a zip is just a file", async (t) => {
  const box = await scratch(t);
  const inner = zipOf([{ name: "../evil", content: "x" }]);
  const archive = zipOf([{ name: "inner.zip", content: inner }]);
  await unpackArchive(deps, { archive: Readable.from([archive]), into: join(box, "out") });
  assert.deepEqual(await readFile(join(box, "out/inner.zip")), inner);
});

test("an archive streamed by another writer is unpacked", async (t) => {
  const box = await scratch(t);
  const zip = new ZipFile();
  for (const { name, content, mode } of FILES) {
    const stream = Readable.from([Buffer.from(content)]);
    zip.addReadStream(stream, name, { mode: mode ?? 0o100644 });
  }
  zip.addEmptyDirectory("folder");
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(join(box, "a.zip")));
  const archive = createReadStream(join(box, "a.zip"));
  const tree = await unpackArchive(deps, { archive, into: join(box, "out") });
  assert.equal(tree.files, FILES.length);
});

test("an upload that breaks off, or is too long, leaves nothing and says so", async (t) => {
  const box = await scratch(t);
  const bytes = zipOf(FILES);
  const broken = Readable.from(
    (async function* () {
      yield bytes.subarray(0, 1000);
      throw Object.assign(new Error("reset"), { code: "ECONNRESET", syscall: "read" });
    })(),
  );
  const into = join(box, "out");
  await assert.rejects(unpackArchive(deps, { archive: broken, into }), {
    reason: "CODE_UPLOAD_BROKEN",
  });
  const long = Readable.from(Array.from({ length: 9 }, () => bytes));
  const limits = { archiveBytesMax: bytes.length + 1 };
  await assert.rejects(unpackArchive(deps, { archive: long, into, limits }), {
    reason: "ARCHIVE_TOO_LARGE",
  });
  assert.equal(long.destroyed, false);
  assert.deepEqual(await everythingBelow(box), []);
});

test("what is there already is not touched", async (t) => {
  const box = await scratch(t);
  const into = join(box, "out");
  await mkdir(into);
  await writeFile(join(into, "mine"), "mine");
  const archive = Readable.from([zipOf(FILES)]);
  await assert.rejects(unpackArchive(deps, { archive, into }), { reason: "CODE_TARGET_EXISTS" });
  assert.deepEqual(await everythingBelow(box), ["out/ d755", "out/mine -644 4"]);
});

interface Peak {
  readonly peakBytes: number;
}

/**
 * Unpacks in a process of its own and tells the most memory it held; files named are read whole.
 */
async function peakOf(archive: string, into: string, ...more: readonly string[]): Promise<number> {
  const script = join(import.meta.dirname, "../test/unpack-once.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script, archive, into, ...more]);
  return (JSON.parse(stdout) as Peak).peakBytes;
}

const readsProc = { skip: process.platform === "linux" ? false : "needs /proc" };

test("memory does not grow with the size of files", readsProc, async (t) => {
  const box = await scratch(t);
  const bytes = 96 << 20;
  const big = Buffer.alloc(bytes);
  const archives = {
    small: zipOf([{ name: "small", content: "x" }]),
    large: zipOf([
      { name: "zeros", content: big, packed: deflateRawSync(big), method: 8 },
      { name: "stored", content: big },
    ]),
  };
  for (const [name, archive] of Object.entries(archives)) {
    await writeFile(join(box, `${name}.zip`), archive);
  }
  const small = await peakOf(join(box, "small.zip"), join(box, "small"));
  const large = await peakOf(join(box, "large.zip"), join(box, "large"));
  const held = await peakOf(join(box, "large.zip"), join(box, "held"), "zeros", "stored");
  assert.ok(large - small < bytes, `unpacking held ${large - small} bytes more`);
  t.diagnostic(`most memory held: ${small} small, ${large} large, ${held} read at once`);
  assert.ok(held - small > bytes * 1.5, "the measure must see a file that is held in memory");
});
