/**
 * The npm scripts, run in a small repository of their own: with a program that only counts signals,
 * an npm and an apt-get that only write down how they were called.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { chooseNode, isNewer } from "./setup.mjs";
import { addTotals, planRun } from "./suites.mjs";
import { absentPackages } from "./system.mjs";

const FAKE_NPM = `
const { appendFileSync, mkdirSync } = require("node:fs");
const [verb] = process.argv.slice(2);
appendFileSync("npm-calls", JSON.stringify({ verb, cache: process.env.npm_config_cache }) + "\\n");
if ((process.env.FAKE_NPM_FAILS ?? "").split(",").includes(verb)) process.exit(1);
mkdirSync("node_modules", { recursive: true });
`;

const FAKE_PLATFORM = `
let signals = 0;
const end = (name: string) => {
  signals += 1;
  // Draining ends with the next turn after the second signal could have come.
  if (signals === 1) process.stdin.once("data", () => {
    console.log("ended by " + name + " after " + signals);
    process.exit(7);
  });
};
process.on("SIGINT", () => end("SIGINT"));
process.on("SIGTERM", () => end("SIGTERM"));
console.log("ready " + process.argv.slice(2).join(" "));
setInterval(() => {}, 1000);
`;

const SYSTEM = {
  packages: [
    {
      name: "the Wall",
      purpose: "walls",
      without: "there is no wall",
      neededBy: ["start", "test"],
      platforms: ["linux", "darwin"],
      probes: ["skerry-no-such-program"],
      apt: "wall",
    },
  ],
};

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** A repository with the real scripts and everything else planted. */
function repository(t: TestContext): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "skerry-run-")));
  t.after(() => rmSync(root, { recursive: true }));
  const isScript = (path: string): boolean => !path.endsWith(".test.ts");
  cpSync(import.meta.dirname, join(root, "tools/run"), { recursive: true, filter: isScript });
  write(root, {
    "package.json": '{ "type": "module" }',
    "package-lock.json": "{}",
    "fake/package.json": "{}",
    "fake/npm-cli.js": FAKE_NPM,
    "tools/system-packages.json": '{ "packages": [] }',
    "apps/platform/src/main.ts": FAKE_PLATFORM,
  });
  return root;
}

interface Ran {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly end: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

function script(
  t: TestContext,
  root: string,
  call: { args: readonly string[]; env?: Readonly<Record<string, string>> },
): Ran {
  const child = spawn(process.execPath, call.args, {
    cwd: root,
    env: {
      PATH: process.env["PATH"],
      HOME: root,
      SKERRY_NODE: process.execPath,
      npm_execpath: join(root, "fake/npm-cli.js"),
      npm_node_execpath: process.execPath,
      ...call.env,
    },
  });
  t.after(() => child.kill("SIGKILL"));
  const texts = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (texts.out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (texts.err += chunk));
  const end = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  return { child, out: () => texts.out, err: () => texts.err, end };
}

async function untilPrinted(ran: Ran, text: string): Promise<void> {
  while (!ran.out().includes(text)) {
    assert.equal(ran.child.exitCode, null, `ended before it printed ${text}: ${ran.err()}`);
    await once(ran.child.stdout ?? ran.child, "data");
  }
}

function npmCalls(root: string): readonly { verb: string; cache?: string }[] {
  const path = join(root, "npm-calls");
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as { verb: string; cache?: string });
}

test("a newer host Node of 26 or later wins over the pinned one, and nothing older does", () => {
  const pinned = { path: "/pinned", version: "26.10.0" };
  const chosen = (version: string): string | undefined =>
    chooseNode({ path: "/host", version }, pinned);
  assert.equal(chosen("v20.20.2"), "/pinned");
  assert.equal(chosen("v26.9.9"), "/pinned");
  assert.equal(chosen("v26.10.0"), "/pinned");
  assert.equal(chosen("v26.10.1"), "/host");
  assert.equal(chosen("v28.0.0"), "/host");
  assert.equal(chooseNode({ path: "/host", version: "v26.0.0" }, undefined), "/host");
  assert.equal(chooseNode({ path: "/host", version: "v25.0.0" }, undefined), undefined);
  assert.equal(chooseNode(undefined, pinned), "/pinned");
  assert.ok(isNewer("27.0.0", "26.99.99"));
  assert.ok(!isNewer("26.1.10", "26.2.1"));
});

test("start passes its arguments on, and one Ctrl-C under npm reaches the platform once", async (t) => {
  const ran = script(t, repository(t), { args: ["tools/run/start.mjs", "--roles=agent", "x y"] });
  await untilPrinted(ran, "ready --roles=agent x y");
  ran.child.kill("SIGINT");
  ran.child.kill("SIGINT");
  ran.child.stdin?.write("now\n");
  assert.deepEqual(await ran.end, { code: 7, signal: null });
  assert.match(ran.out(), /ended by SIGINT after 1/);
});

test("start waits for a platform that drains after SIGTERM and ends with its exit code", async (t) => {
  const ran = script(t, repository(t), { args: ["tools/run/start.mjs"] });
  await untilPrinted(ran, "ready");
  ran.child.kill("SIGTERM");
  ran.child.stdin?.write("now\n");
  assert.deepEqual(await ran.end, { code: 7, signal: null });
});

test("start ends by the signal that ended the platform", async (t) => {
  const root = repository(t);
  write(root, { "apps/platform/src/main.ts": 'process.kill(process.pid, "SIGKILL");' });
  const { signal } = await script(t, root, { args: ["tools/run/start.mjs"] }).end;
  assert.equal(signal, "SIGKILL");
});

test("packages are installed when the lock file changed, and only then", async (t) => {
  const root = repository(t);
  const compiled = 'appendFileSync("compiled", process.env.NODE_COMPILE_CACHE)';
  write(root, {
    "apps/platform/src/compile.ts": `import { appendFileSync } from "node:fs"; ${compiled};`,
    "apps/platform/src/main.ts": "",
  });
  const start = async (env: Record<string, string> = {}): Promise<number | null> =>
    (await script(t, root, { args: ["tools/run/start.mjs"], env }).end).code;
  assert.equal(await start(), 0);
  const cache = join(root, "node_modules/.cache/compile");
  const told = readFileSync(join(root, "compiled"), "utf8");
  assert.equal(told, cache, "what the platform loads is compiled");
  assert.equal(await start(), 0);
  assert.deepEqual(
    npmCalls(root).map(({ verb }) => verb),
    ["ci"],
    "a fresh clone gets exactly the lock, once",
  );
  write(root, { "package-lock.json": "{ }" });
  assert.equal(await start(), 0);
  assert.equal(npmCalls(root).at(-1)?.verb, "install", "a tree in use is not deleted");
  write(root, { "package-lock.json": "{  }" });
  assert.equal(await start({ CI: "true" }), 0);
  assert.equal(npmCalls(root).at(-1)?.verb, "ci", "CI gets exactly the lock");
});

test("a failed install ends the script, and the next one tries again", async (t) => {
  const root = repository(t);
  write(root, { "apps/platform/src/main.ts": "" });
  const args = ["tools/run/start.mjs"];
  const failed = script(t, root, { args, env: { CI: "true", FAKE_NPM_FAILS: "ci,install" } });
  assert.equal((await failed.end).code, 1);
  assert.match(failed.err(), /npm could not install/);
  assert.equal((await script(t, root, { args, env: { FAKE_NPM_FAILS: "ci" } }).end).code, 0);
  assert.deepEqual(
    npmCalls(root).map(({ verb }) => verb),
    ["ci", "install", "ci", "install"],
  );
});

test("a machine without a home still has a place for npm's cache", async (t) => {
  for (const HOME of ["", "/no/such/home"]) {
    const root = repository(t);
    write(root, { "apps/platform/src/main.ts": "" });
    const ran = script(t, root, { args: ["tools/run/start.mjs"], env: { HOME } });
    assert.equal((await ran.end).code, 0);
    assert.equal(npmCalls(root)[0]?.cache, join(tmpdir(), "skerry-npm-cache"));
  }
});

test("a SKERRY_NODE that is too old or absent is refused by name", async (t) => {
  const root = repository(t);
  write(root, { "old-node": "#!/bin/sh\necho v20.1.0\n" });
  chmodSync(join(root, "old-node"), 0o755);
  for (const [path, why] of [
    [join(root, "old-node"), /v20\.1\.0/],
    [join(root, "none"), /cannot be run/],
  ] as const) {
    const ran = script(t, root, { args: ["tools/run/start.mjs"], env: { SKERRY_NODE: path } });
    assert.equal((await ran.end).code, 1);
    assert.match(ran.err(), why);
  }
});

test("start names what the machine lacks with the command that installs it, and starts", async (t) => {
  const root = repository(t);
  write(root, {
    "apps/platform/src/main.ts": "",
    "tools/system-packages.json": JSON.stringify(SYSTEM),
  });
  const ran = script(t, root, { args: ["tools/run/start.mjs"] });
  assert.equal((await ran.end).code, 0);
  assert.match(ran.err(), /the Wall: walls\. Without it there is no wall\./);
  assert.match(ran.err(), /apt-get install --no-install-recommends wall\n/);
});

const isRoot = process.getuid?.() === 0;

test("tests install what is absent where they may; still absent is fatal in CI only", async (t) => {
  const root = repository(t);
  write(root, {
    "bin/apt-get": `#!/bin/sh\necho "$@" >> "${root}/apt-calls"\n`,
    "tools/system-packages.json": JSON.stringify(SYSTEM),
    "packages/one/src/one.test.ts": 'import { test } from "node:test"; test("one", () => {});',
  });
  chmodSync(join(root, "bin/apt-get"), 0o755);
  const PATH = `${join(root, "bin")}:${process.env["PATH"]}`;
  const args = ["tools/run/test.mjs"];
  const notice = script(t, root, { args, env: { PATH } });
  assert.equal((await notice.end).code, 0);
  assert.match(notice.err(), /the Wall/);
  const fatal = script(t, root, { args, env: { PATH, CI: "true" } });
  assert.equal((await fatal.end).code, 1);
  assert.match(fatal.err(), /CI needs the system packages/);
  const calls = isRoot ? readFileSync(join(root, "apt-calls"), "utf8").split("\n") : [];
  if (isRoot)
    assert.deepEqual(
      calls.slice(0, 2).map((line) => line.split(" ")[0]),
      ["update", "install"],
    );
});

test("both phases report into one summary, and one failure fails the run", async (t) => {
  const root = repository(t);
  const suite = (body: string): string =>
    `import { test } from "node:test"; test("a test", () => { ${body} }); test.skip("later");`;
  write(root, {
    "packages/one/src/one.test.ts": suite(""),
    "tests/two.test.ts": suite("throw new TypeError('planted')"),
  });
  const all = script(t, root, { args: ["tools/run/test.mjs"] });
  assert.equal((await all.end).code, 1);
  const summary =
    /ℹ tests (\d+)\nℹ suites 0\nℹ pass (\d+)\nℹ fail (\d+)\nℹ cancelled 0\nℹ skipped (\d+)/;
  assert.deepEqual(summary.exec(all.out())?.slice(1), ["4", "1", "1", "2"]);
  assert.equal(all.out().split("ℹ tests").length, 2, "there is one summary");
  assert.match(all.out(), /planted/);
  const one = script(t, root, { args: ["tools/run/test.mjs", "packages"] });
  assert.equal((await one.end).code, 0);
  const none = script(t, root, { args: ["tools/run/test.mjs", "packages/none"] });
  assert.equal((await none.end).code, 1, "a path without tests is a mistake, not a success");
});

test("suites under tests/ come after the others, those that measure last, and paths narrow the run", (t) => {
  const root = repository(t);
  write(root, {
    "packages/one/src/b.test.ts": "",
    "packages/one/src/a.test.ts": "",
    "packages/one/src/a.ts": "",
    "packages/one/node_modules/x/x.test.ts": "",
    "packages/one/testdata/x.test.ts": "",
    "tests/busy-agent.test.ts": "",
    "tests/slow.test.ts": "",
  });
  rmSync(join(root, "tools"), { recursive: true });
  const units = ["packages/one/src/a.test.ts", "packages/one/src/b.test.ts"];
  const whole = planRun([], root);
  assert.deepEqual([whole.unit, whole.heavy], [units, ["tests/slow.test.ts"]]);
  assert.deepEqual(whole.lone, ["tests/busy-agent.test.ts"]);
  const narrow = planRun(["packages/one/src/b.test.ts", "--test-name-pattern=x"], root);
  assert.deepEqual(narrow.unit, [units[1]]);
  assert.deepEqual(narrow.options, ["--test-name-pattern=x"]);
  assert.deepEqual(planRun(["packages/two"], root).unknown, ["packages/two"]);
  assert.deepEqual(addTotals({ pass: 1 }, { pass: 2, fail: 1 }), { pass: 3, fail: 1 });
});

test("a system package is there when one probe finds it in a version that is new enough", (t) => {
  const root = repository(t);
  write(root, { "lib/13/bin/db": "", "bin/tool": "" });
  for (const path of ["lib/13/bin/db", "bin/tool"]) chmodSync(join(root, path), 0o755);
  const machine = { purpose: "test", platform: "linux", pathVariable: join(root, "bin") };
  const plain = { name: "", purpose: "", without: "", apt: "", probes: ["other"] };
  const needed = { ...plain, neededBy: ["test"], platforms: ["linux"] };
  const isAbsent = (entry: Partial<typeof needed> & { versionMin?: number }): boolean =>
    absentPackages([{ ...needed, ...entry }], machine).length > 0;
  const database = [join(root, "lib/*/bin/db")];
  assert.ok(!isAbsent({ probes: ["tool"] }));
  assert.ok(isAbsent({ probes: ["other"] }));
  assert.ok(!isAbsent({ probes: ["other", "tool"] }));
  assert.ok(!isAbsent({ probes: database, versionMin: 13 }));
  assert.ok(isAbsent({ probes: database, versionMin: 15 }));
  assert.ok(!isAbsent({ probes: ["other"], platforms: ["darwin"] }));
  assert.ok(!isAbsent({ probes: ["other"], neededBy: ["bench"] }));
});

const LEAVES_OPEN = `
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { test } from "node:test";
test("fails", () => {
  createServer().listen(0);
  spawn("sleep", ["600"], { stdio: "inherit" });
  assert.equal(1, 2);
});
`;

test("a test file that leaves something open when it fails is ended, and named", (t) => {
  const root = repository(t);
  write(root, { "open.test.ts": LEAVES_OPEN, "fine.test.ts": 'import "node:test";' });
  const bound = join(import.meta.dirname, "file-bound.mjs");
  const env = { ...process.env, SKERRY_TEST_ENDS_WITHIN_MS: "200", NODE_TEST_CONTEXT: undefined };
  const args = ["--test", `--import=${bound}`, "open.test.ts", "fine.test.ts"];
  const ran = spawnSync(process.execPath, args, {
    ...{ cwd: root, env, encoding: "utf8", timeout: 60_000 },
  });
  assert.equal(ran.status, 1, ran.stderr);
  assert.match(ran.stdout, /open\.test\.ts did not end after its last test.*TCPServerWrap/);
  assert.match(ran.stdout, /AssertionError/);
  assert.doesNotMatch(ran.stdout, /fine\.test\.ts did not end/);
});
