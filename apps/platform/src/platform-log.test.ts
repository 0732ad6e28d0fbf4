import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
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
