import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@skerry/testkit";
import { lockHome } from "./home-lock.ts";

const CHILD = fileURLToPath(new URL("../test/lock-child.ts", import.meta.url));

interface Place {
  readonly home: string;
  readonly lockFile: string;
}

function openPlace(t: TestContext): Place {
  const home = mkdtempSync(join(tmpdir(), "skerry-lock-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, "run"));
  return { home, lockFile: join(home, "run", "supervisor.json") };
}

function startChild(
  t: TestContext,
  { home, lockFile }: Place,
): { child: ChildProcess; said(): string } {
  const child = spawn(process.execPath, [CHILD, home, lockFile], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (part: Buffer) => (text += part.toString()));
  return { child, said: () => text };
}

test("a home has one supervisor: the second start is refused and names the first", (t) => {
  const { home, lockFile } = openPlace(t);
  const lock = lockHome(home, lockFile);
  assert.equal(lock.isTakenOver, false);
  assert.throws(
    () => lockHome(home, lockFile),
    (error: Error) => {
      assert.match(error.message, new RegExp(`process ${process.pid}`));
      return (error as Error & { reason: string }).reason === "PLATFORM_RUNNING_ALREADY";
    },
  );
  lock.giveBack();
  lockHome(home, lockFile).giveBack();
  assert.deepEqual(readdirSync(dirname(lockFile)), []);
});

test("a lock is stale when its process is gone, its pid is another's by now, or it cannot be read", (t) => {
  const { home, lockFile } = openPlace(t);
  for (const text of [
    JSON.stringify({ pid: 2 ** 30, startTicks: "5" }),
    JSON.stringify({ pid: process.ppid, startTicks: "5" }),
    JSON.stringify({ pid: process.pid, startTicks: "1" }),
    JSON.stringify({ pid: -1, startTicks: "1" }),
    JSON.stringify({ pid: process.pid }),
    "",
    "{",
    "null",
    "5",
  ]) {
    writeFileSync(lockFile, text);
    const lock = lockHome(home, lockFile);
    assert.equal(lock.isTakenOver, true, text);
    assert.match(readFileSync(lockFile, "utf8"), new RegExp(`"pid":${process.pid},`));
    lock.giveBack();
    assert.deepEqual(readdirSync(dirname(lockFile)), [], text);
  }
});

test("what was taken over by another meanwhile is not given back in its name", (t) => {
  const { home, lockFile } = openPlace(t);
  const lock = lockHome(home, lockFile);
  writeFileSync(lockFile, '{"pid":1,"startTicks":"1"}');
  lock.giveBack();
  assert.equal(readFileSync(lockFile, "utf8"), '{"pid":1,"startTicks":"1"}');
});

const hasProc = { skip: process.platform !== "linux" && "there is no /proc" };

test("a process that has ended and was not collected holds no lock", hasProc, async (t) => {
  const place = openPlace(t);
  // The child ends when the shell has become a program that collects nobody; a shell would.
  const child = 'while read -r name </proc/$$/comm && [ "$name" = sh ]; do :; done';
  const shell = spawn("sh", ["-c", `{ ${child}; } & echo $!; exec sleep 60`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => shell.kill("SIGKILL"));
  let pid = "";
  shell.stdout.on("data", (part: Buffer) => (pid += part.toString()));
  const stat = await until("the ended process", () => {
    const text = readFileSync(`/proc/${pid.trim()}/stat`, "latin1");
    return / Z /.test(text) ? text : undefined;
  });
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  writeFileSync(place.lockFile, JSON.stringify({ pid: Number(pid), startTicks }));
  assert.equal(lockHome(place.home, place.lockFile).isTakenOver, true);
});

test("of many starts at once on a stale lock exactly one gets the home", async (t) => {
  for (let round = 0; round < 3; round += 1) {
    const place = openPlace(t);
    writeFileSync(place.lockFile, JSON.stringify({ pid: 2 ** 30, startTicks: "5" }));
    const children = Array.from({ length: 4 }, () => startChild(t, place));
    await until("all to be ready", () => children.every(({ said }) => said() === "ready\n"));
    for (const { child } of children) child.stdin?.write("go\n");
    await until("all to have tried", () => children.every(({ said }) => said().length > 7));
    const said = children.map((one) => one.said().slice(6).trim()).toSorted();
    const refused = "PLATFORM_RUNNING_ALREADY";
    assert.deepEqual(said, [refused, refused, refused, "taken"]);
    for (const { child } of children) child.kill("SIGKILL");
  }
});

test("a home that cannot hold a lock is said to be unusable", (t) => {
  const { home } = openPlace(t);
  writeFileSync(join(home, "file"), "");
  assert.throws(() => lockHome(home, join(home, "file", "lock.json")), { reason: "HOME_UNUSABLE" });
});
