/**
 * Kills a thousand times (or as often as given). Fails unless every answered call has exactly one
 * record, all that was accepted has run, what was asked for under one key is done and answered
 * once, nothing of the dead is left and no package is damaged; writes what was counted to
 * `tests/results/NAME.json`, `kill` when no name is given:
 *
 *   node tests/kill/long-run.ts [KILLS] [SEED] [NAME]
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@skerry/base";
import { startPlatform } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";
import { deployKilled, killUnderLoad } from "./killing.ts";
import { Effects } from "./keyed/effects.ts";
import { deployKeyed, KeyedLoad } from "./keyed/load.ts";
import { damagedPackages } from "./packages.ts";

const clock = systemClock();
const kills = Number(process.argv[2] ?? 1_000);
const seed = Number(process.argv[3] ?? 1);
const name = process.argv[4] ?? "kill";
const home = mkdtempSync(join(tmpdir(), "skerry-kill-"));
chmodSync(home, 0o755);
await using effects = await new Effects().listen();
const platform = await startPlatform({ home, settings: { connectTargets: effects.address } });
try {
  await deployKilled(platform);
  const beside = new KeyedLoad(platform, {
    ...{ effects, serverKey: await deployKeyed(platform, effects) },
  });
  const { version } = await platform.client.getPlatform();
  const startedMs = clock.monotonicMs();
  const account = await killUnderLoad(platform, { kills, seed, beside });
  const tookMs = Math.round(clock.monotonicMs() - startedMs);
  const keyed = await beside.account();
  for (const [way, faults] of await beside.faultsWithoutKeys())
    assert.notDeepEqual(faults, [], `control: ${way}, under a key of its own`);
  await platform.stop();
  const { whole, damaged } = await damagedPackages(home);
  assert.deepEqual(damaged, []);
  writeResult(name, {
    measured:
      "kill -9 of roles, instances, supervisor and all at once, under load, accepts, keys and deploys",
    version,
    seed,
    tookMs,
    ...account,
    keyed,
    wholePackages: whole,
    damagedPackages: damaged.length,
  });
} finally {
  await platform.abandon();
  rmSync(home, { recursive: true, force: true });
}
