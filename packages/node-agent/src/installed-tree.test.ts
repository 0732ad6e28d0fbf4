import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { takeOver } from "./installed-tree.ts";

const PRINT = "console.log(process.argv.slice(2).join())";
const ECHO = "/bin/echo";

/** What each installed command is, and how it is laid down. */
const COMMANDS: Readonly<Record<string, (path: string) => void>> = {
  "for-node": (path) => writeFileSync(path, `#!/usr/bin/env node\n${PRINT}\n`, { mode: 0o755 }),
  "elsewhere-node": (path) => writeFileSync(path, `#!/nowhere/node\n${PRINT}\n`, { mode: 0o755 }),
  plain: (path) => writeFileSync(path, PRINT),
  shell: (path) => writeFileSync(path, '#!/bin/sh\nIFS=,; echo "$*"\n', { mode: 0o755 }),
  machine: (path) => copyFileSync(ECHO, path),
};

test("an installed command starts by what it is: Node's, another's script, or machine code", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-installed-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, ".bin"));
  mkdirSync(join(folder, "pack"));
  for (const [name, lay] of Object.entries(COMMANDS)) {
    lay(join(folder, "pack", name));
    symlinkSync(`../pack/${name}`, join(folder, ".bin", name));
  }
  await takeOver(folder);
  const env = { PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}` };
  for (const name of Object.keys(COMMANDS)) {
    const run = promisify(execFile)(join(folder, ".bin", name), ["a", "b"], { env });
    assert.match((await run).stdout, /^a[, ]b\n$/, name);
  }
});
