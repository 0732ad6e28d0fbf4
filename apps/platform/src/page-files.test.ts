import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createLog } from "@skerry/base";
import { readPageFiles } from "./page-files.ts";

function cache(t: TestContext, note: string | undefined): string {
  const directory = mkdtempSync(join(tmpdir(), "skerry-page-files-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  if (note !== undefined) writeFileSync(join(directory, "current.json"), note);
  return `${directory}/`;
}

test("the page's files are known by the path under which they are asked for", (t) => {
  const directory = cache(t, '{"directory":"b1"}');
  mkdirSync(join(directory, "b1/assets"), { recursive: true });
  writeFileSync(join(directory, "b1/index.html"), "<!doctype html>");
  writeFileSync(join(directory, "b1/assets/x.js"), "1");
  const log = createLog(() => assert.fail("nothing is wrong"));
  const page = readPageFiles(log, directory);
  assert.ok(page.kind === "built");
  const types = [...page.files].map(([path, { type }]) => [path, type]);
  assert.deepEqual(Object.fromEntries(types), {
    "/assets/x.js": "text/javascript; charset=utf-8",
    "/index.html": "text/html; charset=utf-8",
  });
});

test("a page that is not there, not whole or failed is absent, and the log says why", (t) => {
  const notes = [undefined, "{", '{"failure":"line 1"}', '{"directory":"gone"}'];
  const reasons = [/not built/, /not built/, /line 1/, /ENOENT/];
  for (const [i, note] of notes.entries()) {
    const told: unknown[] = [];
    const log = createLog((level, _message, fields) => void told.push([level, fields["why"]]));
    const page = readPageFiles(log, cache(t, note));
    assert.ok(page.kind === "absent");
    assert.match(page.why, reasons[i] ?? /./);
    assert.deepEqual(told, [["warn", page.why]]);
  }
});
