/**
 * Aliases: names that lead to versions of a function. An alias never leads to a version that is not
 * there. Every change of where it leads is numbered and kept in a history, of which the last stay;
 * the number is also the alias's tag, and none is used for two states of one name, also when the
 * alias was removed in between. Each change is in the config log in the same transaction.
 */
import {
  assert,
  sortedEntries,
  type AppId,
  type AuditId,
  type FunctionId,
  type KeyId,
} from "@skerry/base";
import { LIMITS, versionsOfAlias, type AliasEntry, type AliasTarget } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import {
  aliasConfigKey,
  putConfig,
  readConfigSeq,
  removeConfig,
  removeConfigUnder,
} from "./config-log.ts";
import { failCatalogue } from "./errors.ts";
import { noteOverlays } from "./overlays.ts";
import { assertVersionsThere, listVersions, pathOf, type QualifiedFunction } from "./versions.ts";

/** Tables that came with aliases. Numbers up to `alias_floor` were of aliases that are gone. */
export const ALIAS_TABLES: readonly string[] = [
  "ALTER TABLE functions ADD COLUMN alias_floor @integer NOT NULL DEFAULT 0",
  `CREATE TABLE function_aliases (
    function_id @text NOT NULL, name @text NOT NULL, target @text NOT NULL,
    change @integer NOT NULL, created_at_ms @integer NOT NULL, updated_at_ms @integer NOT NULL,
    PRIMARY KEY (function_id, name))`,
  `CREATE TABLE alias_changes (
    function_id @text NOT NULL, alias @text NOT NULL, number @integer NOT NULL,
    target @text NOT NULL, key_id @text NOT NULL, reason @text NOT NULL, restores @integer,
    audit_id @text NOT NULL, seq @integer NOT NULL, at_ms @integer NOT NULL,
    PRIMARY KEY (function_id, alias, number))`,
];

export interface AliasRecord {
  readonly name: string;
  readonly target: AliasTarget;
  /** Number of the change that made it so. */
  readonly change: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** One state that an alias had, or has. */
export interface AliasChange {
  readonly number: number;
  readonly target: AliasTarget;
  readonly keyId: KeyId;
  /** Empty when none was given. */
  readonly reason: string;
  /** Of a rollback: the change whose state it restored. */
  readonly restores: number | null;
  readonly atMs: number;
}

/** Names one alias. */
export interface AliasOf {
  readonly fn: QualifiedFunction;
  readonly alias: string;
}

/** What is noted of a change of an alias. */
export interface AliasNote {
  readonly keyId: KeyId;
  readonly reason: string;
  /** Of the request: changes with the same were made together. */
  readonly auditId: AuditId;
  readonly wallMs: number;
}

/** What came of a change. */
export interface SetAlias {
  readonly record: AliasRecord;
  /** False when it led there already. */
  readonly isChanged: boolean;
  /** From this number of the config log on it is in force. */
  readonly seq: number;
}

/** A function whose alias was changed together with that of others. */
export interface ChangedTogether {
  readonly id: FunctionId;
  readonly name: string;
  /** The history has no earlier state. */
  readonly isFirst: boolean;
}

interface AliasRow {
  readonly name: string;
  readonly target: string;
  readonly change: number;
  readonly created_at_ms: number;
  readonly updated_at_ms: number;
}

interface ChangeRow {
  readonly number: number;
  readonly target: string;
  readonly key_id: KeyId;
  readonly reason: string;
  readonly restores: number | null;
  readonly at_ms: number;
}

const COLUMNS = "name, target, change, created_at_ms, updated_at_ms";
const CHANGE_COLUMNS = "number, target, key_id, reason, restores, at_ms";

/** Throws ALIAS_NOT_FOUND. */
export function* getAlias(tx: Tx, of: AliasOf): TxStep<AliasRecord> {
  const found = yield* findAlias(tx, of);
  if (found === undefined) throw aliasNotFound(of);
  return found;
}

/** Aliases of a function by name from `after` on, one more than `limit` when there are more. */
export function* listAliases(
  tx: Tx,
  args: { readonly functionId: FunctionId; readonly after: string; readonly limit: number },
): TxStep<readonly AliasRecord[]> {
  const rows = yield* tx.all<AliasRow>(
    `SELECT ${COLUMNS} FROM function_aliases WHERE function_id = ? AND name > ?
     ORDER BY name LIMIT ?`,
    [args.functionId, args.after, args.limit + 1],
  );
  return rows.map(recordOf);
}

/**
 * Has an alias lead to a target; made when there is none. One that leads there already is left as
 * it is. Throws ALIAS_CHANGED, VERSION_NOT_FOUND, ALIASES_LIMIT.
 */
export function* setAlias(
  tx: Tx,
  args: AliasOf & {
    readonly target: AliasTarget;
    /** Null: whichever it is. */
    readonly ifChange: number | null;
    readonly restores?: number;
    readonly note: AliasNote;
  },
): TxStep<SetAlias> {
  const { fn, alias, note } = args;
  const target = canonical(args.target);
  const before = yield* findAlias(tx, args);
  assertChange(args, before);
  yield* assertVersionsThere(tx, { fn, numbers: versionsOfAlias(target) });
  const text = JSON.stringify(target);
  if (before !== undefined && JSON.stringify(before.target) === text) {
    return { record: before, isChanged: false, seq: yield* readConfigSeq(tx) };
  }
  if (before === undefined) yield* assertRoom(tx, fn);
  const number = (before?.change ?? (yield* floorOf(tx, fn))) + 1;
  yield* tx.run(
    `INSERT INTO function_aliases (function_id, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (function_id, name) DO UPDATE SET target = excluded.target,
       change = excluded.change, updated_at_ms = excluded.updated_at_ms`,
    [fn.id, alias, text, number, note.wallMs, note.wallMs],
  );
  yield* noteOverlays(tx, { functionId: fn.id, target, wallMs: note.wallMs });
  const value: AliasEntry = { kind: "alias", functionId: fn.id, name: alias, target };
  const seq = yield* putConfig(tx, { key: aliasConfigKey(fn.id, alias), value });
  yield* keepChange(tx, { ...args, number, text, seq });
  return { record: yield* getAlias(tx, args), isChanged: true, seq };
}

/** Equal targets are equal texts: variables by name, and none are absent. */
function canonical({ env = {}, ...target }: AliasTarget): AliasTarget {
  const sorted = sortedEntries(env);
  return sorted.length === 0 ? target : { ...target, env: Object.fromEntries(sorted) };
}

function* keepChange(
  tx: Tx,
  args: AliasOf & {
    readonly number: number;
    readonly text: string;
    readonly restores?: number;
    readonly seq: number;
    readonly note: AliasNote;
  },
): TxStep<void> {
  const { fn, alias, number, text, restores = null, seq, note } = args;
  yield* tx.run(
    `INSERT INTO alias_changes (function_id, alias, ${CHANGE_COLUMNS}, audit_id, seq)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      ...[fn.id, alias, number, text, note.keyId, note.reason, restores],
      ...[note.wallMs, note.auditId, seq],
    ],
  );
  yield* tx.run("DELETE FROM alias_changes WHERE function_id = ? AND alias = ? AND number <= ?", [
    ...[fn.id, alias, number - LIMITS.aliasChangesKept],
  ]);
}

/** Changes of an alias below number `below`, newest first; one more than `limit` if there are. */
export function* listAliasChanges(
  tx: Tx,
  args: {
    readonly functionId: FunctionId;
    readonly alias: string;
    readonly below: number;
    readonly limit: number;
  },
): TxStep<readonly AliasChange[]> {
  const rows = yield* tx.all<ChangeRow>(
    `SELECT ${CHANGE_COLUMNS} FROM alias_changes
     WHERE function_id = ? AND alias = ? AND number < ? ORDER BY number DESC LIMIT ?`,
    [args.functionId, args.alias, args.below, args.limit + 1],
  );
  return rows.map(changeOf);
}

/**
 * Has an alias lead where it did after the change `to`; null: where it did before its latest one.
 * Throws ALIAS_NOT_FOUND, ALIAS_CHANGED, ALIAS_STATE_NOT_FOUND, VERSION_NOT_FOUND.
 */
export function* restoreAlias(
  tx: Tx,
  args: AliasOf & {
    readonly to: number | null;
    readonly ifChange: number | null;
    readonly note: AliasNote;
  },
): TxStep<SetAlias> {
  const { fn, alias, to } = args;
  const { change } = yield* getAlias(tx, args);
  const below = to === null ? change : to + 1;
  const changes = yield* listAliasChanges(tx, { functionId: fn.id, alias, below, limit: 1 });
  const state = changes[0];
  if (state === undefined || (to !== null && state.number !== to)) {
    const what = to === null ? "earlier state" : `change ${to}`;
    throw failCatalogue("ALIAS_STATE_NOT_FOUND", { alias: qualified(args), what });
  }
  return yield* setAlias(tx, { ...args, target: state.target, restores: state.number });
}

/**
 * The functions of an app whose alias of that name was changed last, together. Empty when none has
 * it.
 */
export function* latestChangeOfApp(
  tx: Tx,
  args: { readonly appId: AppId; readonly alias: string },
): TxStep<readonly ChangedTogether[]> {
  const rows = yield* tx.all<{
    id: FunctionId;
    name: string;
    audit_id: AuditId;
    seq: number;
    earlier: number;
  }>(
    `SELECT f.id AS id, f.name AS name, c.audit_id AS audit_id, c.seq AS seq,
       (SELECT COUNT(*) FROM alias_changes e WHERE e.function_id = f.id AND e.alias = a.name
          AND e.number < a.change) AS earlier
     FROM functions f JOIN function_aliases a ON a.function_id = f.id AND a.name = ?
     JOIN alias_changes c ON c.function_id = f.id AND c.alias = a.name AND c.number = a.change
     WHERE f.app_id = ? ORDER BY f.name`,
    [args.alias, args.appId],
  );
  // Numbers of the config log follow the order of the commits; clocks may not.
  const latest = rows.toSorted((a, b) => b.seq - a.seq)[0];
  return rows
    .filter((row) => row.audit_id === latest?.audit_id)
    .map(({ id, name, earlier }) => ({ id, name, isFirst: earlier === 0 }));
}

/** Names of the aliases of a function that lead to a version. */
export function* aliasesOfVersion(
  tx: Tx,
  { functionId, number }: { readonly functionId: FunctionId; readonly number: number },
): TxStep<readonly string[]> {
  const limit = LIMITS.aliasesPerFunctionMax;
  const all = yield* listAliases(tx, { functionId, after: "", limit });
  return all
    .filter(({ target }) => versionsOfAlias(target).includes(number))
    .map(({ name }) => name);
}

/** Versions behind the newest `keep`: those to which an alias leads, and the others. */
export function* olderVersions(
  tx: Tx,
  fn: QualifiedFunction,
  keep: number,
): TxStep<{ readonly inUse: readonly number[]; readonly unused: readonly number[] }> {
  const { versionsPerFunctionMax, aliasesPerFunctionMax: limit } = LIMITS;
  const newest = { functionId: fn.id, below: Number.MAX_SAFE_INTEGER };
  const all = yield* listVersions(tx, { ...newest, limit: versionsPerFunctionMax });
  const aliases = yield* listAliases(tx, { functionId: fn.id, after: "", limit });
  const led = new Set(aliases.flatMap(({ target }) => versionsOfAlias(target)));
  const older = all.slice(keep).map(({ number }) => number);
  return {
    inUse: older.filter((number) => led.has(number)),
    unused: older.filter((number) => !led.has(number)),
  };
}

/** Removes an alias with its history. Throws ALIAS_NOT_FOUND, ALIAS_CHANGED. */
export function* removeAlias(
  tx: Tx,
  args: AliasOf & { readonly ifChange: number | null },
): TxStep<{ readonly record: AliasRecord; readonly seq: number }> {
  const { fn, alias } = args;
  const record = yield* getAlias(tx, args);
  assertChange(args, record);
  yield* tx.run("DELETE FROM alias_changes WHERE function_id = ? AND alias = ?", [fn.id, alias]);
  yield* tx.run("DELETE FROM function_aliases WHERE function_id = ? AND name = ?", [fn.id, alias]);
  yield* tx.run("UPDATE functions SET alias_floor = ? WHERE id = ? AND alias_floor < ?", [
    ...[record.change, fn.id, record.change],
  ]);
  const seq = yield* removeConfig(tx, aliasConfigKey(fn.id, alias));
  assert(seq !== undefined, "each alias is in the config log");
  return { record, seq };
}

/** Removes all aliases of a function that is being removed. */
export function* removeAliasesOf(tx: Tx, functionId: FunctionId): TxStep<void> {
  yield* tx.run("DELETE FROM alias_changes WHERE function_id = ?", [functionId]);
  yield* tx.run("DELETE FROM function_aliases WHERE function_id = ?", [functionId]);
  yield* removeConfigUnder(tx, `alias/${functionId}`);
}

/** Undefined when the function has none of that name. */
export function* findAlias(tx: Tx, { fn, alias }: AliasOf): TxStep<AliasRecord | undefined> {
  const row = yield* tx.get<AliasRow>(
    `SELECT ${COLUMNS} FROM function_aliases WHERE function_id = ? AND name = ?`,
    [fn.id, alias],
  );
  return row === undefined ? undefined : recordOf(row);
}

function* floorOf(tx: Tx, fn: QualifiedFunction): TxStep<number> {
  const row = yield* tx.get<{ alias_floor: number }>(
    "SELECT alias_floor FROM functions WHERE id = ?",
    [fn.id],
  );
  return row?.alias_floor ?? 0;
}

function* assertRoom(tx: Tx, fn: QualifiedFunction): TxStep<void> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM function_aliases WHERE function_id = ?",
    [fn.id],
  );
  const { aliasesPerFunctionMax: aliasesMax } = LIMITS;
  if ((count?.n ?? 0) < aliasesMax) return;
  throw failCatalogue("ALIASES_LIMIT", { function: pathOf(fn), aliasesMax });
}

/** Change 0 stands for an alias that is not there. */
function assertChange(
  args: AliasOf & { readonly ifChange: number | null },
  found: AliasRecord | undefined,
): void {
  const actual = found?.change ?? 0;
  if (args.ifChange === null || args.ifChange === actual) return;
  throw failCatalogue("ALIAS_CHANGED", { alias: qualified(args), actual: `"${actual}"` });
}

function aliasNotFound({ fn, alias }: AliasOf): ReturnType<typeof failCatalogue> {
  return failCatalogue("ALIAS_NOT_FOUND", { function: pathOf(fn), alias });
}

function qualified({ fn, alias }: AliasOf): string {
  return `${pathOf(fn)}:${alias}`;
}

function recordOf(row: AliasRow): AliasRecord {
  const { name, change, created_at_ms: createdAtMs, updated_at_ms: updatedAtMs } = row;
  return { name, target: JSON.parse(row.target) as AliasTarget, change, createdAtMs, updatedAtMs };
}

function changeOf(row: ChangeRow): AliasChange {
  const { number, key_id: keyId, reason, restores, at_ms: atMs } = row;
  return { number, target: JSON.parse(row.target) as AliasTarget, keyId, reason, restores, atMs };
}
