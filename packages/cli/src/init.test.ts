import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { exitCodeOf } from "@skerry/base";
import { runCli } from "../test/run-cli.ts";
import { inferConfig } from "./folder-kind.ts";
import { TEMPLATES } from "./templates.ts";

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
  const go = await runCli(["init", "go", "serve"], { cwd });
  // As pasted: the second line runs where the first did.
  assert.match(go.stdout, /^ +\(cd serve && .*\)\n +npx skerry deploy serve$/m);
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

test("every template is a folder that can be deployed as it is", async (t) => {
  const cwd = emptyFolder(t);
  for (const { name } of TEMPLATES) {
    await runCli(["init", name], { cwd });
    assert.ok(inferConfig(join(cwd, name)), name);
  }
});

/** What the compiler says of a folder's code, under the strictest rules that users have. */
async function checkTypes(folder: string): Promise<string> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const options = {
    ...{
      strict: true,
      skipLibCheck: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
    },
    ...{ noPropertyAccessFromIndexSignature: true, noUnusedLocals: true, noEmit: true },
    ...{ module: "nodenext", target: "esnext", allowImportingTsExtensions: true },
    ...{ types: ["node"], typeRoots: [join(root, "node_modules/@types")] },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
  const tsc = join(root, "node_modules/.bin/tsc");
  const run = promisify(execFile)(tsc, ["-p", folder]);
  return await run.then(
    ({ stdout }) => stdout,
    ({ stdout }: { stdout: string }) => stdout,
  );
}

const TYPED = TEMPLATES.flatMap(({ name, typed }) => (typed === true ? name : []));

test("the compiler accepts made templates, and knows what contexts have", async (t) => {
  const cwd = emptyFolder(t);
  assert.deepEqual(TYPED, ["event", "fetch", "chat"]);
  for (const name of TYPED) await runCli(["init", name], { cwd });
  const made = await runCli(["init", "types", "mine"], { cwd });
  assert.equal(made.stdout, "✓ mine: skerry.d.ts\n");
  const code = `import type { FetchHandler, Handler, Hook } from "./skerry.d.ts";
export const init: Hook = ({ memoryMb }) => console.log(memoryMb);
export const handler: Handler<{ n: number }, number> = async ({ n }, context) => {
  context.waitUntil(Promise.resolve());
  const { body } = await context.call("a/b", {}, { stream: true });
  await body.cancel();
  await context.publish("a", [{ data: n }], { key: "k", idempotencyKey: "n" });
  return n + (await context.call<number>("a/c", { n }));
};
export default { fetch: (request) => new Response(request.url) } satisfies FetchHandler;
`;
  writeFileSync(join(cwd, "mine", "index.ts"), code);
  // As a module it is checked itself, which declarations are only without `skipLibCheck`.
  copyFileSync(join(cwd, "mine", "skerry.d.ts"), join(cwd, "mine", "published.ts"));
  assert.equal(await checkTypes(cwd), "");
  writeFileSync(join(cwd, "mine", "index.ts"), code.replace("waitUntil", "waitUntill"));
  assert.match(await checkTypes(join(cwd, "mine")), /index\.ts\(4,11\).*waitUntill/);
});
