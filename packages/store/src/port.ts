/**
 * The store port. An engine states its tables and its transactions as plain values; a store runs
 * them.
 *
 * A transaction is a *named generator procedure*: it yields statements and receives their results,
 * so the same text runs synchronously inside the SQLite worker's group commit and asynchronously on
 * PostgreSQL. No transaction spans a thread hop, no connection is held while an engine thinks, and
 * nothing but SQL happens between begin and commit.
 *
 * A procedure may be run more than once for one call (retry after a conflict); only the last run
 * counts. It therefore must be a function of `tx` and `args` alone: ids, the time and randomness
 * come in through `args`.
 */

/**
 * What a column or a parameter may hold. Whole numbers must lie within ±(2^53 − 1); anything else
 * is refused with `STORE_VALUE_REFUSED`, in both directions. Truth is 0 or 1. Text is well-formed
 * Unicode without NUL.
 */
export type SqlValue = string | number | null | Uint8Array;

export type Row = Readonly<Record<string, SqlValue>>;

/** One statement that a procedure yields. Made by `Tx` only. */
export interface TxRequest {
  readonly kind: "rows" | "change";
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** What a store sends back into the generator: the rows, or the number of rows changed. */
export type TxReply = readonly Row[] | number;

/** What every `Tx` method returns; use it with `yield*`. */
export type TxStep<T> = Generator<TxRequest, T, TxReply>;

/**
 * One transaction, as seen by a procedure. SQL is the portable subset described in this package's
 * README, with `?` for parameters. A statement that fails ends the procedure and rolls it back: it
 * cannot be caught inside.
 */
export interface Tx {
  /**
   * All rows, in the order of the statement's ORDER BY. Also for INSERT, UPDATE, DELETE …
   * RETURNING.
   */
  all<T extends Record<keyof T, SqlValue> = Row>(
    sql: string,
    params?: readonly SqlValue[],
  ): TxStep<readonly T[]>;
  /** The first row, or undefined. */
  get<T extends Record<keyof T, SqlValue> = Row>(
    sql: string,
    params?: readonly SqlValue[],
  ): TxStep<T | undefined>;
  /** The number of rows inserted, updated or deleted. */
  run(sql: string, params?: readonly SqlValue[]): TxStep<number>;
}

/** One transaction of an engine. `args` and the result are structured-cloneable plain values. */
export type Procedure<Args, Result> = (tx: Tx, args: Args) => TxStep<Result>;

export type Procedures = Readonly<Record<string, Procedure<never, unknown>>>;

/** Which file (SQLite) a module's tables live in. On PostgreSQL all three share one schema. */
export type DatabaseName = "state" | "ledger" | "telemetry";

/** One step of a module's tables. Versions count 1, 2, 3 …; a landed migration is never edited. */
export interface Migration {
  readonly version: number;
  /**
   * CREATE TABLE, CREATE INDEX, ALTER TABLE … ADD COLUMN, INSERT, UPDATE; nothing that takes away.
   */
  readonly sql: readonly string[];
  /**
   * Then done on SQLite alone, where no platform of an earlier release has the same tables: it may
   * take away as well, and never what `sql` of any version made that a procedure names.
   */
  readonly sqlite?: readonly string[];
}

/**
 * An engine's tables and transactions. Lives in a module of its own, exported as `storeModule`,
 * that imports nothing with side effects, because the SQLite worker imports it again by URL.
 */
export interface StoreModule<P extends Procedures = Procedures> {
  /** Stable: migrations are recorded under it. */
  readonly name: string;
  readonly database: DatabaseName;
  readonly migrations: readonly Migration[];
  readonly procedures: P;
  /** Names of the procedures that only read: they may not write, and never cost a flush. */
  readonly reads?: readonly (keyof P & string)[];
}

export type ArgsOf<P> = P extends (tx: Tx, args: infer Args) => TxStep<unknown> ? Args : never;
export type ResultOf<P> = P extends (tx: Tx, args: never) => TxStep<infer Result> ? Result : never;

export interface Store {
  /**
   * Runs one procedure of an opened module as one transaction, as if alone; resolves after its
   * commit is durable. Rejects with a PlatformError. One thrown by the procedure rolls back that
   * procedure alone and arrives with code, reason and details intact. Beyond the bounded backlog:
   * `STORE_BACKLOG_FULL`. Except for `STORE_OUTCOME_UNKNOWN`, a rejection means that nothing was
   * written.
   */
  call<M extends StoreModule, K extends keyof M["procedures"] & string>(
    module: M,
    name: K,
    args: ArgsOf<M["procedures"][K]>,
  ): Promise<ResultOf<M["procedures"][K]>>;
  /**
   * Refuses new calls, lets accepted ones finish, closes files and connections. May be called
   * twice.
   */
  close(): Promise<void>;
}

/** A module to open, with the file URL under which the SQLite worker imports it. */
export interface ModuleSource {
  readonly module: StoreModule;
  readonly url: string;
}

/**
 * Gives a module its exact type. Equal to `satisfies StoreModule` for those that may import types
 * only.
 */
export function defineStoreModule<const M extends StoreModule>(module: M): M {
  return module;
}
