import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@skerry/testkit";
import { treeOf } from "./process-tree.ts";

const TIMEOUT = { timeout: 300_000 };
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const urlOf = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
/** As `main.ts` begins, with platforms that do nothing: who prints finds out by itself. */
const BENCH = `
const { exitOnSignals } = await import(${urlOf("interrupts.ts")});
const { openCheckout } = await import(${urlOf("checkout.ts")});
const { startPlatform } = await import("@skerry/testkit");
exitOnSignals();
await openCheckout(${JSON.stringify(ROOT)});
await startPlatform();
console.log("ready");
setInterval(() => undefined, 1_000);
`;

test("a bench that is told to end leaves no platform", TIMEOUT, async (t) => {
  const flags = ["--input-type=module", "--eval", BENCH];
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const bench = spawn(process.execPath, flags, { cwd: ROOT, stdio: [...stdio] });
  const ended = once(bench, "exit");
  assert.ok(bench.pid !== undefined && bench.stdout !== null);
  await once(bench.stdout, "data");
  const started = treeOf(bench.pid).slice(1);
  t.after(() => {
    for (const one of started.filter(isThere)) process.kill(one, "SIGKILL");
  });
  // Two supervisors, each with gateway, agent and control.
  assert.ok(started.length >= 8, `${started.length} processes`);
  bench.kill("SIGTERM");
  assert.deepEqual(await ended, [143, null]);
  await until("the end of its platforms", () => !started.some(isThere));
});

function isThere(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
