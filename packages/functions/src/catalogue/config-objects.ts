/**
 * Config objects in the store: small files of an app. They belong to the app's name, like its
 * sources, so that they can be there before its first deployment; they go with the app. The caller
 * puts each change into the config log in the same transaction.
 */
import { assert, type AccountId, type ConfigObjectId } from "@skerry/base";
import { LIMITS, type ConfigObjectEntry } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { failCatalogue } from "./errors.ts";

/** Tables that came after the first release. */
export const CONFIG_OBJECT_TABLES: readonly string[] = [
  `CREATE TABLE config_objects (
    id @text PRIMARY KEY, account_id @text NOT NULL, app @text NOT NULL, name @text NOT NULL,
    version @integer NOT NULL, bytes @integer NOT NULL, content_base64 @text NOT NULL,
    created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL,
    UNIQUE (account_id, app, name))`,
];

/** Without its content. */
export interface ConfigObjectRecord {
  readonly id: ConfigObjectId;
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
  readonly version: number;
  readonly bytes: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

interface ConfigObjectRow {
  readonly id: ConfigObjectId;
  readonly account_id: AccountId;
  readonly app: string;
  readonly name: string;
  readonly version: number;
  readonly bytes: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

interface Named {
  readonly accountId: AccountId;
  readonly app: string;
  readonly name: string;
}

const COLUMNS = "id, account_id, app, name, version, bytes, created_at_ms, updated_at_ms";

/** Config objects of an app by name from `after` on, one more than `limit` when there are more. */
export function* listConfigObjects(
  tx: Tx,
  args: Omit<Named, "name"> & { readonly after: string; readonly limit: number },
): TxStep<readonly ConfigObjectRecord[]> {
  const rows = yield* tx.all<ConfigObjectRow>(
    `SELECT ${COLUMNS} FROM config_objects WHERE account_id = ? AND app = ? AND name > ?
     ORDER BY name LIMIT ?`,
    [args.accountId, args.app, args.after, args.limit + 1],
  );
  return rows.map(recordOf);
}

/** One with its content. Throws CONFIG_OBJECT_NOT_FOUND. */
export function* getConfigObject(
  tx: Tx,
  args: Named,
): TxStep<ConfigObjectRecord & { readonly contentBase64: string }> {
  const row = yield* tx.get<ConfigObjectRow & { readonly content_base64: string }>(
    `SELECT ${COLUMNS}, content_base64 FROM config_objects
     WHERE account_id = ? AND app = ? AND name = ?`,
    [args.accountId, args.app, args.name],
  );
  if (row === undefined) throw notFound(args);
  return { ...recordOf(row), contentBase64: row.content_base64 };
}

/**
 * Gives one its content; made under `freshId` when there is none. Throws CONFIG_OBJECT_CHANGED,
 * CONFIG_OBJECTS_LIMIT.
 */
export function* writeConfigObject(
  tx: Tx,
  args: Named & {
    readonly freshId: ConfigObjectId;
    readonly content: { readonly base64: string; readonly bytes: number };
    readonly ifVersion: number | null;
    readonly wallMs: number;
  },
): TxStep<ConfigObjectRecord> {
  const { accountId, app, name, freshId, content, wallMs } = args;
  assertVersion(args, yield* findConfigObject(tx, args));
  yield* tx.run(
    `INSERT INTO config_objects (id, account_id, app, name, version, bytes, content_base64,
       created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)
     ON CONFLICT (account_id, app, name) DO UPDATE SET version = config_objects.version + 1,
       bytes = excluded.bytes, content_base64 = excluded.content_base64,
       updated_at_ms = excluded.updated_at_ms`,
    [...[freshId, accountId, app, name, content.bytes, content.base64], wallMs, wallMs],
  );
  yield* assertRoom(tx, args);
  const record = yield* findConfigObject(tx, args);
  assert(record !== undefined, "what was just written is there");
  return record;
}

/** Counted after the write, which rolls back when it was too much. */
function* assertRoom(tx: Tx, { accountId, app }: Omit<Named, "name">): TxStep<void> {
  const ofApp = yield* tx.get<{ n: number; bytes: number }>(
    `SELECT COUNT(*) AS n, SUM(bytes) AS bytes FROM config_objects
     WHERE account_id = ? AND app = ?`,
    [accountId, app],
  );
  const ofAccount = yield* tx.get<{ bytes: number }>(
    "SELECT SUM(bytes) AS bytes FROM config_objects WHERE account_id = ?",
    [accountId],
  );
  const full = (what: string, max: number): never => {
    throw failCatalogue("CONFIG_OBJECTS_LIMIT", { what, max });
  };
  const { configObjectsPerAppMax, configBytesPerAppMax, configBytesPerAccountMax } = LIMITS;
  if ((ofApp?.n ?? 0) > configObjectsPerAppMax)
    full("config objects of an app", configObjectsPerAppMax);
  if (Number(ofApp?.bytes ?? 0) > configBytesPerAppMax) {
    full("bytes of all config objects of an app", configBytesPerAppMax);
  }
  if (Number(ofAccount?.bytes ?? 0) > configBytesPerAccountMax) {
    full("bytes of all config objects", configBytesPerAccountMax);
  }
}

/** Removes one; its id. Throws CONFIG_OBJECT_NOT_FOUND, CONFIG_OBJECT_CHANGED. */
export function* removeConfigObject(
  tx: Tx,
  args: Named & { readonly ifVersion: number | null },
): TxStep<ConfigObjectId> {
  const found = yield* findConfigObject(tx, args);
  if (found === undefined) throw notFound(args);
  assertVersion(args, found);
  yield* tx.run("DELETE FROM config_objects WHERE id = ?", [found.id]);
  return found.id;
}

/** Removes all of an app; their ids. */
export function* removeConfigObjectsOfApp(
  tx: Tx,
  args: Omit<Named, "name">,
): TxStep<readonly ConfigObjectId[]> {
  const rows = yield* tx.all<{ id: ConfigObjectId }>(
    "DELETE FROM config_objects WHERE account_id = ? AND app = ? RETURNING id",
    [args.accountId, args.app],
  );
  return rows.map(({ id }) => id);
}

/** What agents are told of a config object. */
export function configObjectEntryOf(
  record: ConfigObjectRecord,
  contentBase64: string,
): ConfigObjectEntry {
  const { id, accountId, app, name, version } = record;
  return { kind: "config-object", id, accountId, app, name, version, contentBase64 };
}

function* findConfigObject(tx: Tx, args: Named): TxStep<ConfigObjectRecord | undefined> {
  const row = yield* tx.get<ConfigObjectRow>(
    `SELECT ${COLUMNS} FROM config_objects WHERE account_id = ? AND app = ? AND name = ?`,
    [args.accountId, args.app, args.name],
  );
  return row === undefined ? undefined : recordOf(row);
}

function assertVersion(
  { name, ifVersion }: { readonly name: string; readonly ifVersion: number | null },
  before: ConfigObjectRecord | undefined,
): void {
  const version = before?.version ?? 0;
  if (ifVersion === null || version === ifVersion) return;
  throw failCatalogue("CONFIG_OBJECT_CHANGED", { config: name, actual: `"${version}"` });
}

function notFound({ app, name }: Named): ReturnType<typeof failCatalogue> {
  return failCatalogue("CONFIG_OBJECT_NOT_FOUND", { app, config: name });
}

function recordOf(row: ConfigObjectRow): ConfigObjectRecord {
  const { id, app, name, version, bytes } = row;
  const times = { createdAtMs: row.created_at_ms, updatedAtMs: row.updated_at_ms };
  return { ...{ id, accountId: row.account_id, app, name, version, bytes }, ...times };
}
