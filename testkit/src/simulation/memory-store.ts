/**
 * Procedures of the store, run synchronously on an SQLite in memory, each as one transaction whose
 * fate the simulation chooses.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { SqlValue, Tx, TxReply, TxRequest, TxStep } from "@skerry/store";

/**
 * What becomes of a transaction: it is told; it is written, and who asked never hears of it; it is
 * undone in the middle; it is run, undone and run again.
 */
export type Fate = "told" | "answerLost" | "undone" | "ranTwice";

const TYPES: Readonly<Record<string, string>> = {
  text: "TEXT",
  integer: "INTEGER",
  real: "REAL",
  bytes: "BLOB",
};

function* request<T>(kind: TxRequest["kind"], sql: string, params: readonly SqlValue[]): TxStep<T> {
  return (yield { kind, sql, params }) as T;
}

const tx: Tx = {
  all: (sql, params = []) => request("rows", sql, params),
  *get<T>(sql: string, params: readonly SqlValue[] = []): TxStep<T | undefined> {
    return (yield* request<readonly T[]>("rows", sql, params))[0];
  },
  run: (sql, params = []) => request("change", sql, params),
};

export class MemoryStore {
  readonly #database = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();

  constructor(tables: readonly string[]) {
    for (const sql of tables) {
      const text = withTypes(sql);
      this.#database.exec(text.startsWith("CREATE TABLE") ? `${text} STRICT` : text);
    }
  }

  /** What it came to; nothing when the transaction was undone. Throws what a statement throws. */
  perform<Args, Result>(
    procedure: (tx: Tx, args: Args) => TxStep<Result>,
    args: Args,
    fate: Fate,
  ): readonly [] | readonly [Result] {
    if (fate === "ranTwice" || fate === "undone") {
      this.#transact(() => this.#drive(procedure(tx, args)), "ROLLBACK");
      if (fate === "undone") return [];
    }
    return [this.#transact(() => this.#drive(procedure(tx, args)), "COMMIT")];
  }

  /** Looks past the procedures at what is written. */
  rows<T>(sql: string): readonly T[] {
    return this.#statement(sql).all() as unknown as readonly T[];
  }

  close(): void {
    this.#database.close();
  }

  #transact<T>(work: () => T, end: "COMMIT" | "ROLLBACK"): T {
    this.#database.exec("BEGIN");
    try {
      const result = work();
      this.#database.exec(end);
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #drive<T>(steps: TxStep<T>): T {
    let step = steps.next();
    while (step.done !== true) step = steps.next(this.#execute(step.value));
    return step.value;
  }

  #execute({ kind, sql, params }: TxRequest): TxReply {
    const statement = this.#statement(sql);
    const bound = params.map((value): SQLInputValue =>
      Number.isInteger(value) ? BigInt(value as number) : value,
    );
    if (kind === "change") return Number(statement.run(...bound).changes);
    return statement.all(...bound) as TxReply;
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const fresh = this.#database.prepare(withTypes(sql));
    this.#statements.set(sql, fresh);
    return fresh;
  }
}

function withTypes(sql: string): string {
  return sql.replaceAll(/@([a-z]+)/g, (_, type: string) => TYPES[type] ?? type);
}
