/**
 * Events kept with a function, to call it with again. They belong to the function's id: one of the
 * same name that is made later does not have them.
 */
import type { AccountId, FunctionId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";
import { failCatalogue } from "./errors.ts";

/** Of one function. */
const SAVED_EVENTS_MAX = 50;

/** Tables that came after the first release. */
export const SAVED_EVENT_TABLES: readonly string[] = [
  `CREATE TABLE saved_events (
    function_id @text NOT NULL, name @text NOT NULL, event_json @text NOT NULL,
    updated_at_ms @integer NOT NULL, PRIMARY KEY (function_id, name))`,
];

export interface SavedEvent {
  readonly name: string;
  readonly event: unknown;
  readonly updatedAtMs: number;
}

/** By name. */
export function* listSavedEvents(
  tx: Tx,
  args: { readonly functionId: FunctionId },
): TxStep<readonly SavedEvent[]> {
  const rows = yield* tx.all<{ name: string; event_json: string; updated_at_ms: number }>(
    "SELECT name, event_json, updated_at_ms FROM saved_events WHERE function_id = ? ORDER BY name",
    [args.functionId],
  );
  return rows.map((row) => ({
    name: row.name,
    event: JSON.parse(row.event_json) as unknown,
    updatedAtMs: row.updated_at_ms,
  }));
}

/** Keeps an event under its name, in place of one that has it. Throws SAVED_EVENTS_LIMIT. */
export function* putSavedEvent(
  tx: Tx,
  args: { readonly functionId: FunctionId; readonly saved: SavedEvent },
): TxStep<void> {
  const { functionId, saved } = args;
  yield* tx.run(
    `INSERT INTO saved_events (function_id, name, event_json, updated_at_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT (function_id, name) DO UPDATE SET
       event_json = excluded.event_json, updated_at_ms = excluded.updated_at_ms`,
    [functionId, saved.name, JSON.stringify(saved.event ?? null), saved.updatedAtMs],
  );
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM saved_events WHERE function_id = ?",
    [functionId],
  );
  if ((count?.n ?? 0) > SAVED_EVENTS_MAX) {
    throw failCatalogue("SAVED_EVENTS_LIMIT", { eventsMax: SAVED_EVENTS_MAX });
  }
}

/** Throws SAVED_EVENT_NOT_FOUND. */
export function* deleteSavedEvent(
  tx: Tx,
  args: { readonly functionId: FunctionId; readonly name: string },
): TxStep<void> {
  const removed = yield* tx.run("DELETE FROM saved_events WHERE function_id = ? AND name = ?", [
    args.functionId,
    args.name,
  ]);
  if (removed === 0) throw failCatalogue("SAVED_EVENT_NOT_FOUND", { event: args.name });
}

/** Takes away events of functions that are gone; returns how many. */
export function* forgetSavedEvents(tx: Tx, _args: null): TxStep<number> {
  return yield* tx.run(
    "DELETE FROM saved_events WHERE function_id NOT IN (SELECT id FROM functions)",
  );
}

export interface AccountFunction {
  readonly id: FunctionId;
  readonly app: string;
  readonly name: string;
}

/** Every function of the account, by app and name. */
export function* listFunctionNames(
  tx: Tx,
  args: { readonly accountId: AccountId },
): TxStep<readonly AccountFunction[]> {
  return yield* tx.all<AccountFunction>(
    `SELECT f.id AS id, a.name AS app, f.name AS name FROM functions f
     JOIN apps a ON a.id = f.app_id WHERE f.account_id = ? ORDER BY a.name, f.name`,
    [args.accountId],
  );
}
