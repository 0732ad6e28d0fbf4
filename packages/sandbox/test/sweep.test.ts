/**
 * A platform that was killed leaves sandboxes; the next one of the same home ends them, no others.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog, systemClock } from "@skerry/base";
import { openSandboxDriver, type SandboxDriver, type SandboxRung } from "../src/index.ts";
import { ownerNameOf } from "../src/host.ts";
import { directoriesIn } from "../src/listing.ts";
import { lifeMarkOf, pidsWithMarker } from "../src/process-table.ts";
import { findOwnerDirectories } from "../src/sweep.ts";
import type { AbandonRun } from "./abandon-run.ts";
import { findHierarchy } from "./groups.ts";
import { IS_ROOT, makeHome, nodeSpec, removeHome, skipWithoutBubblewrap, until } from "./bed.ts";

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

/** A platform process that has started sandboxes. */
async function startPlatform(run: AbandonRun): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("abandon-run.ts", import.meta.url));
  const platform = spawn(process.execPath, [script, JSON.stringify(run)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(platform.stdout, "data");
  return platform;
}

async function abandon(run: AbandonRun): Promise<void> {
  const platform = await startPlatform(run);
  platform.kill("SIGKILL");
  await once(platform, "close");
}

const markedBy = (home: string): number => pidsWithMarker(`${ownerNameOf(home)}/`).length;

const workDirectories = (home: string): readonly string[] =>
  readdirSync(home).filter((name) => name.startsWith("driver-"));

test("a sweep spares the files of other drivers of its own process", async () => {
  const home = newHome();
  const [beside, driver] = [await open(home, "process"), await open(home, "process")];
  const before = workDirectories(home);
  // No process can have this id: Linux gives out none above 4194304.
  const ended = join(home, "driver-4194305.0-ended");
  mkdirSync(ended);
  await driver.sweep();
  assert.deepEqual(workDirectories(home), before);
  assert.equal(before.length, 2);
  await Promise.all([beside.close(), driver.close()]);
});

test("a sweep ends nobody who has the pid and time of start of a driver's process before a reboot", async (t) => {
  const home = newHome();
  const bystander = spawn("sleep", ["60"], { stdio: "ignore" });
  t.after(() => bystander.kill("SIGKILL"));
  await once(bystander, "spawn");
  const mark = lifeMarkOf(bystander.pid ?? 0);
  const [rebooted, unsaid] = [`driver-${mark}-lane1-boot0-x`, `driver-${mark}-x`];
  for (const name of [rebooted, unsaid]) mkdirSync(join(home, name));
  const driver = await open(home, "process");
  await driver.sweep();
  assert.deepEqual([bystander.signalCode, lifeMarkOf(bystander.pid ?? 0)], [null, mark]);
  assert.ok(!existsSync(join(home, rebooted)) && existsSync(join(home, unsaid)));
  await driver.close();
});

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
      await until("it runs", () => mine.usage().processes > 0);
      const swept = await driver.sweep();
      if (rung === "process") assert.ok(swept.processes >= 3);
      if (rung === "bubblewrap" && IS_ROOT) assert.ok(swept.groups >= 2);

      assert.ok(bystander.usage().processes > 0, "the neighbour's sandbox lives");
      await until("this run's own sandbox lives", () => mine.usage().processes > 0);
      assert.deepEqual(await driver.sweep(), { processes: 0, groups: 0 });
      assert.equal(workDirectories(home).length, 1, "the killed one's files are gone");
      await Promise.all([driver.close(), other.close()]);
      assert.equal(markedBy(home) + markedBy(neighbour), 0);
      assert.deepEqual(findOwnerDirectories(ownerNameOf(home)), []);
    },
  );
}

for (const rung of ["bubblewrap", "process"] as const satisfies readonly SandboxRung[]) {
  const skip = rung === "bubblewrap" ? skipWithoutBubblewrap() : false;
  test(
    `${rung}: an earlier platform that does not know yet that it is over leaves nothing either`,
    { skip, timeout: 60_000 },
    async () => {
      const home = newHome();
      const platform = await startPlatform({ home, rung, goesOn: true });
      const ended = once(platform, "close");
      const driver = await open(home, rung);
      try {
        await driver.sweep();
        assert.equal(platform.signalCode ?? (await ended)[1], "SIGKILL");
        assert.equal(markedBy(home), 0);
        assert.equal(workDirectories(home).length, 1);
        assert.deepEqual(findOwnerDirectories(ownerNameOf(home)).flatMap(directoriesIn), []);
      } finally {
        platform.kill("SIGKILL");
      }
      await driver.close();
    },
  );
}

const needsRoot = IS_ROOT ? skipWithoutBubblewrap() : "needs root";
test(
  "groups that an earlier run made elsewhere are found and removed",
  { skip: needsRoot },
  async () => {
    const home = newHome();
    const owner = findHierarchy(home);
    const elsewhere = join(dirname(owner), `skerry-elsewhere-${process.pid}`);
    const old = join(elsewhere, basename(owner), "old");
    mkdirSync(old, { recursive: true });
    const stray = spawn("/bin/sleep", ["1000"], { stdio: "ignore" });
    writeFileSync(join(old, "cgroup.procs"), String(stray.pid));
    try {
      const driver = await open(home, "bubblewrap");
      assert.deepEqual(await driver.sweep(), { processes: 1, groups: 1 });
      assert.deepEqual(
        readdirSync(elsewhere).filter((name) => name === basename(owner)),
        [],
      );
      assert.ok(existsSync(owner), "the directory in use stays");
      await driver.close();
    } finally {
      stray.kill("SIGKILL");
      rmdirSync(elsewhere);
    }
  },
);
