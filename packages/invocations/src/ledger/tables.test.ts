import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "@skerry/testkit/simulation";
import { PROGRESS_TABLES } from "./progress.ts";
import { LEDGER_TABLES, QUEUE_REBUILT } from "./tables.ts";

const BEFORE = [...LEDGER_TABLES, ...PROGRESS_TABLES];
/** Ready, held and to be cancelled, and blocked. */
const ROWS = `INSERT INTO ledger_queue (seq, id, function_id, account_id, phase, due_ms, expires_ms,
    ordering_key, attempt, counted, holder, request_id, started_ms, cancelled) VALUES
  (7, 'one', 'fn', 'acct', 0, 5, 9, NULL, 2, 1, NULL, NULL, NULL, 0),
  (8, 'two', 'fn', 'acct', 1, 6, 9, 'key', 1, 0, 'gateway', 'two', 4, 1),
  (9, 'three', 'fn', 'acct', 2, 6, 9, 'key', 0, 0, NULL, NULL, NULL, 0)`;

interface Index {
  readonly name: string;
  readonly sql: string | null;
}

test("what is open stays as it is when the queue's table is replaced, and so do its indexes", () => {
  const shown = (tables: readonly string[]) => {
    const store = new MemoryStore([...BEFORE, ROWS, ...tables]);
    try {
      return {
        rows: store.rows("SELECT * FROM ledger_queue ORDER BY seq"),
        indexes: store.rows<Index>(
          "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'ledger_queue' AND type = 'index'",
        ),
      };
    } finally {
      store.close();
    }
  };
  const [old, rebuilt] = [shown([]), shown(QUEUE_REBUILT)];
  assert.equal(old.rows.length, 3);
  assert.deepEqual(rebuilt.rows, old.rows);
  const named = old.indexes.filter(({ sql }) => sql !== null);
  assert.equal(named.length, old.indexes.length - 1, "the index of ids alone has no text");
  const held = rebuilt.indexes.filter(({ name }) => name === "ledger_held_ids");
  assert.equal(held.length, 1);
  assert.deepEqual(rebuilt.indexes, [...named, ...held]);
});
