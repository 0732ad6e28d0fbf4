/**
 * Actions in the store. They belong to the app's name and name a function of it, which may be
 * deployed anew; they go with the app. The caller puts each change into the config log in the same
 * transaction, since gateways take calls for them.
 */
import { assert, type AccountId, type ActionId } from "@skerry/base";
import { LIMITS, type ActionEntry, type TicketHolder } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { failCatalogue } from "./errors.ts";

/** Tables that came after the first release. */
export const ACTION_TABLES: readonly string[] = [
  `CREATE TABLE actions (
    id @text PRIMARY KEY, account_id @text NOT NULL, app @text NOT NULL, name @text NOT NULL,
    fn @text NOT NULL, description @text NOT NULL, drives @text NOT NULL, made_by @text,
    version @integer NOT NULL, created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL,
    UNIQUE (account_id, app, name))`,
];

/** What may run it; what a timer and an event are set to is kept as it was asked for. */
export interface ActionDrives {
  readonly timer: object | null;
  readonly event: object | null;
  readonly game: { readonly ticket: TicketHolder } | null;
  readonly manual: boolean;
}

/** What its owner sets. */
export interface ActionSpec {
  readonly fn: string;
  readonly description: string;
  readonly drives: ActionDrives;
  readonly madeBy: "manifest" | null;
}

export interface ActionRecord extends ActionSpec {
  readonly id: ActionId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

interface ActionRow {
  readonly id: ActionId;
  readonly account_id: AccountId;
  readonly app: string;
  readonly name: string;
  readonly fn: string;
  readonly description: string;
  readonly drives: string;
  readonly made_by: "manifest" | null;
  readonly version: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

interface OfApp {
  readonly accountId: AccountId;
  readonly app: string;
}
interface Named extends OfApp {
  readonly name: string;
}

const COLUMNS =
  "id, account_id, app, name, fn, description, drives, made_by, version, created_at_ms, " +
  "updated_at_ms";

/** Actions of an app by name from `after` on, one more than `limit` when there are more. */
export function* listActions(
  tx: Tx,
  args: OfApp & { readonly after: string; readonly limit: number },
): TxStep<readonly ActionRecord[]> {
  const rows = yield* tx.all<ActionRow>(
    `SELECT ${COLUMNS} FROM actions WHERE account_id = ? AND app = ? AND name > ?
     ORDER BY name LIMIT ?`,
    [args.accountId, args.app, args.after, args.limit + 1],
  );
  return rows.map(recordOf);
}

/** Throws ACTION_NOT_FOUND. */
export function* getAction(tx: Tx, args: Named): TxStep<ActionRecord> {
  const found = yield* findAction(tx, args);
  if (found === undefined) throw notFound(args);
  return found;
}

/**
 * Throws ACTION_CHANGED; when it is not there, ACTION_NOT_FOUND if it must be, and ACTIONS_LIMIT if
 * there is no room for it.
 */
export function* checkAction(
  tx: Tx,
  args: Named & { readonly ifVersion: number | null; readonly mustExist: boolean },
): TxStep<void> {
  const found = args.mustExist ? yield* getAction(tx, args) : yield* findAction(tx, args);
  assertVersion(args, found);
  if (found === undefined) yield* assertRoom(tx, { ...args, more: 1 });
}

/** Sets one; made under `freshId` when there is none. Throws ACTION_CHANGED, ACTIONS_LIMIT. */
export function* writeAction(
  tx: Tx,
  args: Named & {
    readonly freshId: ActionId;
    readonly spec: ActionSpec;
    readonly ifVersion: number | null;
    readonly wallMs: number;
  },
): TxStep<ActionRecord> {
  const { accountId, app, name, freshId, spec, wallMs } = args;
  const before = yield* findAction(tx, args);
  assertVersion(args, before);
  yield* tx.run(
    `INSERT INTO actions (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
     ON CONFLICT (account_id, app, name) DO UPDATE SET fn = excluded.fn,
       description = excluded.description, drives = excluded.drives, made_by = excluded.made_by,
       version = actions.version + 1, updated_at_ms = excluded.updated_at_ms`,
    [
      ...[freshId, accountId, app, name, spec.fn, spec.description],
      ...[JSON.stringify(spec.drives), spec.madeBy, wallMs, wallMs],
    ],
  );
  if (before === undefined) yield* assertRoom(tx, { ...args, more: 0 });
  const record = yield* findAction(tx, args);
  assert(record !== undefined, "what was just written is there");
  return record;
}

/** Removes one; the record that it was. Throws ACTION_NOT_FOUND, ACTION_CHANGED. */
export function* removeAction(
  tx: Tx,
  args: Named & { readonly ifVersion: number | null },
): TxStep<ActionRecord> {
  const found = yield* getAction(tx, args);
  assertVersion(args, found);
  yield* tx.run("DELETE FROM actions WHERE id = ?", [found.id]);
  return found;
}

/** Removes all of an app; their ids. */
export function* removeActionsOfApp(tx: Tx, args: OfApp): TxStep<readonly ActionId[]> {
  const rows = yield* tx.all<{ id: ActionId }>(
    "DELETE FROM actions WHERE account_id = ? AND app = ? RETURNING id",
    [args.accountId, args.app],
  );
  return rows.map(({ id }) => id);
}

/** What gateways are told of an action. */
export function actionEntryOf(record: ActionRecord): ActionEntry {
  const { id, accountId, app, name, fn, drives } = record;
  const { game, manual } = drives;
  return { kind: "action", id, accountId, app, name, fn, game: game?.ticket ?? null, manual };
}

function* findAction(tx: Tx, args: Named): TxStep<ActionRecord | undefined> {
  const row = yield* tx.get<ActionRow>(
    `SELECT ${COLUMNS} FROM actions WHERE account_id = ? AND app = ? AND name = ?`,
    [args.accountId, args.app, args.name],
  );
  return row === undefined ? undefined : recordOf(row);
}

/** Room for `more`; after a write for none, which rolls back when it was too much. */
function* assertRoom(
  tx: Tx,
  { accountId, app, more }: OfApp & { readonly more: number },
): TxStep<void> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM actions WHERE account_id = ? AND app = ?",
    [accountId, app],
  );
  const { actionsPerAppMax: actionsMax } = LIMITS;
  if ((count?.n ?? 0) + more > actionsMax) throw failCatalogue("ACTIONS_LIMIT", { actionsMax });
}

/** Version 0 stands for one that is not there. */
function assertVersion(
  { name, ifVersion }: { readonly name: string; readonly ifVersion: number | null },
  found: ActionRecord | undefined,
): void {
  const actual = found?.version ?? 0;
  if (ifVersion === null || ifVersion === actual) return;
  throw failCatalogue("ACTION_CHANGED", { action: name, actual: `"${actual}"` });
}

function notFound({ app, name }: Named): ReturnType<typeof failCatalogue> {
  return failCatalogue("ACTION_NOT_FOUND", { app, action: name });
}

function recordOf(row: ActionRow): ActionRecord {
  const { id, app, name, fn, description, version } = row;
  return {
    ...{ id, accountId: row.account_id, app, name, fn, description, version },
    drives: JSON.parse(row.drives) as ActionDrives,
    madeBy: row.made_by,
    ...{ createdAtMs: row.created_at_ms, updatedAtMs: row.updated_at_ms },
  };
}
