/** The start page's build, in a small repository of its own with a builder that only counts. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

const BUILDER = `
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
appendFileSync("../../builds", "x");
const source = readFileSync("src/main.tsx", "utf8");
if (source.includes("broken")) throw new SyntaxError("line 1 is broken");
mkdirSync(process.argv[2], { recursive: true });
writeFileSync(process.argv[2] + "/index.html", source);
`;

interface Ran {
  readonly status: number | null;
  readonly said: string;
}

function repository(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "skerry-page-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const isScript = (path: string): boolean => !path.endsWith(".ts");
  cpSync(import.meta.dirname, join(root, "tools/run"), { recursive: true, filter: isScript });
  write(root, "package-lock.json", "{}");
  write(root, "packages/console/build.mjs", BUILDER);
  write(root, "packages/console/src/main.tsx", "one");
  write(root, "packages/sdk/src/index.ts", "");
  return root;
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function provide(root: string, env: Readonly<Record<string, string>> = {}): Ran {
  const script = `import(${JSON.stringify(join(root, "tools/run/page.mjs"))})
    .then(({ providePage }) => providePage(process.execPath))`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", script], {
    ...{ cwd: root, encoding: "utf8", env: { PATH: process.env["PATH"], CI: "", ...env } },
  });
  return { status, said: stderr };
}

function cacheOf(root: string): string {
  return join(root, "node_modules/.cache/console");
}

function noteOf(root: string): { readonly directory?: string; readonly failure?: string } {
  return JSON.parse(readFileSync(join(cacheOf(root), "current.json"), "utf8")) as object;
}

const buildsOf = (root: string): number => readFileSync(join(root, "builds"), "utf8").length;

test("the page is built when something it is made of changed, and only then", (t) => {
  const root = repository(t);
  provide(root);
  const first = noteOf(root).directory ?? "";
  assert.equal(readFileSync(join(cacheOf(root), first, "index.html"), "utf8"), "one");
  assert.equal(provide(root).said, "", "nothing to do, nothing to say");
  write(root, "packages/console/src/main.test.ts", "a test is no part of it");
  provide(root);
  assert.equal(buildsOf(root), 1);
  for (const [path, text] of [
    ["packages/console/src/main.tsx", "two"],
    ["packages/sdk/src/index.ts", "export {};"],
    ["package-lock.json", '{ "lockfileVersion": 3 }'],
  ] as const) {
    const before = buildsOf(root);
    write(root, path, text);
    provide(root);
    assert.equal(buildsOf(root), before + 1, path);
  }
  assert.ok(!existsSync(join(cacheOf(root), first)), "the earlier build is gone");
});

test("a page that cannot be built is told and noted, stops nothing, and is tried again", (t) => {
  const root = repository(t);
  write(root, "packages/console/src/main.tsx", "broken");
  const { status, said } = provide(root);
  assert.equal(status, 0);
  assert.match(said, /no start page; everything else works/);
  assert.match(noteOf(root).failure ?? "", /line 1 is broken/);
  provide(root);
  assert.equal(buildsOf(root), 2);
  write(root, "packages/console/src/main.tsx", "mended");
  provide(root);
  assert.equal(noteOf(root).failure, undefined);
});

test("in CI a page that cannot be built is a failure", (t) => {
  const root = repository(t);
  write(root, "packages/console/src/main.tsx", "broken");
  const { status, said } = provide(root, { CI: "true" });
  assert.equal(status, 1);
  assert.match(said, /the start page could not be built/);
});
