/** Apps: made by their first deployment, gone with `deleteApp`. */
import type { AccountId, AppId } from "@skerry/base";
import type { Tx, TxStep } from "@skerry/store";

export interface AppRecord {
  readonly id: AppId;
  readonly name: string;
  readonly functions: number;
  readonly createdAtMs: number;
}

/** The app's id; the app is made under `freshId` when there is none of that name. */
export function* ensureApp(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly name: string;
    readonly freshId: AppId;
    readonly wallMs: number;
  },
): TxStep<AppId> {
  const { accountId, name, freshId, wallMs } = args;
  yield* tx.run(
    `INSERT INTO apps (id, account_id, name, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (account_id, name) DO NOTHING`,
    [freshId, accountId, name, wallMs, wallMs],
  );
  return (yield* findAppId(tx, { accountId, name })) ?? freshId;
}

export function* findAppId(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly name: string },
): TxStep<AppId | undefined> {
  const row = yield* tx.get<{ id: AppId }>(
    "SELECT id FROM apps WHERE account_id = ? AND name = ?",
    [args.accountId, args.name],
  );
  return row?.id;
}

/**
 * Apps by name from `after` on, one more than `limit` when there are more. `names` confines the
 * list.
 */
export function* listApps(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly names: readonly string[] | null;
    readonly after: string;
    readonly limit: number;
  },
): TxStep<readonly AppRecord[]> {
  const { accountId, names, after, limit } = args;
  if (names?.length === 0) return [];
  const confined = names === null ? "" : `AND a.name IN (${names.map(() => "?").join(", ")})`;
  const rows = yield* tx.all<{ id: AppId; name: string; functions: number; created_at_ms: number }>(
    `SELECT a.id AS id, a.name AS name, a.created_at_ms AS created_at_ms,
       (SELECT COUNT(*) FROM functions f WHERE f.app_id = a.id) AS functions
     FROM apps a WHERE a.account_id = ? AND a.name > ? ${confined} ORDER BY a.name LIMIT ?`,
    [accountId, after, ...(names ?? []), limit + 1],
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    functions: row.functions,
    createdAtMs: row.created_at_ms,
  }));
}

/** Removes the app's own rows, as far as there are any. Its functions must be gone already. */
export function* deleteAppRows(
  tx: Tx,
  args: {
    readonly accountId: AccountId;
    readonly appId: AppId | undefined;
    readonly name: string;
  },
): TxStep<void> {
  yield* tx.run("DELETE FROM sources WHERE account_id = ? AND app = ?", [
    args.accountId,
    args.name,
  ]);
  if (args.appId !== undefined) yield* tx.run("DELETE FROM apps WHERE id = ?", [args.appId]);
}
