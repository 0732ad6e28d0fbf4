import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { bringsMachineCode } from "./brought-packages.ts";

function sourceOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const source = mkdtempSync(join(tmpdir(), "skerry-brought-"));
  t.after(() => rmSync(source, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    writeFileSync(join(source, path), text);
  }
  return source;
}

const needs = (...names: readonly string[]): string =>
  JSON.stringify({ dependencies: Object.fromEntries(names.map((name) => [name, "1"])) });

test("what is asked for is found where Node would find it: below, or further up", async (t) => {
  const source = sourceOf(t, {
    "node_modules/up/package.json": needs("native"),
    "node_modules/native/build/it.node": "",
    "lib/node_modules/below/package.json": needs("own"),
    "lib/node_modules/below/node_modules/own/lib.so.6": "",
    "node_modules/none/package.json": needs("up"),
  });
  assert.equal(await bringsMachineCode(source, ["node_modules/up/index.js"]), true);
  assert.equal(await bringsMachineCode(source, ["lib/node_modules/below/index.js"]), true);
  assert.equal(await bringsMachineCode(source, ["node_modules/none/index.js", "index.js"]), false);
});

test("names that lead nowhere are no packages", async (t) => {
  const source = sourceOf(t, { "node_modules/file": "", "node_modules/own/package.json": "[1" });
  const long = "x".repeat(10_000);
  const names = ["gone", "file", "a\0b", long, "own"].map(
    (name) => `node_modules/${name}/index.js`,
  );
  const absolute = "/node_modules/own/index.js";
  assert.equal(await bringsMachineCode(source, [...names, absolute]), false);
});

test("a manifest that is too large is not read, and too many names need no look each", async (t) => {
  const native = { "node_modules/native/it.node": "" };
  const many = needs(...Array.from({ length: 21_000 }, (_, n) => `n${n}`));
  const large = sourceOf(t, {
    ...native,
    "node_modules/own/package.json": `${needs("native")}${" ".repeat(1 << 20)}`,
  });
  assert.equal(await bringsMachineCode(large, ["node_modules/own/index.js"]), false);
  const broad = sourceOf(t, { "node_modules/own/package.json": many });
  assert.equal(await bringsMachineCode(broad, ["node_modules/own/index.js"]), true);
});
