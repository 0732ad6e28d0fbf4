/**
 * Kills a thousand times (or as often as given). Fails unless every answered call has exactly one
 * record, all that was accepted has run, nothing of the dead is left and no package is damaged;
 * writes what was counted to `tests/results/kill.json`:
 *
 *   node tests/kill/long-run.ts [KILLS] [SEED]
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@skerry/base";
import { startPlatform } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";
import { deployKilled, killUnderLoad } from "./killing.ts";
import { damagedPackages } from "./packages.ts";

const clock = systemClock();
const kills = Number(process.argv[2] ?? 1_000);
const seed = Number(process.argv[3] ?? 1);
const home = mkdtempSync(join(tmpdir(), "skerry-kill-"));
chmodSync(home, 0o755);
const platform = await startPlatform({ home });
try {
  await deployKilled(platform);
  const { version } = await platform.client.getPlatform();
  const startedMs = clock.monotonicMs();
  const account = await killUnderLoad(platform, { kills, seed });
  const tookMs = Math.round(clock.monotonicMs() - startedMs);
  await platform.stop();
  const { whole, damaged } = await damagedPackages(home);
  assert.deepEqual(damaged, []);
  writeResult("kill", {
    measured:
      "kill -9 of roles, instances, supervisor and all at once, under load, accepts and deploys",
    version,
    seed,
    tookMs,
    ...account,
    wholePackages: whole,
    damagedPackages: damaged.length,
  });
} finally {
  await platform.abandon();
  rmSync(home, { recursive: true, force: true });
}
