import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { exitCodeOf } from "@skerry/base";
import { runCli } from "../test/run-cli.ts";
import { inferConfig } from "./folder-kind.ts";
import { templateFolder, TEMPLATES } from "./templates.ts";

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-init-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("without a template all are listed", async (t) => {
  const { exitCode, stdout } = await runCli(["init"], { cwd: emptyFolder(t) });
  assert.equal(exitCode, 0);
  for (const { name } of TEMPLATES) assert.match(stdout, new RegExp(`^${name} `, "m"));
});

test("a template's files are in the folder that was named, and the next command is told", async (t) => {
  const cwd = emptyFolder(t);
  const { exitCode, stdout } = await runCli(["init", "python", "greet"], { cwd });
  assert.equal(exitCode, 0);
  assert.deepEqual(readdirSync(join(cwd, "greet")), ["index.py"]);
  assert.match(stdout, /npx skerry deploy greet/);
});

test("no file that is there is written over, and none is written beside it", async (t) => {
  const cwd = emptyFolder(t);
  writeFileSync(join(cwd, "package.json"), "mine");
  const { exitCode, stderr } = await runCli(["init", "express", "."], { cwd });
  assert.equal(exitCode, exitCodeOf("INVALID_ARGUMENT"));
  assert.match(stderr, /has package\.json already/);
  assert.deepEqual(readdirSync(cwd), ["package.json"]);
  assert.equal(readFileSync(join(cwd, "package.json"), "utf8"), "mine");
});

test("a misspelt template is refused with the nearest", async (t) => {
  const { exitCode, stderr } = await runCli(["init", "pyhton"], { cwd: emptyFolder(t) });
  assert.equal(exitCode, exitCodeOf("INVALID_ARGUMENT"));
  assert.match(stderr, /Did you mean python\?/);
});

test("every template is a folder that can be deployed as it is", () => {
  for (const template of TEMPLATES) assert.ok(inferConfig(templateFolder(template)), template.name);
});
