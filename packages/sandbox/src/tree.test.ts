import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { MARKER, type ProcessRow } from "./process-table.ts";
import { createTableTree } from "./tree.ts";

const MARK = "test/orphans/";
/** A stranger's parent. */
const ELSEWHERE = 2;

function row(pid: number, parentPid: number): ProcessRow {
  return { pid, parentPid, state: "S", cpuUs: 0 };
}

for (const [who, parentPid, counted] of [
  ["init", 1, 1],
  ["a parent of the platform that takes orphans", process.ppid, 1],
  ["anybody else (control)", ELSEWHERE, 0],
] as const) {
  test(`without groups what was left behind and fell to ${who} counts ${counted}`, async () => {
    const env = { ...process.env, [MARKER]: MARK };
    const child = spawn("sleep", ["60"], { stdio: "ignore", env });
    await once(child, "spawn");
    try {
      const tree = createTableTree({
        ...{ rootPid: -1, isRootAlive: () => false, marker: MARK },
        recentTable: () => [row(process.pid, process.ppid), row(child.pid ?? 0, parentPid)],
      });
      assert.equal(tree.usage().processes, counted);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
}
