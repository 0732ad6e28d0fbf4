import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const HOOK = [
  'import { registerHooks } from "node:module";',
  "registerHooks({ load(url, at, next) { console.log(url); return next(url, at); } });",
].join("\n");
/** No platform listens there. */
const NOBODY = { SKERRY_API: "http://127.0.0.1:1", SKERRY_KEY: "none" };
/** What the API takes and gives, and what it is checked with. */
const SCHEMAS =
  /\/node_modules\/zod\/|\/contracts\/src\/schemas\/|\/api-schema\/src\/(?:index|operations|resources)\.ts/;
const YAML = /\/node_modules\/yaml\//;

/** The modules that a command loads, in a home and a folder of its own, whatever comes of it. */
async function loadedBy(t: TestContext, ...args: readonly string[]): Promise<readonly string[]> {
  const home = mkdtempSync(join(tmpdir(), "skerry-loads-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  writeFileSync(join(home, "skerry.yaml"), "app: shop\nfunctions:\n  hello: {}\n");
  writeFileSync(join(home, "index.ts"), "");
  mkdirSync(join(home, "alone"));
  writeFileSync(join(home, "alone", "index.ts"), "");
  const preload = `--import=data:text/javascript,${encodeURIComponent(HOOK)}`;
  const options = { cwd: home, env: { ...NOBODY, SKERRY_HOME: home } };
  const { promise, resolve } = Promise.withResolvers<string>();
  const program = [preload, MAIN, ...args];
  execFile(process.execPath, program, options, (_error, stdout) => resolve(stdout));
  return (await promise).split("\n");
}

test("a command that reads no YAML loads no parser of it", async (t) => {
  for (const command of ["help", "ls"]) {
    const loaded = await loadedBy(t, command);
    assert.ok(
      loaded.some((url) => url.endsWith("/packages/cli/src/run.ts")),
      command,
    );
    assert.deepEqual(
      loaded.filter((url) => YAML.test(url)),
      [],
      command,
    );
  }
  const reading = await loadedBy(t, "deploy", ".");
  assert.ok(
    reading.some((url) => YAML.test(url)),
    "one that reads skerry.yaml does",
  );
});

test("a command loads no schema, nor their library, to ask the API", async (t) => {
  for (const line of ["--version", "ls", "invoke shop/hello", "deploy alone"]) {
    const loaded = await loadedBy(t, ...line.split(" "));
    assert.ok(
      loaded.some((url) => url.endsWith("/packages/sdk/src/client.ts")),
      line,
    );
    assert.deepEqual(
      loaded.filter((url) => SCHEMAS.test(url)),
      [],
      line,
    );
  }
  const checking = await loadedBy(t, "deploy", ".");
  assert.ok(
    checking.some((url) => SCHEMAS.test(url)),
    "one that checks skerry.yaml does",
  );
});
