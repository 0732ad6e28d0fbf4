/** The ledger of a platform, read from its file: what is asked of it is not what answers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { until, type Platform } from "@skerry/testkit";

/** Only tells what ends from what never does. */
const ENDED_WITHIN_MS = 180_000;

export function readLedger<T>(platform: Platform, sql: string): T[] {
  const path = join(platform.home, "state", "ledger.db");
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(sql).all() as T[];
  } finally {
    database.close();
  }
}

/** Resolves once nothing is open; asserts that all that was accepted has ended, by the sums. */
export async function untilAllEnded(platform: Platform): Promise<void> {
  const open = () => readLedger(platform, "SELECT seq FROM ledger_queue LIMIT 1").length;
  await until("all that was accepted to end", () => open() === 0, {
    ...{ deadlineMs: ENDED_WITHIN_MS, everyMs: 100 },
  });
  const [sum] = readLedger<{ n: number }>(
    platform,
    `SELECT COALESCE(SUM(CASE what WHEN 'accepted' THEN n
      WHEN 'succeeded' THEN -n WHEN 'failed' THEN -n WHEN 'expired' THEN -n
      WHEN 'cancelled' THEN -n ELSE 0 END), 0) AS n FROM ledger_sums`,
  );
  assert.equal(sum?.n, 0, "accepted = ends");
}
