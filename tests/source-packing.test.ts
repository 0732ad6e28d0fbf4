/**
 * Packing and unpacking are two rooms that compute a source's identity on their own; here they
 * meet.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { systemRandom } from "@skerry/base";
import { unpackArchive } from "@skerry/code-store";
import { packFolder } from "@skerry/sdk/pack";

function workspace(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-packing-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("an unpacked archive has the digest, files and bytes that the packer said", async (t) => {
  const folder = workspace(t);
  const from = join(folder, "from");
  const files: Record<string, string | Buffer> = {
    "index.ts": "export const handler = () => 1;\n",
    "lib/deep/er/a.json": "{}",
    "lib/empty": "",
    "Ünïcode/🙂 (1).txt": "text",
    "binary.wasm": randomBytes(3 << 20),
    "run.sh": "#!/bin/sh\n",
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(from, path)), { recursive: true });
    writeFileSync(join(from, path), content);
  }
  chmodSync(join(from, "run.sh"), 0o755);
  symlinkSync("lib/deep/er/a.json", join(from, "link.json"));
  const packed = await packFolder(from);
  const into = join(folder, "into");
  const unpacked = await unpackArchive(
    { random: systemRandom() },
    { archive: Readable.fromWeb(packed.archive() as never), into },
  );
  assert.deepEqual(
    [unpacked.digest, unpacked.files, unpacked.bytes],
    [packed.digest, packed.files, packed.bytes],
  );
  assert.equal((await packFolder(into)).digest, packed.digest, "and packs the same again");
});
