import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { prepareLanguageRuntime } from "./language-runtime.ts";

/** A runtime's folder, whose interpreter is not there until `install` writes it. */
function language(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "skerry-language-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const source = join(directory, "odd");
  const program = join(directory, "odd-interpreter");
  mkdirSync(source);
  writeFileSync(
    join(source, "runtime.json"),
    JSON.stringify({
      ...{ format: 1, name: "odd", title: "Odd", programs: [program], versionMin: "1.10" },
      ...{
        versionArguments: ["-v"],
        install: "apt-get install odd",
        arguments: ["{runtime}/main"],
      },
      ...{ entries: ["index.odd"], system: "host", warms: false },
    }),
  );
  writeFileSync(join(source, "main"), "");
  const install = (version: string): void =>
    writeFileSync(program, `#!/bin/sh\necho "Odd ${version} (of today)" >&2\n`, { mode: 0o755 });
  const prepare = () =>
    prepareLanguageRuntime({
      runtimesDirectory: join(directory, "runtimes"),
      source: pathToFileURL(`${source}/`),
    });
  return { program, install, prepare };
}

test("a missing or old interpreter is named with the command that installs it", async (t) => {
  const { program, install, prepare } = language(t);
  const missing = { reason: "RUNTIME_MISSING", hint: /`apt-get install odd`/ };
  const message = "This machine has no Odd 1.10 or newer: it is not installed.";
  await assert.rejects(prepare(), { ...missing, message });
  install("1.9.4");
  await assert.rejects(prepare(), { ...missing, message: new RegExp(`${program} is 1\\.9\\.4`) });
});

test("once it is installed, its runtime is laid down and started with it", async (t) => {
  const { program, install, prepare } = language(t);
  await assert.rejects(prepare());
  install("1.10.0");
  const { id, directory, command } = await prepare();
  assert.match(id, /^odd-1\.10\.0-[0-9a-f]{8}$/);
  assert.ok(existsSync(join(directory, "main")));
  const [first, second] = command({ inside: "/inside", warmFor: "event", memoryMb: 128 });
  assert.deepEqual([first, second], [program, "/inside/main"]);
});
