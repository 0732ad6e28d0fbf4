/**
 * Timers in the ledger's database, so that a tick and the invocation that comes of it are one
 * commit. A timer belongs to its app's name and names a function by its id: one that is made later
 * under the same name is another.
 */
import type { AccountId, FunctionId, RequestId, TimerId } from "@skerry/base";
import type { Maker, MissedPolicy, TimerEventFormat } from "@skerry/api-schema";

export const TIMER_TABLES: readonly string[] = [
  `CREATE TABLE timers (
    id @text PRIMARY KEY, account_id @text NOT NULL, app @text NOT NULL, name @text NOT NULL,
    function_id @text NOT NULL, fn @text NOT NULL,
    cron @text, timezone @text NOT NULL, at_ms @integer, payload @text,
    missed @text NOT NULL, ordering_key @text, event_format @text NOT NULL,
    enabled @integer NOT NULL, paused_because @text, version @integer NOT NULL,
    next_ms @integer, last_ms @integer, last_invocation_id @text, skipped @integer NOT NULL,
    created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL,
    UNIQUE (account_id, app, name))`,
  `CREATE INDEX timers_due ON timers (next_ms, id) WHERE next_ms IS NOT NULL`,
  `CREATE INDEX timers_by_function ON timers (function_id)`,
];

/** Came later. */
export const TIMER_MAKER_COLUMNS: readonly string[] = [
  "ALTER TABLE timers ADD COLUMN made_by @text",
  "ALTER TABLE timers ADD COLUMN action @text",
];

/** What its owner sets. */
export interface TimerSpec {
  readonly functionId: FunctionId;
  /** The function's name. */
  readonly fn: string;
  /** Either this or `atMs`. */
  readonly cron: string | null;
  readonly timezone: string;
  readonly atMs: number | null;
  /** JSON text; null for none. */
  readonly payload: string | null;
  readonly missed: MissedPolicy;
  readonly orderingKey: string | null;
  readonly eventFormat: TimerEventFormat;
  readonly enabled: boolean;
  /** Null: a hand. */
  readonly madeBy: Maker | null;
  /** The action of its app that its ticks run; null for a function alone. */
  readonly action: string | null;
}

export interface TimerRecord extends TimerSpec {
  readonly id: TimerId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
  readonly pausedBecause: "function_removed" | null;
  /** Grows with each change of its owner. */
  readonly version: number;
  /** The tick that is to come, or that is due; null when there will be none. */
  readonly nextMs: number | null;
  /** Of the last tick that was entered. */
  readonly lastMs: number | null;
  readonly lastInvocationId: RequestId | null;
  readonly skipped: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}
