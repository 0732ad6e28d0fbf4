/**
 * SQL is written once. This module turns the portable text into one engine's dialect: `?` stays for
 * SQLite and becomes `$n` for PostgreSQL, column types are tokens, and what does not mean the same
 * on both is refused.
 *
 * Tokens: `@text`, `@integer`, `@real`, `@bytes`. Text compares by code point on both engines,
 * hence COLLATE "C" on PostgreSQL; tables are STRICT on SQLite, so that both refuse a value of the
 * wrong type.
 */
import { storeError } from "./errors.ts";

export type Dialect = "sqlite" | "postgres";

export interface EngineSql {
  readonly text: string;
  readonly paramCount: number;
  /** True when the statement may change rows. */
  readonly writes: boolean;
}

const COLUMN_TYPES: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  sqlite: { text: "TEXT", integer: "INTEGER", real: "REAL", bytes: "BLOB" },
  postgres: {
    text: 'TEXT COLLATE "C"',
    integer: "BIGINT",
    real: "DOUBLE PRECISION",
    bytes: "BYTEA",
  },
};

/**
 * Literals, quoted names, comments, parameters, tokens, separators and words; the rest passes
 * unseen.
 */
const PIECES =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\?|(?:\bAS\s+)?@[a-z]+|;|\b\w+\b/gi;
const WRITING_WORD = /^(?:INSERT|UPDATE|DELETE)$/i;
/** SQLite's LIKE ignores case, PostgreSQL's does not; the others exist on one of them only. */
const DIALECT_WORD = /^(?:LIKE|ILIKE|GLOB|REGEXP)$/i;
const PLAIN_WORD = /^\w+$/;

/** Pieces whose inside is not SQL. */
const OPAQUE = /^(?:'|"|--|\/\*)/;

const STATEMENT_START = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|VALUES)\b/i;
const MIGRATION_START =
  /^\s*(?:CREATE (?:TABLE|(?:UNIQUE )?INDEX)|ALTER TABLE \w+ ADD COLUMN|INSERT|UPDATE)\b/i;
const REBUILD_START = /^\s*(?:DROP (?:TABLE|INDEX)|ALTER TABLE \w+ RENAME TO)\b/i;
const CREATE_TABLE = /^\s*CREATE\s+TABLE\b/i;

/** One statement of a procedure. Throws `STORE_STATEMENT_REFUSED`. */
export function translateStatement(sql: string, dialect: Dialect): EngineSql {
  if (!STATEMENT_START.test(sql)) {
    throw refuse("procedures select, insert, update and delete only", sql);
  }
  return translate(sql, dialect);
}

/** One statement of a migration on SQLite alone: it may replace a table, too. */
export function translateRebuild(sql: string): string {
  return REBUILD_START.test(sql)
    ? translate(sql, "sqlite").text
    : translateMigration(sql, "sqlite");
}

/**
 * One statement of a migration. Throws `STORE_STATEMENT_REFUSED`, also for whatever takes something
 * away.
 */
export function translateMigration(sql: string, dialect: Dialect): string {
  if (!MIGRATION_START.test(sql)) {
    throw refuse("migrations create and add only, so that the last release keeps working", sql);
  }
  const { text, paramCount } = translate(sql, dialect);
  if (paramCount > 0) throw refuse("a migration takes no parameters", sql);
  return dialect === "sqlite" && CREATE_TABLE.test(text) ? `${text.trimEnd()} STRICT` : text;
}

function translate(sql: string, dialect: Dialect): EngineSql {
  let paramCount = 0;
  let writes = false;
  const text = sql.replaceAll(PIECES, (piece) => {
    if (piece === "?") {
      paramCount += 1;
      return dialect === "postgres" ? `$${paramCount}` : piece;
    }
    if (piece === ";") throw refuse("one statement at a time, without a semicolon", sql);
    if (DIALECT_WORD.test(piece)) throw refuse(`${piece} differs between the engines`, sql);
    if (PLAIN_WORD.test(piece)) {
      writes ||= WRITING_WORD.test(piece);
      return piece;
    }
    return OPAQUE.test(piece) ? piece : columnType(piece, dialect, sql);
  });
  return { text, paramCount, writes };
}

/** A cast names the bare type: a collation there is a syntax error on PostgreSQL. */
function columnType(piece: string, dialect: Dialect, sql: string): string {
  const at = piece.indexOf("@");
  const type = COLUMN_TYPES[dialect][piece.slice(at + 1).toLowerCase()];
  if (type === undefined) throw refuse(`unknown token ${piece.slice(at)}`, sql);
  return at > 0 ? `AS ${type.replace(/ COLLATE.*/, "")}` : type;
}

function refuse(problem: string, sql: string): Error {
  return storeError("STORE_STATEMENT_REFUSED", { problem, sql: sql.slice(0, 200) });
}
