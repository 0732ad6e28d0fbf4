/**
 * Versions: revisions of a function that have a number. Numbers are given out in order and never
 * again, a revision has one at most, and what a number stands for does not change. A version goes
 * with its function or when it is removed by itself, which is refused while an alias leads to it.
 * Each change is in the config log in the same transaction.
 */
import { assert, type FunctionId, type KeyId, type RevisionId } from "@skerry/base";
import { LIMITS, type RevisionEntry, type VersionEntry } from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";
import { putConfig, removeConfig, removeConfigUnder, versionConfigKey } from "./config-log.ts";
import { failCatalogue } from "./errors.ts";
import { removeOverlays } from "./overlays.ts";
import { REVISION_COLUMNS, revisionOf, type RevisionColumns } from "./revision-rows.ts";

/** Tables that came with versions. */
export const VERSION_TABLES: readonly string[] = [
  "ALTER TABLE functions ADD COLUMN last_version @integer NOT NULL DEFAULT 0",
  `CREATE TABLE function_versions (
    function_id @text NOT NULL, number @integer NOT NULL, revision_id @text NOT NULL UNIQUE,
    description @text NOT NULL, key_id @text NOT NULL, created_at_ms @integer NOT NULL,
    PRIMARY KEY (function_id, number))`,
];

/** The function that a version or an alias is of. */
export interface QualifiedFunction {
  readonly id: FunctionId;
  readonly app: string;
  readonly name: string;
}

export interface VersionRecord {
  readonly number: number;
  readonly revision: RevisionEntry;
  readonly description: string;
  /** Who published it. */
  readonly keyId: KeyId;
  readonly createdAtMs: number;
}

interface VersionRow extends RevisionColumns {
  readonly number: number;
  readonly description: string;
  readonly key_id: KeyId;
  readonly created_at_ms: number;
}

const SELECT = `SELECT v.number AS number, v.description AS description, v.key_id AS key_id,
  v.created_at_ms AS created_at_ms, ${REVISION_COLUMNS}
  FROM function_versions v JOIN revisions r ON r.id = v.revision_id`;

/**
 * Gives a revision of the function the next number, or finds the one that it has. Throws
 * VERSIONS_LIMIT.
 */
export function* numberRevision(
  tx: Tx,
  args: {
    readonly fn: QualifiedFunction;
    readonly revisionId: RevisionId;
    readonly description: string;
    readonly keyId: KeyId;
    readonly wallMs: number;
  },
): TxStep<{ readonly record: VersionRecord; readonly isNew: boolean }> {
  const { fn, revisionId } = args;
  const known = yield* tx.get<VersionRow>(`${SELECT} WHERE v.revision_id = ?`, [revisionId]);
  if (known !== undefined) return { record: recordOf(known), isNew: false };
  yield* assertRoom(tx, fn);
  // First of the writes: whoever numbers the same function at the same time meets here.
  const next = yield* tx.get<{ number: number }>(
    "UPDATE functions SET last_version = last_version + 1 WHERE id = ? RETURNING last_version AS number",
    [fn.id],
  );
  assert(next !== undefined, "the function was just read");
  yield* tx.run(
    `INSERT INTO function_versions (function_id, number, revision_id, description, key_id,
       created_at_ms) VALUES (?, ?, ?, ?, ?, ?)`,
    [fn.id, next.number, revisionId, args.description, args.keyId, args.wallMs],
  );
  const record = yield* getVersion(tx, { fn, number: next.number });
  const { number, revision } = record;
  const value: VersionEntry = { kind: "version", functionId: fn.id, number, revision };
  yield* putConfig(tx, { key: versionConfigKey(fn.id, number), value });
  return { record, isNew: true };
}

/** The number that a revision has, or would be given next. */
export function* versionToBe(
  tx: Tx,
  { fn, revisionId }: { readonly fn: QualifiedFunction; readonly revisionId: RevisionId },
): TxStep<number> {
  const known = yield* tx.get<VersionRow>(`${SELECT} WHERE v.revision_id = ?`, [revisionId]);
  if (known !== undefined) return known.number;
  const row = yield* tx.get<{ last_version: number }>(
    "SELECT last_version FROM functions WHERE id = ?",
    [fn.id],
  );
  return (row?.last_version ?? 0) + 1;
}

function* assertRoom(tx: Tx, fn: QualifiedFunction): TxStep<void> {
  const count = yield* tx.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM function_versions WHERE function_id = ?",
    [fn.id],
  );
  const { versionsPerFunctionMax: versionsMax } = LIMITS;
  if ((count?.n ?? 0) < versionsMax) return;
  throw failCatalogue("VERSIONS_LIMIT", { function: pathOf(fn), versionsMax });
}

/** Throws VERSION_NOT_FOUND. */
export function* getVersion(
  tx: Tx,
  { fn, number }: { readonly fn: QualifiedFunction; readonly number: number },
): TxStep<VersionRecord> {
  const row = yield* tx.get<VersionRow>(`${SELECT} WHERE v.function_id = ? AND v.number = ?`, [
    fn.id,
    number,
  ]);
  if (row === undefined) throw versionNotFound(fn, number);
  return recordOf(row);
}

/**
 * Versions of a function below number `below`, the newest first; one more than `limit` when there
 * are more.
 */
export function* listVersions(
  tx: Tx,
  args: { readonly functionId: FunctionId; readonly below: number; readonly limit: number },
): TxStep<readonly VersionRecord[]> {
  const rows = yield* tx.all<VersionRow>(
    `${SELECT} WHERE v.function_id = ? AND v.number < ? ORDER BY v.number DESC LIMIT ?`,
    [args.functionId, args.below, args.limit + 1],
  );
  return rows.map(recordOf);
}

/** Throws VERSION_NOT_FOUND for the first of `numbers` that is not there. */
export function* assertVersionsThere(
  tx: Tx,
  { fn, numbers }: { readonly fn: QualifiedFunction; readonly numbers: readonly number[] },
): TxStep<void> {
  const rows = yield* tx.all<{ number: number }>(
    "SELECT number FROM function_versions WHERE function_id = ?",
    [fn.id],
  );
  const there = new Set(rows.map(({ number }) => number));
  const missing = numbers.find((number) => !there.has(number));
  if (missing !== undefined) throw versionNotFound(fn, missing);
}

/**
 * Removes a version to which no alias leads; that is the caller's to see to. Throws
 * VERSION_NOT_FOUND.
 */
export function* removeVersion(
  tx: Tx,
  { fn, number }: { readonly fn: QualifiedFunction; readonly number: number },
): TxStep<number> {
  const removed = yield* tx.run(
    "DELETE FROM function_versions WHERE function_id = ? AND number = ?",
    [fn.id, number],
  );
  if (removed === 0) throw versionNotFound(fn, number);
  yield* removeOverlays(tx, { functionId: fn.id, number });
  const seq = yield* removeConfig(tx, versionConfigKey(fn.id, number));
  assert(seq !== undefined, "each version is in the config log");
  return seq;
}

/** Removes all versions of a function that is being removed. */
export function* removeVersionsOf(tx: Tx, functionId: FunctionId): TxStep<void> {
  yield* tx.run("DELETE FROM function_versions WHERE function_id = ?", [functionId]);
  yield* removeOverlays(tx, { functionId, number: null });
  yield* removeConfigUnder(tx, `version/${functionId}`);
}

/** `APP/FN`, as users write it. */
export function pathOf({ app, name }: QualifiedFunction): string {
  return `${app}/${name}`;
}

function versionNotFound(fn: QualifiedFunction, version: number): ReturnType<typeof failCatalogue> {
  return failCatalogue("VERSION_NOT_FOUND", { function: pathOf(fn), version });
}

function recordOf(row: VersionRow): VersionRecord {
  const { number, description, key_id: keyId, created_at_ms: createdAtMs } = row;
  return { number, revision: revisionOf(row), description, keyId, createdAtMs };
}
