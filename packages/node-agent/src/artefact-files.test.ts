import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { linkArtefact, readArtefact } from "./artefact-files.ts";

function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), "skerry-artefact-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text, { mode: 0o444 });
  }
  return directory;
}

const FILES = {
  "artefact.json": '{"format":1}',
  "bundle.cjs": "1",
  "a/b/c.txt": "deep",
  "a/d.txt": "shallow",
};

test("every file of an artefact appears in the target as the same inode, folders included", async (t) => {
  const source = directoryWith(t, FILES);
  const target = directoryWith(t, {});
  const artefact = await readArtefact(source);
  assert.deepEqual([...artefact.files].sort(), Object.keys(FILES).sort());
  linkArtefact(artefact, target);
  for (const [path, text] of Object.entries(FILES)) {
    assert.equal(readFileSync(join(target, path), "utf8"), text);
    assert.equal(statSync(join(target, path)).ino, statSync(join(source, path)).ino);
  }
});

test("a target that is used already is not written over", async (t) => {
  const artefact = await readArtefact(directoryWith(t, FILES));
  const target = directoryWith(t, { "bundle.cjs": "another's" });
  assert.throws(() => linkArtefact(artefact, target), { code: "EEXIST" });
  assert.equal(readFileSync(join(target, "bundle.cjs"), "utf8"), "another's");
});

test("an artefact that is gone or damaged is an error", async (t) => {
  await assert.rejects(readArtefact(join(directoryWith(t, {}), "absent")), { code: "ENOENT" });
  await assert.rejects(readArtefact(directoryWith(t, { "artefact.json": "{" })), SyntaxError);
});
