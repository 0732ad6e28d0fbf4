/**
 * Gives lines and records their place in the log, and adds the records to all that sums them up.
 */
import type { Placement } from "@skerry/contracts";
import {
  addToRevisionSums,
  addToTallies,
  addToUsage,
  RECORD_COLUMNS,
  recordValues,
} from "@skerry/invocations";
import type { Tx, TxStep } from "@skerry/store";
import { LOG_LINE_COLUMNS, logLineValues } from "@skerry/telemetry";
import { insertRows } from "./insert-rows.ts";
import { growSizes } from "./retention.ts";
import { findKnown, numberRound, type RoundFound } from "./round-order.ts";

export interface ToLayDown {
  readonly found: RoundFound;
  readonly placement: Placement;
  /** Up to when lines were taken in before; null when that is not known. */
  readonly sinceMs: number | null;
  readonly wallMs: number;
}

/** None of the records may be there already: they would be counted twice. */
export function* layDown(tx: Tx, toLay: ToLayDown): TxStep<void> {
  const { found, placement, sinceMs, wallMs } = toLay;
  const { records } = found;
  const row = yield* tx.get<{ next: number }>("SELECT next FROM collector_seq WHERE id = 1");
  const known = yield* findKnown(tx, found, sinceMs);
  const numbered = numberRound(found, known, row?.next ?? 1);
  yield* insertRows(tx, {
    table: "log_lines",
    columns: LOG_LINE_COLUMNS,
    rows: numbered.lines.map(logLineValues),
  });
  yield* insertRows(tx, {
    table: "invocation_records",
    columns: RECORD_COLUMNS,
    rows: numbered.records.map((record) => recordValues(record, placement)),
    unless: "request_id",
  });
  yield* growSizes(tx, {
    lines: numbered.lines.map(({ line }) => line),
    records: numbered.records.map(({ record }) => record),
  });
  yield* addToTallies(tx, { records, wallMs });
  yield* addToUsage(tx, records);
  yield* addToRevisionSums(tx, { records, wallMs });
  yield* tx.run("UPDATE collector_seq SET next = ? WHERE id = 1", [numbered.next]);
}
