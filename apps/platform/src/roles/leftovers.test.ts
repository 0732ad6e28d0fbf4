import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createLog } from "@skerry/base";
import { TEST_MOUNT } from "@skerry/testkit/leftovers";
import { layoutOf, type Layout } from "../layout.ts";
import { sweepLeftovers } from "./leftovers.ts";

const ID = "agent_now";
const SKIP =
  process.getuid?.() === 0 ? false : "only what root mounts cannot be removed by anybody";

/** A home in which another agent left directories, and this one has its own. */
function homeOf(t: TestContext): Layout {
  const home = mkdtempSync(join(tmpdir(), "skerry-left-"));
  t.after(() => rmSync(home, { recursive: true }));
  const layout = layoutOf(home);
  const { builds, dependencies, instances, run, runtimes, tools } = layout;
  for (const directory of [builds, dependencies, instances, run, runtimes, tools]) {
    mkdirSync(join(directory, ID), { recursive: true });
  }
  for (const name of ["agent_1", "agent_2", "agent_3"]) {
    mkdirSync(join(layout.builds, name, "node_modules"), { recursive: true });
    writeFileSync(join(layout.builds, name, "node_modules", "left.js"), "");
  }
  mkdirSync(join(layout.dependencies, "npm-1.new-inst_1"));
  return layout;
}

async function sweep(layout: Layout): Promise<readonly string[]> {
  const told: string[] = [];
  const log = createLog((level, message) => told.push(`${level} ${message}`));
  const sandboxes = { sweep: () => Promise.resolve({ processes: 0, groups: 0 }) };
  await sweepLeftovers({ id: ID, layout, log }, sandboxes);
  return told;
}

test("what another agent left goes, and this one's own stays", async (t) => {
  const layout = homeOf(t);
  assert.deepEqual(await sweep(layout), []);
  assert.deepEqual(readdirSync(layout.builds), [ID]);
  assert.deepEqual(readdirSync(layout.dependencies), [ID]);
});

test("what this agent itself is laying down or installing stays", async (t) => {
  const layout = homeOf(t);
  const { dependencies, runtimes, tools } = layout;
  const own = [
    join(runtimes, `node26-1.new-${process.pid}`),
    join(tools, ID, `npm-11.new-${process.pid}`),
    join(dependencies, `npm-2.new-${process.pid}-inst_2`),
  ];
  const others = own.map((path) => path.replace(String(process.pid), `${process.pid}0`));
  for (const path of [...own, ...others]) mkdirSync(path);
  // As a folder that had its name before one could look into it: no folder is here.
  const named = join(tools, `esbuild-1.new-${process.pid}`);
  writeFileSync(named, "");
  own.push(named);
  assert.deepEqual(await sweep(layout), []);
  assert.deepEqual(own.filter(existsSync), own);
  assert.deepEqual(others.filter(existsSync), [], "control: what another one was making goes");
});

test(
  "a tree that cannot be removed keeps no agent from starting, nor others from going",
  {
    skip: SKIP,
  },
  async (t) => {
    const layout = homeOf(t);
    const stuck = join(layout.builds, "agent_2", "node_modules");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", TEST_MOUNT, stuck]);
    try {
      writeFileSync(join(stuck, "left.js"), "");
      assert.deepEqual(await sweep(layout), ["error a leftover was not removed"]);
      assert.deepEqual(readdirSync(layout.builds).toSorted(), ["agent_2", ID]);
      assert.ok(existsSync(stuck), "control: it is still there");
      assert.deepEqual(readdirSync(layout.dependencies), [ID], "what comes after it was looked at");
    } finally {
      execFileSync("umount", [stuck]);
    }
  },
);
