/**
 * A platform process that starts sandboxes, says so, and waits to be killed without warning, or
 * starts and ends one after the other until it is.
 */
import { once } from "node:events";
import { silentLog, systemClock } from "@skerry/base";
import { openSandboxDriver, type SandboxRung } from "../src/index.ts";
import { nodeSpec } from "./bed.ts";

export interface AbandonRun {
  readonly home: string;
  readonly rung: SandboxRung;
  readonly goesOn?: boolean;
}

const SCRIPT =
  "const { spawn } = require('child_process');" +
  "spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], " +
  "{ detached: true, stdio: 'ignore' }).unref();" +
  "const link = new (require('net').Socket)({ fd: 3 }); link.write('x');" +
  "link.on('error', () => {}); setInterval(() => {}, 1000);";

const run = JSON.parse(process.argv[2] ?? "") as AbandonRun;
const driver = await openSandboxDriver({ clock: systemClock(), log: silentLog() }, run);
for (const id of ["running", "resting"]) {
  const sandbox = await driver.start(nodeSpec(id, SCRIPT));
  await once(sandbox.link, "data");
  if (id === "resting") sandbox.rest();
}
process.stdout.write("ready\n");
for (let count = 0; run.goesOn === true; count += 1) {
  await (await driver.start(nodeSpec(`more${count}`, SCRIPT))).kill();
}
setInterval(() => undefined, 1000);
