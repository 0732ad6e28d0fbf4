/**
 * Who holds attempts, where several platforms share a database: each notes now and then that its
 * gateways are there. Times are compared by whoever looks with those of the look before, so clocks
 * that differ do not matter.
 */
import type { Tx, TxStep } from "@skerry/store";

/** Notes that these holders are there, and forgets those that are gone and hold nothing. */
export function* beat(
  tx: Tx,
  args: { readonly holders: readonly string[]; readonly nowMs: number; readonly goneMs: number },
): TxStep<void> {
  for (const holder of args.holders) {
    yield* tx.run(
      `INSERT INTO ledger_holders (holder, seen_ms) VALUES (?, ?)
       ON CONFLICT (holder) DO UPDATE SET seen_ms = excluded.seen_ms`,
      [holder, args.nowMs],
    );
  }
  yield* tx.run(
    `DELETE FROM ledger_holders WHERE seen_ms < ? AND NOT EXISTS (
       SELECT 1 FROM ledger_queue
       WHERE phase = 1 AND ledger_queue.holder = ledger_holders.holder)`,
    [args.goneMs],
  );
}

/** What a holder's platform last noted of it; null when it never did. */
export function* notedOf(tx: Tx, holder: string): TxStep<number | null> {
  const noted = yield* tx.get<{ seen_ms: number }>(
    "SELECT seen_ms FROM ledger_holders WHERE holder = ?",
    [holder],
  );
  return noted?.seen_ms ?? null;
}

export interface SeenHolder {
  readonly holder: string;
  /** What it last noted; null when it never did. */
  readonly seenMs: number | null;
}

/** Everybody who holds something. */
export function* seenHolders(tx: Tx, _args: null): TxStep<readonly SeenHolder[]> {
  const rows = yield* tx.all<{ holder: string; seen_ms: number | null }>(
    `SELECT held.holder, seen_ms
     FROM (SELECT DISTINCT holder FROM ledger_queue WHERE phase = 1) AS held
     LEFT JOIN ledger_holders ON ledger_holders.holder = held.holder ORDER BY held.holder`,
  );
  return rows.map(({ holder, seen_ms: seenMs }) => ({ holder, seenMs }));
}
