/**
 * Working on a folder with `skerry dev`: every change is live a moment later, code that cannot be
 * built leaves what was live, and Ctrl-C ends it and what it started.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { callHttp, freePort, startPlatform, until } from "@skerry/testkit";
import { findLeftovers, killLeftovers, NOTHING_LEFT } from "@skerry/testkit/leftovers";

const CLI = fileURLToPath(new URL("../packages/cli/bin/skerry.mjs", import.meta.url));
const TIMEOUT = { timeout: 600_000 };
const answering = (word: string): string =>
  `export const handler = () => { console.log("said ${word}"); return "${word}"; };\n`;

function folderOf(t: TestContext, name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `skerry-${name}-`));
  chmodSync(folder, 0o755);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Dev {
  readonly child: ChildProcess;
  readonly output: () => string;
  write(code: string): void;
}

/** `skerry dev` on a folder with one function that anyone may call. */
function startDev(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  manifest = "app: dev\nfunctions:\n  word: { auth: none }\n",
): Dev {
  const folder = folderOf(t, "dev");
  writeFileSync(join(folder, "skerry.yaml"), manifest);
  const write = (code: string): void => writeFileSync(join(folder, "index.ts"), code);
  write(answering("one"));
  const child = spawn(process.execPath, [CLI, "dev", folder], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: folder, ...env },
  });
  t.after(() => child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return { child, output: () => output, write };
}

async function untilAnswers(port: number, word: string): Promise<void> {
  const answers = async (): Promise<boolean> =>
    (await callHttp({ port, path: "/-/dev/word/" })).text === word;
  await until(`the answer ${word}`, answers, { deadlineMs: 120_000 });
}

async function interrupt({ child }: Dev): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGINT");
  assert.deepEqual(await ended, [0, null]);
}

test(
  "every change is live, broken code leaves what was, the log is shown, and folders elsewhere count",
  TIMEOUT,
  async (t) => {
    const platform = await startPlatform();
    t.after(() => platform.abandon());
    const { apiUrl, gatewayUrl, gatewayPort, key } = platform;
    const env = { SKERRY_API: apiUrl, SKERRY_GATEWAY: gatewayUrl, SKERRY_KEY: key };
    const dev = startDev(t, env);
    await untilAnswers(gatewayPort, "one");
    dev.write(answering("two"));
    await untilAnswers(gatewayPort, "two");
    dev.write("export const handler = (");
    await until("the build's error", () => dev.output().includes("cannot be built"));
    assert.equal((await callHttp({ port: gatewayPort, path: "/-/dev/word/" })).text, "two");
    dev.write(answering("three"));
    await untilAnswers(gatewayPort, "three");
    await until("the log", () => dev.output().includes("said three"));
    await interrupt(dev);
    await assertElsewhereWatched(t, env, gatewayPort);
    await platform.stop();
  },
);

/** `skerry dev` on a folder whose function lies elsewhere, with a layer that does, too. */
async function assertElsewhereWatched(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  port: number,
): Promise<void> {
  const [code, layer] = [folderOf(t, "dev-code"), folderOf(t, "dev-layer")];
  const functions = { word: { dir: code, auth: "none", layers: ["words"] } };
  const manifest = JSON.stringify({ app: "dev", layers: { words: layer }, functions });
  const read = 'import { readFileSync } from "node:fs";\n';
  const answer = (sign: string): string =>
    `${read}export const handler = () =>
      readFileSync(process.env.SKERRY_LAYERS + "/word", "utf8") + "${sign}";\n`;
  writeFileSync(join(code, "index.ts"), answer("."));
  writeFileSync(join(layer, "word"), "first");
  const dev = startDev(t, env, manifest);
  await untilAnswers(port, "first.");
  writeFileSync(join(layer, "word"), "second");
  await untilAnswers(port, "second.");
  writeFileSync(join(code, "index.ts"), answer("!"));
  await untilAnswers(port, "second!");
  await interrupt(dev);
}

test("without a platform one is started, and stopped at the end", TIMEOUT, async (t) => {
  const home = folderOf(t, "dev-home");
  t.after(() => killLeftovers(home));
  const [api, gateway] = [await freePort(), await freePort()];
  const dev = startDev(t, {
    SKERRY_HOME: home,
    SKERRY_API_PORT: String(api),
    SKERRY_GATEWAY_PORT: String(gateway),
    SKERRY_API: `http://127.0.0.1:${api}`,
    SKERRY_GATEWAY: `http://127.0.0.1:${gateway}`,
  });
  await untilAnswers(gateway, "one").catch((error: unknown) => {
    throw new TypeError(dev.output(), { cause: error });
  });
  await interrupt(dev);
  // The kernel takes a moment to end what was killed.
  const isClean = (): boolean => Object.values(findLeftovers(home)).flat().length === 0;
  await until("nothing left", isClean).catch(() => undefined);
  assert.deepEqual(findLeftovers(home), NOTHING_LEFT);
});
