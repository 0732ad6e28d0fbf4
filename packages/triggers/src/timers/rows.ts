/** Rows of timers, as records. */
import type { TimerRecord } from "./tables.ts";

/** As it is stored: null for what is absent, 0 or 1 for truth. */
export interface TimerRow {
  readonly id: TimerRecord["id"];
  readonly account_id: TimerRecord["accountId"];
  readonly app: string;
  readonly name: string;
  readonly function_id: TimerRecord["functionId"];
  readonly fn: string;
  readonly cron: string | null;
  readonly timezone: string;
  readonly at_ms: number | null;
  readonly payload: string | null;
  readonly missed: TimerRecord["missed"];
  readonly ordering_key: string | null;
  readonly event_format: TimerRecord["eventFormat"];
  readonly enabled: number;
  readonly paused_because: TimerRecord["pausedBecause"];
  readonly version: number;
  readonly next_ms: number | null;
  readonly last_ms: number | null;
  readonly last_invocation_id: TimerRecord["lastInvocationId"];
  readonly skipped: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
  readonly made_by: TimerRecord["madeBy"];
  readonly action: string | null;
}

export const TIMER_COLUMNS =
  "id, account_id, app, name, function_id, fn, cron, timezone, at_ms, payload, missed, " +
  "ordering_key, event_format, enabled, paused_because, version, next_ms, last_ms, " +
  "last_invocation_id, skipped, created_at_ms, updated_at_ms, made_by, action";

export function timerOfRow(row: TimerRow): TimerRecord {
  const { id, app, name, fn, action, cron, timezone, payload, missed, enabled, version, skipped } =
    row;
  return {
    ...{ id, app, name, fn, action, cron, timezone, payload, missed, version, skipped },
    enabled: enabled === 1,
    accountId: row.account_id,
    functionId: row.function_id,
    atMs: row.at_ms,
    orderingKey: row.ordering_key,
    eventFormat: row.event_format,
    pausedBecause: row.paused_because,
    nextMs: row.next_ms,
    lastMs: row.last_ms,
    lastInvocationId: row.last_invocation_id,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
    madeBy: row.made_by,
  };
}
