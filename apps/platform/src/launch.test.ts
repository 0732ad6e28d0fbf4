import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { HandClock } from "@skerry/testkit";
import { Launch } from "./launch.ts";
import { RoleProcess } from "./role-process.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-launch-"));
const main = join(directory, "never-ready.mjs");
writeFileSync(main, "setInterval(() => undefined, 1_000);");
after(() => rmSync(directory, { recursive: true }));

const HOUR_MS = 3_600_000;
const LATE = /it was not ready/;

/** A launched process that says nothing of itself. */
function launchOne(t: TestContext): { clock: HandClock; launch: Launch } {
  const process = new RoleProcess(
    { role: "control", id: "one", main, env: {}, listenFd: undefined, failures: 0 },
    { message: () => undefined, ended: () => undefined },
  );
  t.after(async () => {
    process.child.kill("SIGKILL");
    await process.exited;
  });
  const clock = new HandClock();
  return { clock, launch: new Launch({ clock, failed: (why) => new TypeError(why) }, process) };
}

test("one on standby waits for its turn as long as that takes", async (t) => {
  const { clock, launch } = launchOne(t);
  launch.sawLoaded();
  await launch.loaded;
  clock.advance(HOUR_MS);
  assert.equal(launch.process.child.killed, false);
  launch.begin();
  launch.sawReady();
  await launch.ready;
  clock.advance(HOUR_MS);
  assert.equal(launch.process.child.killed, false);
});

test("one that is not loaded in time is killed", async (t) => {
  const { clock, launch } = launchOne(t);
  clock.advance(HOUR_MS);
  await assert.rejects(launch.loaded, LATE);
  await assert.rejects(launch.ready, LATE);
  await launch.process.exited;
  assert.equal(launch.process.child.signalCode, "SIGKILL");
});

test("one that is not ready in time after its turn has come is killed", async (t) => {
  const { clock, launch } = launchOne(t);
  launch.sawLoaded();
  clock.advance(HOUR_MS);
  launch.begin();
  clock.advance(HOUR_MS);
  await assert.rejects(launch.ready, LATE);
  await launch.process.exited;
  assert.equal(launch.process.child.signalCode, "SIGKILL");
});

test("the turn of one that has failed starts no deadline", async (t) => {
  const { clock, launch } = launchOne(t);
  launch.fail("it ended");
  launch.begin();
  assert.equal(clock.timers, 0);
  await assert.rejects(launch.ready, /it ended/);
});
