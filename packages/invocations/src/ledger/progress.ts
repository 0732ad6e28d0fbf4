/**
 * How far invocations are: of each the latest report, kept beside it also after its end. A report
 * is written now and then, not each one, and is lost with whoever did not write it yet.
 */
import type { RequestId } from "@skerry/base";
import type { Migration, Tx, TxStep } from "@skerry/store";

export const PROGRESS_TABLES: Migration["sql"] = [
  `CREATE TABLE ledger_progress (
    id @text PRIMARY KEY, attempt @integer NOT NULL, at_ms @integer NOT NULL, value @text NOT NULL)`,
  // What is to come to its end: whoever holds it looks for it.
  `CREATE INDEX ledger_cancelled ON ledger_queue (holder) WHERE cancelled = 1`,
];

/** What a handler said of how far it is. */
export interface Reported {
  readonly attempt: number;
  /** By the clock of its gateway. */
  readonly atMs: number;
  /** JSON. */
  readonly value: string;
}

/** Keeps reports, unless there is one of a later attempt; of what is forgotten none. */
export function* noteProgress(
  tx: Tx,
  args: { readonly items: readonly (Reported & { readonly id: RequestId })[] },
): TxStep<void> {
  for (const { id, attempt, atMs, value } of args.items) {
    const found = yield* tx.get("SELECT seq FROM ledger_invocations WHERE id = ?", [id]);
    if (found === undefined) continue;
    yield* tx.run(
      `INSERT INTO ledger_progress (id, attempt, at_ms, value) VALUES (?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt, at_ms = excluded.at_ms,
         value = excluded.value
       WHERE ledger_progress.attempt <= excluded.attempt`,
      [id, attempt, atMs, value],
    );
  }
}

/** The latest of one invocation; null when nothing was reported. */
export function* progressOf(tx: Tx, id: RequestId): TxStep<Reported | null> {
  const row = yield* tx.get<{ attempt: number; at_ms: number; value: string }>(
    "SELECT attempt, at_ms, value FROM ledger_progress WHERE id = ?",
    [id],
  );
  return row === undefined ? null : { attempt: row.attempt, atMs: row.at_ms, value: row.value };
}
