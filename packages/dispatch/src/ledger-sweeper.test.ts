import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog, systemRandom } from "@skerry/base";
import type { EndPosition } from "@skerry/invocations";
import { HandClock } from "@skerry/testkit";
import { LedgerSweeper, type LedgerSweeperDeps } from "./ledger-sweeper.ts";

const HOUR_MS = 3_600_000;
const BYTES = 100;

test("what is kept is measured once, although the clock was set back and forth", async () => {
  const clock = new HandClock();
  const endedMs = clock.wallMs();
  let forgotten = 0;
  const answers: Record<string, (args: never) => unknown> = {
    measureEnded: ({ after, beforeMs }: { after: EndPosition; beforeMs: number }) => {
      const isThere = endedMs > after.settledMs && endedMs < beforeMs;
      return { rows: Number(isThere), bytes: isThere ? BYTES : 0, next: null };
    },
    forgetEnded: ({ bytesMax }: { bytesMax: number | null }) => {
      if (bytesMax !== null) forgotten += 1;
      return { rows: 0, bytes: 0 };
    },
    forgetKeys: () => 0,
    forgetNoneOpen: () => 0,
    forgetRedrives: () => 0,
  };
  const call = (_: unknown, name: string, args: unknown): Promise<unknown> =>
    Promise.resolve(answers[name]?.(args as never));
  const deps = { store: { call } as LedgerSweeperDeps["store"], clock };
  const sweeper = new LedgerSweeper(
    { ...deps, random: systemRandom(), log: silentLog() },
    { keepMs: 1_000 * HOUR_MS, bytesMax: BYTES + 1 },
  );
  clock.advance(HOUR_MS / 60);
  await sweeper.sweep();
  clock.jumpWall(-HOUR_MS);
  await sweeper.sweep();
  clock.jumpWall(HOUR_MS);
  await sweeper.sweep();
  assert.equal(forgotten, 0);
});
