/**
 * What schedulers read and write. A scheduler moves a timer on only from where it saw it: from the
 * same version and the same tick. Of several schedulers, and of one that is behind its owner's
 * change, all but one find that somebody was faster.
 */
import type { FunctionId, RequestId, TimerId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { TIMER_COLUMNS, timerOfRow, type TimerRow } from "./rows.ts";
import type { TimerRecord } from "./tables.ts";

export interface DueTimers {
  /** Due at that time, the longest due first. */
  readonly due: readonly TimerRecord[];
  /** The first tick of all the others; null when there is none. */
  readonly nextMs: number | null;
}

/** Those of `without` are left out. */
export function* findDueTimers(
  tx: Tx,
  args: {
    readonly nowMs: number;
    readonly limit: number;
    readonly without?: readonly FunctionId[];
  },
): TxStep<DueTimers> {
  const { nowMs, limit, without = [] } = args;
  const others =
    without.length === 0 ? "" : `AND function_id NOT IN (${without.map(() => "?").join(", ")})`;
  const rows = yield* tx.all<TimerRow>(
    `SELECT ${TIMER_COLUMNS} FROM timers WHERE next_ms IS NOT NULL AND next_ms <= ? ${others}
     ORDER BY next_ms, id LIMIT ?`,
    [nowMs, ...without, limit],
  );
  const next = yield* tx.get<{ next_ms: number }>(
    `SELECT next_ms FROM timers WHERE next_ms IS NOT NULL AND next_ms > ?
     ORDER BY next_ms, id LIMIT 1`,
    [nowMs],
  );
  return { due: rows.map(timerOfRow), nextMs: next?.next_ms ?? null };
}

/** Timers that tick, by id from `after` on. */
export function* listTicking(
  tx: Tx,
  { after, limit }: { readonly after: string; readonly limit: number },
): TxStep<readonly TimerRecord[]> {
  const rows = yield* tx.all<TimerRow>(
    `SELECT ${TIMER_COLUMNS} FROM timers WHERE id > ? AND next_ms IS NOT NULL
     ORDER BY id LIMIT ?`,
    [after, limit],
  );
  return rows.map(timerOfRow);
}

export interface TimerAdvance {
  readonly id: TimerId;
  /** As it was seen. */
  readonly seen: { readonly version: number; readonly nextMs: number };
  readonly nextMs: number | null;
  /** The last of the ticks that are entered with it; null for none. */
  readonly last: { readonly scheduledMs: number; readonly invocationId: RequestId } | null;
  readonly skipped: number;
}

/** Moves a timer on; false when it is not as it was seen, and nothing is changed. */
export function* advanceTimer(tx: Tx, advance: TimerAdvance): TxStep<boolean> {
  const { id, seen, nextMs, last, skipped } = advance;
  const changed = yield* tx.run(
    `UPDATE timers SET next_ms = ?, skipped = skipped + ?, last_ms = COALESCE(?, last_ms),
       last_invocation_id = COALESCE(?, last_invocation_id)
     WHERE id = ? AND version = ? AND next_ms = ?`,
    [
      ...[nextMs, skipped, last?.scheduledMs ?? null, last?.invocationId ?? null],
      ...[id, seen.version, seen.nextMs],
    ],
  );
  return changed === 1;
}
