/**
 * A hundred kills; `node tests/kill/long-run.ts` makes a thousand. SKERRY_TEST_KILLS and
 * SKERRY_TEST_SEED make other runs.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startPlatform, type Platform } from "@skerry/testkit";
import { deployKilled, killUnderLoad } from "./kill/killing.ts";
import { Effects } from "./kill/keyed/effects.ts";
import { deployKeyed, KeyedLoad } from "./kill/keyed/load.ts";
import { damagedPackages } from "./kill/packages.ts";

const KILLS = Number(process.env["SKERRY_TEST_KILLS"] ?? 100);
const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 1);
const TIMEOUT = { timeout: 60_000 + KILLS * 15_000 };

describe("kill -9 under load and deploys", TIMEOUT, () => {
  let platform: Platform;
  let keyed: KeyedLoad;
  const effects = new Effects();
  const home = mkdtempSync(join(tmpdir(), "skerry-kill-"));

  before(async () => {
    chmodSync(home, 0o755);
    await effects.listen();
    platform = await startPlatform({ home, settings: { connectTargets: effects.address } });
    await deployKilled(platform);
    keyed = new KeyedLoad(platform, { effects, serverKey: await deployKeyed(platform, effects) });
  }, TIMEOUT);
  after(async () => {
    await platform.abandon();
    await effects[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true });
  }, TIMEOUT);

  it(
    "what was acknowledged is served after every kill, and the records add up",
    TIMEOUT,
    async (t) => {
      t.diagnostic(`seed ${SEED}`);
      const killing = { kills: KILLS, seed: SEED, beside: keyed };
      const { kills, later } = await killUnderLoad(platform, killing);
      t.diagnostic(JSON.stringify(later));
      const total = Object.values(kills).reduce((sum, count) => sum + count, 0);
      assert.equal(total, KILLS);
    },
  );

  it("what was asked for under one key is done and answered once", TIMEOUT, async (t) => {
    t.diagnostic(JSON.stringify(await keyed.account()));
    for (const [way, faults] of await keyed.faultsWithoutKeys())
      assert.notDeepEqual(faults, [], `control: ${way}, under a key of its own`);
  });

  it(
    "no half-written package is in the code store, and a clean stop leaves nothing",
    TIMEOUT,
    async () => {
      await platform.stop();
      const { whole, damaged } = await damagedPackages(home);
      assert.ok(whole >= 6, `${whole} packages`);
      assert.deepEqual(damaged, []);
    },
  );
});
