/**
 * Holds control stopped for ten minutes (or the minutes given) while calls go on, and writes what
 * was counted to `tests/results/control-away.json`:
 *
 *   node tests/control-away/long-run.ts [MINUTES]
 */
import assert from "node:assert/strict";
import { systemClock } from "@skerry/base";
import { startPlatform } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";
import { deployServed, serve } from "./serving.ts";

const MINUTES_DEFAULT = 10;
const clock = systemClock();
const minutes = Number(process.argv[2] ?? MINUTES_DEFAULT);

await using platform = await startPlatform({ settings: { roleSilenceMs: 0 } });
await deployServed(platform);
const { version } = await platform.client.getPlatform();
await platform.kill("control", "SIGSTOP");
const startedMs = clock.monotonicMs();
const endMs = startedMs + minutes * 60_000;
const served = await serve(platform, () => clock.monotonicMs() >= endMs);
const awayMs = Math.round(clock.monotonicMs() - startedMs);
await platform.kill("control", "SIGCONT");
await platform.untilWhole();
assert.deepEqual(served.failures, []);
writeResult("control-away", {
  measured: "calls while control and its database (SQLite) are stopped",
  version,
  awayMs,
  // Nothing in it is drawn by chance.
  seed: null,
  warmCalls: served.warm,
  coldCalls: served.cold,
  failedCalls: served.failures.length,
  slowestWarmMs: Math.round(served.slowestMs),
});
