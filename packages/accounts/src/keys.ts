/**
 * Keys in the store. The caller puts each change into the config log in the same transaction, since
 * gateways check keys without asking; a revoked key is a removed row.
 */
import type { AccountId, KeyId } from "@skerry/base";
import type { KeyEntry, Role } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { failAccounts } from "./errors.ts";

/** Keys of one account; every gateway holds all of them. */
const ACCOUNT_KEYS_MAX = 1_000;

export interface KeyRecord {
  readonly id: KeyId;
  readonly accountId: AccountId;
  readonly name: string;
  readonly role: Role;
  /** Names of the apps it is confined to; null reaches the whole account. */
  readonly apps: readonly string[] | null;
  readonly secretSha256: string;
  /** True for the admin key that the platform keeps in a file of its own for local commands. */
  readonly local: boolean;
  readonly createdAtMs: number;
}

interface KeyRow {
  readonly id: KeyId;
  readonly account_id: AccountId;
  readonly name: string;
  readonly role: Role;
  readonly apps_json: string | null;
  readonly secret_sha256: string;
  readonly local: number;
  readonly created_at_ms: number;
}

const SELECT =
  "SELECT id, account_id, name, role, apps_json, secret_sha256, local, created_at_ms FROM access_keys";

/** Throws KEY_LIMIT; the platform's own key is always taken. */
export function* insertKey(tx: Tx, record: KeyRecord): TxStep<void> {
  const { id, accountId, name, role, apps, secretSha256, local, createdAtMs } = record;
  if (!local) yield* assertRoom(tx, accountId);
  yield* tx.run(
    `INSERT INTO access_keys (id, account_id, name, role, apps_json, secret_sha256, local, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      ...[id, accountId, name, role, apps === null ? null : JSON.stringify(apps)],
      ...[secretSha256, local ? 1 : 0, createdAtMs],
    ],
  );
}

function* assertRoom(tx: Tx, accountId: AccountId): TxStep<void> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM access_keys WHERE account_id = ?",
    [accountId],
  );
  if ((count?.n ?? 0) >= ACCOUNT_KEYS_MAX) {
    throw failAccounts("KEY_LIMIT", { keysMax: ACCOUNT_KEYS_MAX });
  }
}

/** Undefined when it was never made or is revoked. */
export function* findKey(tx: Tx, id: KeyId): TxStep<KeyRecord | undefined> {
  const row = yield* tx.get<KeyRow>(`${SELECT} WHERE id = ?`, [id]);
  return row === undefined ? undefined : recordOf(row);
}

/**
 * The account's keys, oldest first, after the id `after`; one more than `limit` when there are
 * more.
 */
export function* listKeys(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly after: string; readonly limit: number },
): TxStep<readonly KeyRecord[]> {
  const rows = yield* tx.all<KeyRow>(
    `${SELECT} WHERE account_id = ? AND id > ? ORDER BY id LIMIT ?`,
    [args.accountId, args.after, args.limit + 1],
  );
  return rows.map(recordOf);
}

/**
 * The account's admin keys that the platform keeps for itself; at most one, unless a start was cut
 * short.
 */
export function* listLocalKeys(tx: Tx, accountId: AccountId): TxStep<readonly KeyRecord[]> {
  const rows = yield* tx.all<KeyRow>(`${SELECT} WHERE account_id = ? AND local = 1 ORDER BY id`, [
    accountId,
  ]);
  return rows.map(recordOf);
}

/** Throws KEY_NOT_FOUND, or KEY_LAST_ADMIN when no unconfined admin key would be left. */
export function* revokeKey(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly id: KeyId },
): TxStep<KeyRecord> {
  const found = yield* findKey(tx, args.id);
  if (found === undefined || found.accountId !== args.accountId) {
    throw failAccounts("KEY_NOT_FOUND", { key: args.id });
  }
  const others = yield* tx.get<{ n: number }>(
    `SELECT COUNT(*) AS n FROM access_keys
     WHERE account_id = ? AND role = 'admin' AND apps_json IS NULL AND id <> ?`,
    [args.accountId, args.id],
  );
  if ((others?.n ?? 0) === 0) throw failAccounts("KEY_LAST_ADMIN", { key: args.id });
  yield* tx.run("DELETE FROM access_keys WHERE id = ?", [args.id]);
  return found;
}

/** What gateways need to know of a key. */
export function keyEntryOf(record: KeyRecord): KeyEntry {
  const { id, accountId, role, apps, secretSha256 } = record;
  return { kind: "key", id, accountId, role, apps, secretSha256 };
}

function recordOf(row: KeyRow): KeyRecord {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    role: row.role,
    apps: row.apps_json === null ? null : (JSON.parse(row.apps_json) as readonly string[]),
    secretSha256: row.secret_sha256,
    local: row.local === 1,
    createdAtMs: row.created_at_ms,
  };
}
