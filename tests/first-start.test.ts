/**
 * The first minute with Skerry: one command in an empty home, the lines that it prints, and the
 * line to try, pasted into a shell. Afterwards Ctrl-C, and nothing is left.
 */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { flagOf } from "@skerry/contracts";
import { startPlatform, until, type PlatformOptions } from "@skerry/testkit";
import { findLeftovers, killLeftovers, NOTHING_LEFT } from "@skerry/testkit/leftovers";
import { paste as pasteExample } from "./documents.ts";
import { ECHO } from "./sources.ts";

type User = NonNullable<PlatformOptions["user"]>;

const IS_ROOT = process.getuid?.() === 0;
const NOBODY: User = { uid: 65_534, gid: 65_534 };
const START = fileURLToPath(new URL("../tools/run/start.mjs", import.meta.url));
const TIMEOUT = { timeout: 600_000 };
/** The aim is two seconds; this only tells a start from one that hangs. */
const READY_WITHIN_MS = 120_000;
const GONE_WITHIN_MS = 60_000;
const CURL = /^ +(curl '(http[^']+)')$/m;

function emptyHome(user?: User): string {
  const home = mkdtempSync(join(tmpdir(), "skerry-first-"));
  // Sandboxes have uids of their own and must be able to enter it.
  chmodSync(home, 0o755);
  if (user !== undefined) chownSync(home, user.uid, user.gid);
  return home;
}

/** `npm start -- …` without npm, on ports of its own. */
function startCommand(home: string, user?: User): { child: ChildProcess; output: () => string } {
  const ports = [flagOf("apiPort"), "0", flagOf("gatewayPort"), "0"];
  const child = spawn(process.execPath, [START, ...ports], {
    ...user,
    // Ctrl-C at the test run must not reach it before the test ends it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: home, SKERRY_HOME: home },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return { child, output: () => output };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

/** Runs the line in a shell as it was printed; where there is no curl, Node asks for its URL. */
async function paste(line: string, url: string): Promise<string> {
  const env = { PATH: process.env["PATH"] };
  const hasCurl = (process.env["PATH"] ?? "")
    .split(delimiter)
    .some((folder) => readdirOf(folder).includes("curl"));
  if (!hasCurl) return await (await fetch(url)).text();
  return (await promisify(execFile)("sh", ["-c", line], { env })).stdout;
}

function readdirOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function assertNames(banner: string, home: string): void {
  const seconds = Number(/Skerry is ready \(([\d.]+) s\)/.exec(banner)?.[1]);
  assert.ok(seconds > 0 && seconds * 1_000 < READY_WITHIN_MS, banner);
  assert.match(banner, /^ +Gateway +http:\/\/127\.0\.0\.1:\d+$/m);
  assert.match(banner, /^ +API +http:\/\/127\.0\.0\.1:\d+$/m);
  const keyFile = /^ +Key +(\S+)$/m.exec(banner)?.[1] ?? "";
  assert.equal(keyFile, join(home, "admin.key"));
  assert.notEqual(readFileSync(keyFile, "utf8").trim(), "");
  const level = /^ +Sandbox +(\S.*)$/m.exec(banner)?.[1] ?? "unknown";
  assert.notEqual(level, "unknown");
}

async function firstMinute(user?: User): Promise<void> {
  const home = emptyHome(user);
  const { child, output } = startCommand(home, user);
  try {
    await until("it is ready", () => output().includes("Stop with Ctrl-C."), {
      deadlineMs: READY_WITHIN_MS,
      giveUp: () => hasEnded(child),
    }).catch((error: unknown) => assert.fail(`${String(error)}\n${output()}`));
    assertNames(output(), home);
    // For a normal user there is always something more to be had.
    if (user !== undefined) assert.match(output(), /^ {12}for [^:\n]+: .+$/m);
    const [, line, url] = CURL.exec(output()) ?? [];
    assert.ok(line !== undefined && url !== undefined, output());
    const { message } = JSON.parse(await paste(line, url)) as { message: string };
    assert.equal(message, "Hello, you!");
    const [, command = ""] = /`(.*npx skerry console)`/.exec(output()) ?? [];
    assert.match(await pasteExample(command, { env: {} }), /#sign-in=sil_/, command);
    child.kill("SIGINT");
    await until("it has stopped", () => hasEnded(child), { deadlineMs: GONE_WITHIN_MS });
    assert.equal(child.exitCode, 0, output());
    const isClean = (): boolean => Object.values(findLeftovers(home)).flat().length === 0;
    await until("nothing left", isClean, { deadlineMs: GONE_WITHIN_MS }).catch(() => undefined);
    assert.deepEqual(findLeftovers(home), NOTHING_LEFT);
    assert.deepEqual(readdirSync(join(home, "run")), []);
  } finally {
    child.kill("SIGKILL");
    killLeftovers(home);
    rmSync(home, { recursive: true, force: true });
  }
}

test("one command in an empty home, and the printed line answers", TIMEOUT, () => firstMinute());

test(
  "one command of a normal user in an empty home, and the printed line answers",
  { ...TIMEOUT, skip: IS_ROOT ? false : "the tests run as a normal user already" },
  () => firstMinute(NOBODY),
);

test("a home without the example is not told to call it", TIMEOUT, async () => {
  const home = emptyHome();
  const platform = await startPlatform({ home, settings: { example: "true" } });
  try {
    assert.match(platform.output, CURL, "before it is removed");
    await platform.deploy({ app: "shop", fn: "echo", files: ECHO });
    await platform.client.deleteFunction({ params: { app: "examples", fn: "hello" } });
    await platform.stop();
    await platform.start();
    await until("the banner", () => platform.output.includes("Stop with Ctrl-C."));
    assert.doesNotMatch(platform.output, CURL);
    assert.match(platform.output, /npx skerry deploy DIR/);
    await platform.stop();
  } finally {
    await platform.abandon();
    rmSync(home, { recursive: true, force: true });
  }
});
