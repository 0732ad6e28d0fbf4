/**
 * One SQLite file and its one connection: pragmas, prepared statements, and the values that go in
 * and out.
 *
 * Nothing else writes these files, so there is no lock contention and no checkpoint race inside the
 * platform; the version check keeps out the releases with the WAL-reset bug (fixed in 3.51.3) in
 * case a tool opens them too. After a failed flush the kernel may have marked unwritten pages clean
 * (ATC'20, "Can Applications Recover from fsync Failures?"), so a connection is never used again
 * after an I/O error: `reopen` reads the file anew.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { assert } from "@skerry/base";
import { storeError } from "./errors.ts";
import { STORE_LIMITS } from "./limits.ts";
import { translateStatement } from "./portable-sql.ts";
import { assertMayWrite, type Caller } from "./procedure.ts";
import type { Row, SqlValue, TxReply, TxRequest } from "./port.ts";
import { isIntegerOutOfRange } from "./sqlite-faults.ts";
import { assertSqlValues, integerTooLarge } from "./values.ts";

const SQLITE_VERSION_MIN = "3.51.3";

/** What the group commit needs of a database. Tests put faults between the two. */
export interface Connection {
  begin(mode: "read" | "write"): void;
  commit(): void;
  /** Undoes the transaction if one is open. */
  rollback(): void;
  /** Runs a control statement: savepoints, pragmas, migrations. */
  control(sql: string): void;
  /** Runs one statement of a procedure. */
  execute(request: TxRequest, caller: Caller): TxReply;
  readonly isInTransaction: boolean;
  /** Drops the connection, whatever its state, and opens the file again. Throws when that fails. */
  reopen(): void;
  close(): void;
}

interface CachedStatement {
  readonly statement: StatementSync;
  readonly paramCount: number;
  readonly writes: boolean;
}

/**
 * Opens (and creates, for this user only) the file, or a private database in memory for ":memory:".
 */
export function openConnection(location: string): Connection {
  assertSqliteVersion();
  if (location !== ":memory:") closeSync(openSync(location, "a", 0o600));
  return new SqliteConnection(location);
}

class SqliteConnection implements Connection {
  readonly #location: string;
  #database: DatabaseSync;
  readonly #statements = new Map<string, CachedStatement>();
  readonly #controls = new Map<string, StatementSync>();

  constructor(location: string) {
    this.#location = location;
    this.#database = openDatabase(location);
  }

  begin(mode: "read" | "write"): void {
    this.control(mode === "write" ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED");
  }

  commit(): void {
    this.control("COMMIT");
  }

  rollback(): void {
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }

  control(sql: string): void {
    let statement = this.#controls.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#controls.set(sql, statement);
    }
    statement.run();
  }

  execute({ kind, sql, params }: TxRequest, caller: Caller): TxReply {
    const { statement, paramCount, writes } = this.#prepare(sql);
    if (writes) assertMayWrite(caller);
    assertSqlValues(params, paramCount);
    const bound: SQLInputValue[] = [];
    for (const value of params) bound.push(toSqlite(value));
    if (kind === "change") return Number(statement.run(...bound).changes);
    try {
      return statement.all(...bound) as readonly Row[];
    } catch (error) {
      throw isIntegerOutOfRange(error) ? integerTooLarge(error) : error;
    }
  }

  get isInTransaction(): boolean {
    return this.#database.isTransaction;
  }

  reopen(): void {
    this.close();
    this.#database = openDatabase(this.#location);
  }

  close(): void {
    this.#statements.clear();
    this.#controls.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): CachedStatement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const { text, paramCount, writes } = translateStatement(sql, "sqlite");
    const fresh = { statement: this.#database.prepare(text), paramCount, writes };
    if (this.#statements.size >= STORE_LIMITS.statementsMax) {
      const oldest = this.#statements.keys().next();
      if (oldest.done !== true) this.#statements.delete(oldest.value);
    }
    this.#statements.set(sql, fresh);
    return fresh;
  }
}

function openDatabase(location: string): DatabaseSync {
  const database = new DatabaseSync(location, {
    timeout: STORE_LIMITS.lockWaitMs,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
    allowExtension: false,
    defensive: true,
  });
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("PRAGMA trusted_schema = OFF");
  database.exec(`PRAGMA journal_size_limit = ${STORE_LIMITS.walBytesKept}`);
  // Every right edge of a table and an index is written with each commit: the less often they are
  // copied into the file, and that is flushed, the less of it is done for nothing.
  database.exec(`PRAGMA wal_autocheckpoint = ${STORE_LIMITS.walPagesMax}`);
  // What a statement or a call has to undo is else a file, once it is a few pages.
  database.exec("PRAGMA temp_store = MEMORY");
  assertPragma(database, "journal_mode", location === ":memory:" ? "memory" : "wal");
  assertPragma(database, "synchronous", 2);
  assertPragma(database, "foreign_keys", 1);
  return database;
}

function assertPragma(database: DatabaseSync, name: string, wanted: SqlValue): void {
  const found = Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  assert(found === wanted, `SQLite's ${name} is ${String(found)} instead of ${String(wanted)}`);
}

/**
 * Whole numbers bind as INTEGER: node:sqlite binds every number as REAL, which shows in
 * expressions.
 */
function toSqlite(value: SqlValue): SQLInputValue {
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value;
}

function assertSqliteVersion(): void {
  const probe = new DatabaseSync(":memory:");
  const found = String(probe.prepare("SELECT sqlite_version() AS version").get()?.["version"]);
  probe.close();
  assertVersionAtLeast({ engine: "SQLite", found, needed: SQLITE_VERSION_MIN });
}

/** Throws `STORE_ENGINE_TOO_OLD` when the dotted version `found` comes before `needed`. */
export function assertVersionAtLeast(options: {
  readonly engine: string;
  readonly found: string;
  readonly needed: string;
}): void {
  const parts = (text: string): number[] => text.split(".").map(Number);
  const [found, needed] = [parts(options.found), parts(options.needed)];
  const at = needed.findIndex((part, index) => part !== (found[index] ?? 0));
  if (at >= 0 && !((found[at] ?? 0) > (needed[at] ?? 0))) {
    throw storeError("STORE_ENGINE_TOO_OLD", { ...options });
  }
}
