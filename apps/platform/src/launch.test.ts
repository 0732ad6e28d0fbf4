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
const obedient = join(directory, "ready-when-told.mjs");
writeFileSync(obedient, "process.on('message', ({ op }) => process.send({ op: `told ${op}` }));");
after(() => rmSync(directory, { recursive: true }));

const HOUR_MS = 3_600_000;
const LATE = /it was not ready/;

/** A launched process; what it says goes to `hear`. */
function launchOne(
  t: TestContext,
  program = main,
  hear: (op: string) => void = () => undefined,
): { clock: HandClock; launch: Launch } {
  const process = new RoleProcess(
    { role: "control", id: "one", main: program, env: {}, listenFd: undefined, failures: 0 },
    { message: (_from, { op }) => hear(op), ended: () => undefined },
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

test("one on standby is told when its turn has come", { timeout: 120_000 }, async (t) => {
  const told = Promise.withResolvers<string>();
  const { launch } = launchOne(t, obedient, told.resolve);
  launch.sawLoaded();
  launch.begin();
  void launch.process.exited.then(() => told.reject(new TypeError("it ended first")));
  assert.equal(await told.promise, "told begin");
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

test("one that says that it works is waited for, until it falls silent", async (t) => {
  const { clock, launch } = launchOne(t);
  for (let second = 0; second < 600; second += 5) {
    clock.advance(5_000);
    launch.sawWorking();
  }
  assert.equal(launch.process.child.killed, false);
  clock.advance(30_000);
  await assert.rejects(launch.ready, LATE);
  await launch.process.exited;
});

test("one that only ever works is late in the end", async (t) => {
  const { clock, launch } = launchOne(t);
  for (let minute = 0; minute < 13 * 60 * 4; minute += 1) {
    clock.advance(15_000);
    launch.sawWorking();
  }
  await assert.rejects(launch.ready, LATE);
  await launch.process.exited;
});

test("the turn of one that has failed starts no deadline", async (t) => {
  const { clock, launch } = launchOne(t);
  launch.fail("it ended");
  launch.begin();
  assert.equal(clock.timers, 0);
  await assert.rejects(launch.ready, /it ended/);
});
