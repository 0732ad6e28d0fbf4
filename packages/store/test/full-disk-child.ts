/**
 * Fills the small file system that it is given, around an open store, and says what the store did.
 */
import assert from "node:assert/strict";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openSqliteStore } from "../src/index.ts";
import { reasonOf } from "./conformance.ts";
import { conformanceSource, storeModule as conformance } from "./conformance-module.ts";
import { storeDeps } from "./places.ts";

const directory = process.argv[2];
assert.ok(directory !== undefined);
const filler = join(directory, "filler");

/** Writes until the file system has no space left. */
function fillDisk(): void {
  const handle = openSync(filler, "w");
  const block = Buffer.alloc(4096, 1);
  try {
    for (;;) writeSync(handle, block);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(handle);
  }
}

const store = await openSqliteStore(storeDeps, {
  directory: join(directory, "store"),
  modules: [conformanceSource],
});
await store.call(conformance, "add", { name: "a", by: 1 });
fillDisk();
const large = { from: 0, count: 200, text: "x".repeat(4_000) };
const filling = store.call(conformance, "fillValues", large);
const reading = store.call(conformance, "readCounter", { name: "a" });
const whenFull = await reasonOf(filling);
const readWhenFull = (await reading)?.n;
const count = { sql: "SELECT COUNT(*) AS rows FROM conf_values", params: [] };
const rows = await store.call(conformance, "statement", count);
rmSync(filler);
const afterFreeing = await store.call(conformance, "add", { name: "a", by: 1 });
await store.close();
const isWholeWhenFull = rows[0]?.["rows"] === 0;
const seen = { whenFull, readWhenFull, isWholeWhenFull, afterFreeing };
writeSync(1, JSON.stringify(seen));
