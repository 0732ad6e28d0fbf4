/**
 * Looks ten thousand times (or as often as given) for what other instances left. Fails when
 * anything was found; writes what was counted to `tests/results/residue.json`:
 *
 *   node tests/residue/long-run.ts [LOOKS] [SEED]
 */
import assert from "node:assert/strict";
import { systemClock } from "@skerry/base";
import { startPlatform } from "@skerry/testkit";
import { writeResult } from "../results/write.ts";
import { lookForResidue, sumOf } from "./looking.ts";

const clock = systemClock();
const looks = Number(process.argv[2] ?? 10_000);
const seed = Number(process.argv[3] ?? 1);
await using platform = await startPlatform();
const { version, nodes } = await platform.client.getPlatform();
const startedMs = clock.monotonicMs();
const account = await lookForResidue(platform, {
  ...{ looks, seed, mark: `l${process.pid}`, looksPerRevision: 100 },
});
writeResult("residue", {
  measured: "canaries in globals, /tmp, environment and sockets, looked for by other instances",
  version,
  seed,
  sandbox: nodes[0]?.sandbox?.label,
  tookMs: Math.round(clock.monotonicMs() - startedMs),
  found: sumOf(account.foreign),
  ...account,
});
assert.equal(sumOf(account.foreign), 0);
for (const [place, count] of Object.entries(account.own)) assert.ok(count > 0, place);
