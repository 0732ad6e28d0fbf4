import assert from "node:assert/strict";
import { test } from "node:test";
import { pendingMigrations } from "./migrations.ts";
import type { StoreModule } from "./port.ts";

const MODULE: StoreModule = {
  name: "notes",
  database: "state",
  procedures: {},
  migrations: [
    { version: 1, sql: ["CREATE TABLE notes (at @integer)"] },
    { version: 2, sql: ["INSERT INTO notes (at) VALUES (1)"], sqlite: ["DROP INDEX notes_by_at"] },
  ],
};

test("what is SQLite's alone is done there, behind what is done on both", () => {
  const stepsOn = (dialect: "sqlite" | "postgres", found: number) =>
    pendingMigrations({
      ...{ modules: [MODULE], dialect },
      applied: new Map([
        ["store", 1],
        ["notes", found],
      ]),
    }).map(({ version, statements }) => [version, ...statements]);
  const insert = "INSERT INTO notes (at) VALUES (1)";
  assert.deepEqual(stepsOn("sqlite", 1), [[2, insert, "DROP INDEX notes_by_at"]]);
  assert.deepEqual(stepsOn("postgres", 1), [[2, insert]]);
  assert.deepEqual(stepsOn("sqlite", 2), []);
});
