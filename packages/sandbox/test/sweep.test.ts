/**
 * A platform that was killed leaves sandboxes; the next one of the same home ends them, no others.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog, systemClock } from "@skerry/base";
import { openSandboxDriver, type SandboxDriver, type SandboxRung } from "../src/index.ts";
import { ownerNameOf } from "../src/host.ts";
import { pidsWithMarker } from "../src/process-table.ts";
import { findOwnerDirectories } from "../src/sweep.ts";
import type { AbandonRun } from "./abandon-run.ts";
import { IS_ROOT, makeHome, nodeSpec, removeHome, skipWithoutBubblewrap } from "./bed.ts";

const deps = { clock: systemClock(), log: silentLog() };
const homes: string[] = [];
const drivers: SandboxDriver[] = [];
after(async () => {
  await Promise.all(drivers.map((driver) => driver.close()));
  homes.forEach(removeHome);
});

async function open(home: string, rung: SandboxRung): Promise<SandboxDriver> {
  const driver = await openSandboxDriver(deps, { home, rung });
  drivers.push(driver);
  return driver;
}

function newHome(): string {
  const home = makeHome();
  homes.push(home);
  return home;
}

async function abandon(run: AbandonRun): Promise<void> {
  const script = fileURLToPath(new URL("abandon-run.ts", import.meta.url));
  const platform = spawn(process.execPath, [script, JSON.stringify(run)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(platform.stdout, "data");
  platform.kill("SIGKILL");
  await once(platform, "close");
}

const markedBy = (home: string): number => pidsWithMarker(`${ownerNameOf(home)}/`).length;

for (const rung of ["bubblewrap", "process"] as const satisfies readonly SandboxRung[]) {
  const skip = rung === "bubblewrap" ? skipWithoutBubblewrap() : false;
  test(
    `${rung}: what a killed platform left is ended, another home's is not`,
    { skip },
    async () => {
      const [home, neighbour] = [newHome(), newHome()];
      const other = await open(neighbour, rung);
      const bystander = await other.start(nodeSpec("bystander", "setInterval(() => {}, 1000)"));
      await abandon({ home, rung });
      if (rung === "process") assert.ok(markedBy(home) >= 3, "control: something was left");

      const driver = await open(home, rung);
      const mine = await driver.start(nodeSpec("mine", "setInterval(() => {}, 1000)"));
      const swept = await driver.sweep();
      if (rung === "process") assert.ok(swept.processes >= 3);
      if (rung === "bubblewrap" && IS_ROOT) assert.ok(swept.groups >= 2);

      assert.ok(bystander.usage().processes > 0, "the neighbour's sandbox lives");
      assert.ok(mine.usage().processes > 0, "this run's own sandbox lives");
      assert.deepEqual(await driver.sweep(), { processes: 0, groups: 0 });
      await Promise.all([driver.close(), other.close()]);
      assert.equal(markedBy(home) + markedBy(neighbour), 0);
      assert.deepEqual(findOwnerDirectories(ownerNameOf(home)), []);
    },
  );
}
