import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { createInitTree } from "./init-tree.ts";

test("an init that has no root of its own yet is not charged with the machine's memory", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  try {
    const tree = createInitTree({
      ...{ rootPid: process.pid, isRootAlive: () => true, marker: "none" },
      initPid: () => child.pid,
    });
    assert.deepEqual(tree.usage(), { memoryBytes: 0, cpuUs: 0, processes: 1 });
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
