/** One attempt at one procedure on one connection of PostgreSQL. */
import { createHash } from "node:crypto";
import { PlatformError } from "@skerry/base";
import type { PoolClient, QueryResult } from "pg";
import { storeError } from "./errors.ts";
import { STORE_LIMITS } from "./limits.ts";
import { translateStatement, type EngineSql } from "./portable-sql.ts";
import type { Row, TxReply, TxRequest } from "./port.ts";
import { postgresFault, type PostgresFault, type PostgresStage } from "./postgres-faults.ts";
import { assertMayWrite, procedureError, tx, type RunnableProcedure } from "./procedure.ts";
import { assertSqlValues } from "./values.ts";

/**
 * SERIALIZABLE, so that every transaction runs as if alone, as it does on SQLite: a procedure that
 * is right on one engine is right on the other. The price is a retry where two of them really met.
 */
const BEGIN_WRITE = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE";
const BEGIN_READ = "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY";

export type AttemptOutcome =
  | { readonly kind: "done"; readonly result: unknown }
  | { readonly kind: "failed"; readonly fault: PostgresFault };

interface PreparedSql extends EngineSql {
  /** Undefined once the server holds as many prepared statements as it should. */
  readonly name: string | undefined;
}

/** Translated statements by their portable text, shared by the connections of a pool. */
export class StatementNames {
  readonly #known = new Map<string, PreparedSql>();

  prepare(sql: string): PreparedSql {
    const known = this.#known.get(sql);
    if (known !== undefined) return known;
    const translated = translateStatement(sql, "postgres");
    if (this.#known.size >= STORE_LIMITS.statementsMax) return { ...translated, name: undefined };
    const name = createHash("sha256").update(translated.text).digest("hex").slice(0, 40);
    const fresh = { ...translated, name };
    this.#known.set(sql, fresh);
    return fresh;
  }
}

/**
 * Begins, runs, commits; on any failure rolls back. The connection is clean after it unless it is
 * lost. Total.
 */
export async function attemptProcedure(
  deps: { readonly client: PoolClient; readonly statements: StatementNames },
  procedure: RunnableProcedure,
  args: unknown,
): Promise<AttemptOutcome> {
  const { client } = deps;
  let stage: PostgresStage = "body";
  try {
    await client.query(procedure.readOnly ? BEGIN_READ : BEGIN_WRITE);
    const result = await drive(deps, procedure, args);
    stage = "commit";
    await commit(client);
    return { kind: "done", result };
  } catch (thrown) {
    const { label, readOnly } = procedure;
    const fault = postgresFault(thrown, { procedure: label, stage, readOnly });
    if (fault.isConnectionLost || (await rollback(client))) return { kind: "failed", fault };
    return { kind: "failed", fault: { ...fault, isConnectionLost: true } };
  }
}

async function drive(
  deps: { readonly client: PoolClient; readonly statements: StatementNames },
  procedure: RunnableProcedure,
  args: unknown,
): Promise<unknown> {
  const generator = procedure.run(tx, plain(args, "arguments", procedure));
  let step = advance(generator, procedure, undefined);
  while (step.done !== true) {
    const reply = await execute(deps, procedure, step.value);
    step = advance(generator, procedure, reply);
  }
  return plain(step.value, "result", procedure);
}

/** Only what the procedure itself throws is the procedure's fault. */
function advance(
  generator: ReturnType<RunnableProcedure["run"]>,
  procedure: RunnableProcedure,
  reply: TxReply | undefined,
): IteratorResult<TxRequest, unknown> {
  try {
    return generator.next(reply as TxReply);
  } catch (thrown) {
    throw procedureError(procedure.label, thrown);
  }
}

/** The copy that a thread hop makes on the other engine: what cannot make it is refused on both. */
function plain(value: unknown, what: string, { label }: RunnableProcedure): unknown {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw storeError("STORE_NOT_CLONEABLE", { what, procedure: label }, cause);
  }
}

async function execute(
  deps: { readonly client: PoolClient; readonly statements: StatementNames },
  procedure: RunnableProcedure,
  { kind, sql, params }: TxRequest,
): Promise<TxReply> {
  const { text, name, paramCount, writes } = deps.statements.prepare(sql);
  if (writes) assertMayWrite(procedure);
  assertSqlValues(params, paramCount);
  const query = { text, values: [...params], ...(name === undefined ? {} : { name }) };
  const result: QueryResult<Row> = await deps.client.query<Row>(query);
  return kind === "rows" ? result.rows : (result.rowCount ?? 0);
}

/** A transaction that the server has given up answers COMMIT with ROLLBACK, and no error. */
async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query("COMMIT");
  if (command === "COMMIT") return;
  throw storeError("STORE_STATEMENT_FAILED", { procedure: "commit", problem: "rolled back" });
}

/** False when the connection did not even take the rollback. */
async function rollback(client: PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch (error) {
    // The server rolls back by itself when the connection ends, which is what the caller does next.
    return PlatformError.is(error);
  }
}
