/** Timers as their owners see and set them. */
import { assert, type FunctionId, type TimerId } from "@skerry/base";
import { LIMITS } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import type { Change, Named, OfApp } from "../named-in-app.ts";
import { failTimer } from "./errors.ts";
import { TIMER_COLUMNS, timerOfRow, type TimerRow } from "./rows.ts";
import type { TimerRecord, TimerSpec } from "./tables.ts";

interface TimedChange extends Change {
  readonly wallMs: number;
}

/** Payloads may be large, and a list shows none. */
const LISTED_COLUMNS = TIMER_COLUMNS.replace("payload", "NULL AS payload");

/**
 * Timers of an app by name from `after` on, one more than `limit` when there are more; without
 * their payloads.
 */
export function* listTimers(
  tx: Tx,
  { accountId, app, after, limit }: OfApp & { readonly after: string; readonly limit: number },
): TxStep<readonly TimerRecord[]> {
  const rows = yield* tx.all<TimerRow>(
    `SELECT ${LISTED_COLUMNS} FROM timers WHERE account_id = ? AND app = ? AND name > ?
     ORDER BY name LIMIT ?`,
    [accountId, app, after, limit + 1],
  );
  return rows.map(timerOfRow);
}

/** Throws TIMER_NOT_FOUND. */
export function* getTimer(tx: Tx, args: Named): TxStep<TimerRecord> {
  const found = yield* findTimer(tx, args);
  if (found === undefined) throw failTimer("TIMER_NOT_FOUND", { app: args.app, timer: args.name });
  return found;
}

/** Throws TIMER_NOT_FOUND when it must be there, TIMER_CHANGED. */
export function* checkTimer(tx: Tx, args: Change & { readonly mustExist: boolean }): TxStep<void> {
  assertVersion(args, args.mustExist ? yield* getTimer(tx, args) : yield* findTimer(tx, args));
}

/**
 * Sets a timer; made under `freshId` when there is none. `nextMs` is its next tick from now on; one
 * that is due already stays, unless what it ticks by is changed. A time for once that has been
 * entered is not entered again. Throws TIMER_CHANGED, TIMERS_LIMIT.
 */
export function* putTimer(
  tx: Tx,
  args: TimedChange & {
    readonly freshId: TimerId;
    readonly spec: TimerSpec;
    readonly nextMs: number | null;
  },
): TxStep<TimerRecord> {
  const { accountId, app, name, freshId, spec, wallMs } = args;
  const before = yield* findTimer(tx, args);
  assertVersion(args, before);
  const nextMs = nextOf(args, before);
  yield* tx.run(
    `INSERT INTO timers (${TIMER_COLUMNS})
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 1, ?, NULL, NULL, 0, ?, ?, ?, ?)
     ON CONFLICT (account_id, app, name) DO UPDATE SET
       function_id = excluded.function_id, fn = excluded.fn, cron = excluded.cron,
       timezone = excluded.timezone, at_ms = excluded.at_ms, payload = excluded.payload,
       missed = excluded.missed, ordering_key = excluded.ordering_key,
       event_format = excluded.event_format, enabled = excluded.enabled, paused_because = NULL,
       version = timers.version + 1, next_ms = excluded.next_ms,
       updated_at_ms = excluded.updated_at_ms, made_by = excluded.made_by,
       action = excluded.action`,
    [
      ...[freshId, accountId, app, name, spec.functionId, spec.fn, spec.cron, spec.timezone],
      ...[spec.atMs, spec.payload, spec.missed, spec.orderingKey, spec.eventFormat],
      ...[spec.enabled ? 1 : 0, nextMs, wallMs, wallMs, spec.madeBy, spec.action],
    ],
  );
  if (before === undefined) yield* assertRoom(tx, args);
  const record = yield* findTimer(tx, args);
  assert(record !== undefined, "what was just written is there");
  return record;
}

function nextOf(
  { spec, nextMs }: { readonly spec: TimerSpec; readonly nextMs: number | null },
  before: TimerRecord | undefined,
): number | null {
  if (!spec.enabled) return null;
  if (before === undefined) return nextMs;
  if (spec.atMs !== null && spec.atMs === before.lastMs) return null;
  const { cron, timezone, atMs } = before;
  const isSame = cron === spec.cron && timezone === spec.timezone && atMs === spec.atMs;
  return isSame && before.nextMs !== null ? before.nextMs : nextMs;
}

/**
 * Pauses a timer, or lets it go on with `nextMs`. With `functionId` it is of that function from now
 * on. Throws TIMER_NOT_FOUND, TIMER_CHANGED.
 */
export function* setTimerEnabled(
  tx: Tx,
  args: TimedChange & {
    readonly enabled: boolean;
    readonly functionId: FunctionId | null;
    readonly nextMs: number | null;
  },
): TxStep<TimerRecord> {
  const { enabled, functionId, wallMs } = args;
  const before = yield* getTimer(tx, args);
  assertVersion(args, before);
  const spec = { ...before, enabled };
  yield* tx.run(
    `UPDATE timers SET enabled = ?, paused_because = NULL, function_id = ?, next_ms = ?,
       version = version + 1, updated_at_ms = ? WHERE id = ?`,
    [
      ...[enabled ? 1 : 0, functionId ?? before.functionId],
      ...[nextOf({ spec, nextMs: args.nextMs }, before), wallMs, before.id],
    ],
  );
  return yield* getTimer(tx, args);
}

/** Throws TIMER_NOT_FOUND, TIMER_CHANGED. */
export function* deleteTimer(tx: Tx, args: Change): TxStep<TimerRecord> {
  const found = yield* getTimer(tx, args);
  assertVersion(args, found);
  yield* tx.run("DELETE FROM timers WHERE id = ?", [found.id]);
  return found;
}

/** Pauses the timers of a function that is gone; how many there were. */
export function* pauseTimersOf(
  tx: Tx,
  { functionId, wallMs }: { readonly functionId: FunctionId; readonly wallMs: number },
): TxStep<number> {
  return yield* tx.run(
    `UPDATE timers SET enabled = 0, paused_because = 'function_removed', next_ms = NULL,
       version = version + 1, updated_at_ms = ? WHERE function_id = ? AND enabled = 1`,
    [wallMs, functionId],
  );
}

/** Removes the timers of an app that is gone; how many there were. */
export function* deleteTimersOfApp(tx: Tx, { accountId, app }: OfApp): TxStep<number> {
  return yield* tx.run("DELETE FROM timers WHERE account_id = ? AND app = ?", [accountId, app]);
}

function* findTimer(tx: Tx, { accountId, app, name }: Named): TxStep<TimerRecord | undefined> {
  const row = yield* tx.get<TimerRow>(
    `SELECT ${TIMER_COLUMNS} FROM timers WHERE account_id = ? AND app = ? AND name = ?`,
    [accountId, app, name],
  );
  return row === undefined ? undefined : timerOfRow(row);
}

/** Counted after the write, which rolls back when it was too much. */
function* assertRoom(tx: Tx, { accountId, app }: OfApp): TxStep<void> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM timers WHERE account_id = ? AND app = ?",
    [accountId, app],
  );
  const { timersPerAppMax: timersMax } = LIMITS;
  if ((count?.n ?? 0) > timersMax) throw failTimer("TIMERS_LIMIT", { timersMax });
}

/** Version 0 stands for one that is not there. */
function assertVersion(
  { name, ifVersion }: Pick<Change, "name" | "ifVersion">,
  found: TimerRecord | undefined,
): void {
  const actual = found?.version ?? 0;
  if (ifVersion === null || ifVersion === actual) return;
  throw failTimer("TIMER_CHANGED", { timer: name, actual: `"${actual}"` });
}
