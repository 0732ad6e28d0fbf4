import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "@skerry/base";
import { translateMigration, translateRebuild, translateStatement } from "./portable-sql.ts";

const SAME: readonly (readonly [portable: string, postgres: string, params: number])[] = [
  ["SELECT a FROM t WHERE b = ? AND c = ?", "SELECT a FROM t WHERE b = $1 AND c = $2", 2],
  ["SELECT '?', \"?\" FROM t -- ?\nWHERE a = ?", "SELECT '?', \"?\" FROM t -- ?\nWHERE a = $1", 1],
  ["SELECT 'it''s ?;' /* ? ; @text */", "SELECT 'it''s ?;' /* ? ; @text */", 0],
  ["SELECT CAST(? AS @text), 'a@text'", "SELECT CAST($1 AS TEXT), 'a@text'", 1],
];

for (const [portable, expected, paramCount] of SAME) {
  test(`translates ${JSON.stringify(portable)}`, () => {
    const { text, paramCount: found } = translateStatement(portable, "postgres");
    assert.deepEqual([text, found], [expected, paramCount]);
    assert.equal(translateStatement(portable, "sqlite").paramCount, paramCount);
  });
}

test("tables are strict on SQLite, and text has byte order on PostgreSQL", () => {
  const sql = "CREATE TABLE t (a @text PRIMARY KEY, b @integer, c @bytes, d @real)";
  assert.equal(
    translateMigration(sql, "sqlite"),
    "CREATE TABLE t (a TEXT PRIMARY KEY, b INTEGER, c BLOB, d REAL) STRICT",
  );
  assert.equal(
    translateMigration(sql, "postgres"),
    'CREATE TABLE t (a TEXT COLLATE "C" PRIMARY KEY, b BIGINT, c BYTEA, d DOUBLE PRECISION)',
  );
});

test("a statement that writes is known as one wherever the word stands", () => {
  const writes = (sql: string): boolean => translateStatement(sql, "sqlite").writes;
  assert.equal(writes("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"), true);
  assert.equal(writes("WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x"), true);
  assert.equal(writes("SELECT updated, deleted_at, 'insert' FROM t -- delete"), false);
});

const REFUSED_MIGRATIONS = [
  "DROP TABLE t",
  "ALTER TABLE t DROP COLUMN a",
  "ALTER TABLE t RENAME TO u",
  "DELETE FROM t",
  "CREATE TABLE t (a @blob)",
  "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
  "CREATE TABLE t (a @text); DROP TABLE u",
];

for (const sql of REFUSED_MIGRATIONS) {
  test(`a migration may not say ${sql}`, () => {
    const isRefusal = (error: unknown): boolean =>
      PlatformError.is(error) && error.reason === "STORE_STATEMENT_REFUSED";
    assert.throws(() => translateMigration(sql, "sqlite"), isRefusal);
  });
}

test("a migration of SQLite's own may replace a table, and nothing else", () => {
  assert.equal(translateRebuild("DROP TABLE t"), "DROP TABLE t");
  assert.equal(translateRebuild("ALTER TABLE u RENAME TO t"), "ALTER TABLE u RENAME TO t");
  assert.equal(translateRebuild("CREATE TABLE t (a @text)"), "CREATE TABLE t (a TEXT) STRICT");
  for (const sql of ["DELETE FROM t", "DROP TRIGGER t", "DROP TABLE t; DROP TABLE u"]) {
    assert.throws(() => translateRebuild(sql), { reason: "STORE_STATEMENT_REFUSED" });
  }
});
