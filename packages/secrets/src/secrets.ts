/**
 * Secrets in the store. The caller puts each change into the config log in the same transaction,
 * since agents open secrets without asking. Values come sealed and are never opened here.
 */
import type { AccountId, SecretId } from "@skerry/base";
import { LIMITS, type SealedValue, type SecretEntry } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { failSecrets } from "./errors.ts";

/** Where a secret is known: in one app, or in the whole account (null). */
export interface SecretScope {
  readonly accountId: AccountId;
  readonly app: string | null;
}

export interface SecretRecord extends SecretScope {
  readonly id: SecretId;
  readonly name: string;
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface SealedSecret extends SecretRecord {
  readonly sealed: SealedValue;
}

interface SecretRow {
  readonly id: SecretId;
  readonly account_id: AccountId;
  readonly app: string;
  readonly name: string;
  readonly version: number;
  readonly sealed_json: string;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

const COLUMNS = "id, account_id, app, name, version, sealed_json, created_at_ms, updated_at_ms";

/** The secret of that name in that very scope. */
export function* findSecret(
  tx: Tx,
  args: SecretScope & { readonly name: string },
): TxStep<SecretRecord | undefined> {
  const row = yield* tx.get<SecretRow>(
    `SELECT ${COLUMNS} FROM secrets WHERE account_id = ? AND app = ? AND name = ?`,
    [args.accountId, args.app ?? "", args.name],
  );
  return row === undefined ? undefined : recordOf(row);
}

/** The same with its sealed value. */
export function* findSealedSecret(
  tx: Tx,
  args: SecretScope & { readonly name: string },
): TxStep<SealedSecret | undefined> {
  const row = yield* tx.get<SecretRow>(
    `SELECT ${COLUMNS} FROM secrets WHERE account_id = ? AND app = ? AND name = ?`,
    [args.accountId, args.app ?? "", args.name],
  );
  return row === undefined ? undefined : { ...recordOf(row), sealed: sealedOf(row) };
}

/** Secrets of a scope by name from `after` on, one more than `limit` when there are more. */
export function* listSecrets(
  tx: Tx,
  args: SecretScope & { readonly after: string; readonly limit: number },
): TxStep<readonly SecretRecord[]> {
  const rows = yield* tx.all<SecretRow>(
    `SELECT ${COLUMNS} FROM secrets WHERE account_id = ? AND app = ? AND name > ?
     ORDER BY name LIMIT ?`,
    [args.accountId, args.app ?? "", args.after, args.limit + 1],
  );
  return rows.map(recordOf);
}

/**
 * Puts a value in force that was sealed for exactly this id and version. Throws SECRET_CHANGED when
 * the version before is not `ifVersion`, SECRET_RACED when it is not the one that was sealed for,
 * SECRET_LIMIT.
 */
export function* writeSecret(
  tx: Tx,
  args: { readonly secret: SealedSecret; readonly ifVersion: number | null },
): TxStep<void> {
  const { secret, ifVersion } = args;
  const { id, accountId, app, name, version, sealed, createdAtMs, updatedAtMs } = secret;
  const before = yield* findSecret(tx, secret);
  assertVersion(name, before, ifVersion);
  const isNext = before === undefined ? version === 1 : before.version + 1 === version;
  if (!isNext || (before !== undefined && before.id !== id)) {
    throw failSecrets("SECRET_RACED", { secret: name });
  }
  if (before === undefined) yield* assertRoom(tx, secret);
  yield* tx.run(
    `INSERT INTO secrets
       (id, account_id, app, name, version, key_id, sealed_json, created_at_ms, updated_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (account_id, app, name) DO UPDATE SET version = excluded.version,
       key_id = excluded.key_id, sealed_json = excluded.sealed_json,
       updated_at_ms = excluded.updated_at_ms`,
    [
      ...[id, accountId, app ?? "", name, version, sealed.keyId, JSON.stringify(sealed)],
      ...[createdAtMs, updatedAtMs],
    ],
  );
}

function* assertRoom(tx: Tx, { accountId, app }: SecretScope): TxStep<void> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM secrets WHERE account_id = ? AND app = ?",
    [accountId, app ?? ""],
  );
  const secretsMax = LIMITS.secretsPerScopeMax;
  if ((count?.n ?? 0) >= secretsMax) {
    throw failSecrets("SECRET_LIMIT", { secretsMax, scope: scopeText(app) });
  }
}

/** Removes one; the record that it was. Throws SECRET_NOT_FOUND, SECRET_CHANGED. */
export function* removeSecret(
  tx: Tx,
  args: SecretScope & { readonly name: string; readonly ifVersion: number | null },
): TxStep<SecretRecord> {
  const found = yield* findSecret(tx, args);
  if (found === undefined) throw secretNotFound(args);
  assertVersion(args.name, found, args.ifVersion);
  yield* tx.run("DELETE FROM secrets WHERE id = ?", [found.id]);
  return found;
}

/** Removes all of an app; their ids. */
export function* removeSecretsOfApp(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string },
): TxStep<readonly SecretId[]> {
  const rows = yield* tx.all<{ id: SecretId }>(
    "DELETE FROM secrets WHERE account_id = ? AND app = ? RETURNING id",
    [args.accountId, args.app],
  );
  return rows.map(({ id }) => id);
}

/** Those of `names` that neither the app nor the account has. */
export function* missingSecrets(
  tx: Tx,
  args: { readonly accountId: AccountId; readonly app: string; readonly names: readonly string[] },
): TxStep<readonly string[]> {
  const { accountId, app, names } = args;
  if (names.length === 0) return [];
  const rows = yield* tx.all<{ name: string }>(
    `SELECT name FROM secrets WHERE account_id = ? AND app IN (?, ?)
       AND name IN (${names.map(() => "?").join(", ")})`,
    [accountId, "", app, ...names],
  );
  const known = new Set(rows.map(({ name }) => name));
  return names.filter((name) => !known.has(name));
}

/** Secrets by id from `after` on whose data keys another master key than `keyId` wraps. */
export function* secretsNotUnder(
  tx: Tx,
  args: { readonly keyId: string; readonly after: string; readonly limit: number },
): TxStep<readonly SealedSecret[]> {
  const rows = yield* tx.all<SecretRow>(
    `SELECT ${COLUMNS} FROM secrets WHERE key_id <> ? AND id > ? ORDER BY id LIMIT ?`,
    [args.keyId, args.after, args.limit],
  );
  return rows.map((row) => ({ ...recordOf(row), sealed: sealedOf(row) }));
}

/** Replaces how a value's data key is wrapped; false when the value was changed meanwhile. */
export function* rewrapSecret(
  tx: Tx,
  args: Pick<SealedSecret, "id" | "version" | "sealed">,
): TxStep<boolean> {
  const { id, version, sealed } = args;
  const changed = yield* tx.run(
    "UPDATE secrets SET key_id = ?, sealed_json = ? WHERE id = ? AND version = ?",
    [sealed.keyId, JSON.stringify(sealed), id, version],
  );
  return changed > 0;
}

/** What agents are told of a secret. */
export function secretEntryOf(secret: SealedSecret): SecretEntry {
  const { id, accountId, app, name, version, sealed } = secret;
  return { kind: "secret", id, accountId, app, name, version, sealed };
}

/** SECRET_NOT_FOUND that names the scope. */
export function secretNotFound(args: {
  readonly app: string | null;
  readonly name: string;
}): ReturnType<typeof failSecrets> {
  return failSecrets("SECRET_NOT_FOUND", { secret: args.name, scope: scopeText(args.app) });
}

function scopeText(app: string | null): string {
  return app === null ? "of the account" : `of the app ${app}`;
}

function assertVersion(
  name: string,
  before: SecretRecord | undefined,
  ifVersion: number | null,
): void {
  const actual = before?.version ?? 0;
  if (ifVersion === null || ifVersion === actual) return;
  throw failSecrets("SECRET_CHANGED", { secret: name, actual: `"${actual}"` });
}

function recordOf(row: SecretRow): SecretRecord {
  const { id, name, version } = row;
  const scope = { accountId: row.account_id, app: row.app === "" ? null : row.app };
  const times = { createdAtMs: row.created_at_ms, updatedAtMs: row.updated_at_ms };
  return { ...{ id, name, version }, ...scope, ...times };
}

function sealedOf({ sealed_json }: SecretRow): SealedValue {
  return JSON.parse(sealed_json) as SealedValue;
}
