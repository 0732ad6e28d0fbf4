import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { until } from "@skerry/testkit";
import { openPlatformLog } from "./platform-log.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-log-"));
after(() => rmSync(directory, { recursive: true }));

function linesOf(file: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a line begins with the log's own fields, and a caller cannot replace them", () => {
  const file = join(directory, "own.jsonl");
  const log = openPlatformLog({ file, level: "info", role: "control" });
  log.warn("a role ended", { message: "mine", role: "agent", pid: 1, ended: "agent", at: 0 });
  const [line] = linesOf(file);
  assert.ok(line !== undefined);
  assert.deepEqual(Object.keys(line), ["at", "level", "role", "pid", "message", "ended"]);
  const { at, ...rest } = line;
  assert.ok(!Number.isNaN(Date.parse(String(at))));
  const own = { level: "warn", role: "control", pid: process.pid, message: "a role ended" };
  assert.deepEqual(rest, { ...own, ended: "agent" });
});

test("what is below the level is not written", () => {
  const file = join(directory, "level.jsonl");
  const log = openPlatformLog({ file, level: "warn", role: "agent" });
  log.info("left out");
  log.warn("written");
  assert.deepEqual(
    linesOf(file).map(({ message }) => message),
    ["written"],
  );
});

test("what is no warning is written behind the caller's back, in order and whole", async () => {
  const file = join(directory, "behind.jsonl");
  const log = openPlatformLog({ file, level: "info", role: "gateway" });
  log.info("first", { n: 0 });
  assert.equal(existsSync(file), false, "the call did not write");
  for (let n = 1; n < 500; n += 1) log.info("another", { n });
  await until("all lines", () => existsSync(file) && linesOf(file).length === 500);
  assert.deepEqual(
    linesOf(file).map(({ n }) => n),
    Array.from({ length: 500 }, (_, n) => n),
  );
});

test("a warning is on disk when the call returns, with what was said before it", () => {
  const file = join(directory, "warned.jsonl");
  const log = openPlatformLog({ file, level: "info", role: "gateway" });
  log.info("before");
  log.warn("the warning");
  assert.deepEqual(
    linesOf(file).map(({ message }) => message),
    ["before", "the warning"],
  );
});

test("a flood keeps to its room: what finds none is counted, and the number is said", () => {
  const file = join(directory, "flood.jsonl");
  const log = openPlatformLog({ file, level: "info", role: "gateway" });
  const text = "x".repeat(60_000);
  for (let n = 0; n < 1_000; n += 1) log.info("flood", { text });
  log.warn("over");
  const lines = linesOf(file);
  const dropped = lines.find(({ message }) => message === "the disk was too slow for the log");
  assert.equal(Number(dropped?.["dropped"]) + lines.length - 1, 1_001);
  assert.ok(lines.length < 100, String(lines.length));
  assert.ok(
    lines.some(({ message }) => message === "over"),
    "a warning always finds room",
  );
  log.info("long", { text: "y".repeat(1 << 20) });
  log.warn("after");
  assert.ok(readFileSync(file).length < 8 << 20);
  assert.ok(linesOf(file).some(({ message, cut }) => message === "long" && cut !== undefined));
});

test("what waits when the process ends is written", () => {
  const file = join(directory, "ended.jsonl");
  const script = `import { openPlatformLog } from ${JSON.stringify(import.meta.resolve("./platform-log.ts"))};
    openPlatformLog({ file: ${JSON.stringify(file)}, level: "info", role: "agent" }).info("last");
    process.exit(0);`;
  execFileSync(process.execPath, ["--input-type=module", "--eval", script]);
  assert.deepEqual(
    linesOf(file).map(({ message }) => message),
    ["last"],
  );
});
