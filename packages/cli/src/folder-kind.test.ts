import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { readProject } from "./project.ts";

const NOTHING = { app: undefined, name: undefined };

function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-folder-kind-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const configOf = async (
  t: TestContext,
  files: Readonly<Record<string, string>>,
): Promise<unknown> => {
  const { functions } = await readProject(folderOf(t, files), { ...NOTHING, name: "fn" });
  return functions[0]?.config;
};

const START = JSON.stringify({ scripts: { start: "node server.js" } });
const KINDS: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
  ["index.ts is Node's", { "index.ts": "" }, {}],
  ["index.js beside a start script is Node's", { "index.js": "", "package.json": START }, {}],
  ["a start script is a web server", { "package.json": START }, { command: "node server.js" }],
  ["a Procfile wins over Node", { Procfile: "web: ./run\n", "index.js": "" }, { command: "./run" }],
  ["index.py is Python's", { "index.py": "" }, { runtime: "python3" }],
  ["index.php is PHP's", { "index.php": "" }, { runtime: "php8" }],
  ["scf_bootstrap is a program", { scf_bootstrap: "", "index.js": "" }, { runtime: "custom" }],
  ["bootstrap is a program", { bootstrap: "" }, { runtime: "custom" }],
];

for (const [title, files, expected] of KINDS) {
  test(title, async (t) => assert.deepEqual(await configOf(t, files), expected));
}

test("a folder that tells nothing is refused by what it could hold", async (t) => {
  const folder = folderOf(t, { "notes.txt": "", "package.json": "{" });
  await assert.rejects(readProject(folder, NOTHING), {
    reason: "PROJECT_EMPTY",
    message: /index\.py.* or package\.json with a start script/,
  });
});

test("a function of skerry.yaml takes from its folder what the file does not say", async (t) => {
  const folder = folderOf(t, {
    "skerry.yaml":
      "app: mixed\nfunctions:\n  py: { dir: py }\n  own: { dir: py, command: python3 x.py }\n",
    "py/index.py": "",
  });
  const [py, own] = (await readProject(folder, NOTHING)).functions;
  assert.equal(py?.config.runtime, "python3");
  assert.deepEqual([own?.config.runtime, own?.config.command], ["node26", "python3 x.py"]);
});
