/**
 * What has ended is kept for a while and then forgotten, the first that ended first, a bounded
 * number at a time. What is open is never touched, nor what a webhook or a topic is still to be
 * told of; and what was redriven goes before its redrive, which says that it was.
 */
import type { Tx, TxStep } from "@skerry/store";
import { overValues, runOver } from "./sets.ts";
import { addSums } from "./sums.ts";

/** A row beside its payload and result, with its attempts and its places in indexes. */
const ROW_BYTES = 600;
const BYTES = `CAST(LENGTH(payload) + COALESCE(LENGTH(result), 0)
  + COALESCE(LENGTH(answer_headers), 0) + ${ROW_BYTES} AS @integer)`;

/** Where a measurement goes on: behind this end. */
export interface EndPosition {
  readonly settledMs: number;
  readonly seq: number;
}

export interface Measured {
  readonly rows: number;
  readonly bytes: number;
  /** Null when nothing more ended before `beforeMs`. */
  readonly next: EndPosition | null;
}

/** Sums up what is kept of ended invocations, from one position to the next. */
export function* measureEnded(
  tx: Tx,
  args: { readonly after: EndPosition; readonly beforeMs: number; readonly rowsMax: number },
): TxStep<Measured> {
  const { after, beforeMs, rowsMax } = args;
  const rows = yield* tx.all<{ settled_ms: number; seq: number; bytes: number }>(
    `SELECT settled_ms, seq, ${BYTES} AS bytes FROM ledger_invocations
     WHERE settled_ms IS NOT NULL AND settled_ms < ?
       AND (settled_ms > ? OR (settled_ms = ? AND seq > ?))
     ORDER BY settled_ms, seq LIMIT ?`,
    [beforeMs, after.settledMs, after.settledMs, after.seq, rowsMax],
  );
  const last = rows.at(-1);
  const isMore = rows.length === rowsMax && last !== undefined;
  return {
    rows: rows.length,
    bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
    next: isMore ? { settledMs: last.settled_ms, seq: last.seq } : null,
  };
}

export interface Forgotten {
  readonly rows: number;
  readonly bytes: number;
}

const FORGET_BY_ID = ["attempts", "deliveries", "progress"].map((what) =>
  overValues((ids) => `DELETE FROM ledger_${what} WHERE id IN (${ids})`),
);
const FORGET = overValues((seqs) => `DELETE FROM ledger_invocations WHERE seq IN (${seqs})`);

/** Forgets what ended before `beforeMs`, until `bytesMax` are free. */
export function* forgetEnded(
  tx: Tx,
  args: {
    readonly beforeMs: number;
    readonly bytesMax: number | null;
    readonly rowsMax: number;
    readonly slot: number;
  },
): TxStep<Forgotten> {
  const { beforeMs, bytesMax, rowsMax, slot } = args;
  const found = yield* tx.all<{ seq: number; id: string; bytes: number }>(
    `SELECT seq, id, ${BYTES} AS bytes FROM ledger_invocations
     WHERE settled_ms IS NOT NULL AND settled_ms < ? AND NOT EXISTS (
       SELECT 1 FROM ledger_deliveries
       WHERE ledger_deliveries.id = ledger_invocations.id AND ledger_deliveries.state = 'waiting')
       AND NOT (source = 'redrive' AND EXISTS (
         SELECT 1 FROM ledger_invocations AS old WHERE old.id = ledger_invocations.source_id))
     ORDER BY settled_ms, seq LIMIT ?`,
    [beforeMs, rowsMax],
  );
  let rows = 0;
  let bytes = 0;
  for (const row of found) {
    if (bytesMax !== null && bytes >= bytesMax) break;
    rows += 1;
    bytes += row.bytes;
  }
  const going = found.slice(0, rows);
  for (const statement of FORGET_BY_ID) {
    yield* runOver(tx, statement, { rows: going.map(({ id }) => [id]) });
  }
  yield* runOver(tx, FORGET, { rows: going.map(({ seq }) => [seq]) });
  yield* addSums(tx, slot, { forgotten: rows });
  return { rows, bytes };
}

/** Forgets the counts of functions of which nothing is open. */
export function* forgetNoneOpen(tx: Tx, _args: null): TxStep<number> {
  return yield* tx.run(
    `DELETE FROM ledger_open WHERE function_id IN
      (SELECT function_id FROM ledger_open GROUP BY function_id HAVING SUM(n) = 0)`,
  );
}

/** Forgets idempotency keys that are not in force any more. Returns how many. */
export function* forgetKeys(
  tx: Tx,
  args: { readonly nowMs: number; readonly rowsMax: number },
): TxStep<number> {
  return yield* tx.run(
    `DELETE FROM ledger_keys WHERE (account_id, function_id, key) IN
      (SELECT account_id, function_id, key FROM ledger_keys WHERE expires_ms <= ?
       ORDER BY expires_ms LIMIT ?)`,
    [args.nowMs, args.rowsMax],
  );
}
