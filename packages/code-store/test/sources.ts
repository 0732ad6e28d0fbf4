import { createHash } from "node:crypto";
import { seededRandom } from "@skerry/base";
import { sourceDigest } from "../src/digest.ts";
import { zipOf, type ZipEntry } from "./zip-writer.ts";

/** A source as an uploader has it: the archive and the digest it computed itself. */
export interface TestSource {
  readonly digest: string;
  readonly archive: Buffer;
  readonly bytes: number;
}

/** Files by path; content is text or bytes. */
export function sourceOf(files: Readonly<Record<string, string | Buffer>>): TestSource {
  const entries = Object.entries(files).map(([path, text]) => {
    const content = Buffer.from(text);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { path, executable: false, bytes: content.length, sha256, content };
  });
  const zipped = entries.map(({ path, content }): ZipEntry => ({ name: path, content }));
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return { digest: sourceDigest(entries), archive: zipOf(zipped), bytes };
}

/** A tree of `files` files of `fileBytes` random bytes each; the seed decides the content. */
export function randomSource(seed: number, files: number, fileBytes: number): TestSource {
  const random = seededRandom(seed);
  const paths = Array.from({ length: files }, (_, i) => `src/part${i % 7}/file${i}.mjs`);
  return sourceOf(
    Object.fromEntries(paths.map((path) => [path, Buffer.from(random.bytes(fileBytes))])),
  );
}
