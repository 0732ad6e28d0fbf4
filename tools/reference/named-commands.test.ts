import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { askHelp } from "./cli.ts";
import { findWrongCommands } from "./named-commands.ts";

const ROOT = new URL("../../", import.meta.url);
const DOCS = readdirSync(new URL("docs/", ROOT)).filter((name) => name.endsWith(".md"));
const ERRORS = "docs/reference/errors.md";
const PAGES = ["README.md", ERRORS, ...DOCS.map((name) => `docs/${name}`)];
const textOf = (page: string): string => readFileSync(new URL(page, ROOT), "utf8");

test("commands that errors and documents name are there, with the flags that they are named with", () => {
  const help = askHelp();
  assert.ok(textOf(ERRORS).includes("`skerry ls`"), "hints are looked at");
  for (const page of PAGES) assert.deepEqual(findWrongCommands(textOf(page), help), [], page);
});

test("a command that is none, and a flag that it does not have, are found (negative control)", () => {
  const said =
    "`skerry keys` or `npx skerry logs a/b --folow`, not `skerry ls` or `skerry {command}`";
  assert.deepEqual(findWrongCommands(said, askHelp()), [
    "`skerry keys`",
    "`npx skerry logs a/b --folow`: --folow",
  ]);
});
