/**
 * Two hundred changes (or as many as given) of a function under an alias while a million requests
 * arrive at a fixed rate. Fails when one of them fails or is answered by a version to which the
 * alias did not lead; writes what was counted to `tests/results/alias-changes.json`:
 *
 *   node tests/changes/long-run.ts [CHANGES] [REQUESTS] [PER_SECOND] [SEED]
 */
import { systemClock } from "@skerry/base";
import { startPlatform } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";
import { changeUnderLoad } from "./changing.ts";

const clock = systemClock();
const [changes = 200, requests = 1_000_000, perSecond = 2_000, seed = 1] = process.argv
  .slice(2)
  .map(Number);
const platform = await startPlatform();
try {
  const { version } = await platform.client.getPlatform();
  const startedMs = clock.monotonicMs();
  const account = await changeUnderLoad(platform, { changes, requests, perSecond, seed });
  const tookMs = Math.round(clock.monotonicMs() - startedMs);
  writeResult("alias-changes", {
    measured:
      "publishes, moves, shares, rollbacks, deploys, removals and kill -9 of instances, behind a route that asks again, under requests that arrive at a fixed rate",
    ...{ version, seed, perSecond, tookMs, ...account },
  });
} finally {
  await platform.stop();
}
