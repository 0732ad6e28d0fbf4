import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { reasonOf } from "../test/conformance.ts";
import { conformanceSource, storeModule as conformance } from "../test/conformance-module.ts";
import { storeDeps, temporaryDirectory } from "../test/places.ts";
import { assertVersionAtLeast } from "./sqlite-connection.ts";
import { openMemoryStore, openSqliteStore, type Store } from "./index.ts";

function place(t: TestContext): string {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string): Promise<Store> {
  return openSqliteStore(storeDeps, { directory, modules: [conformanceSource] });
}

test("a directory of format 1 opens with every row it had", async (t) => {
  const directory = place(t);
  cpSync(new URL("../testdata/format-1", import.meta.url), directory, { recursive: true });
  const store = await open(directory);
  assert.deepEqual(await store.call(conformance, "listNames", { limit: 9 }), ["kept", "wæl"]);
  const row = await store.call(conformance, "readCounter", { name: "kept" });
  assert.deepEqual(row, { n: 41, note: "none" });
  const value = await store.call(conformance, "statement", {
    sql: "SELECT id, t, n, r, b FROM conf_values",
    params: [],
  });
  const kept = {
    id: 1,
    t: "fjærd 🏝",
    n: Number.MAX_SAFE_INTEGER,
    r: 0.5,
    b: Uint8Array.of(0, 255),
  };
  assert.deepEqual(value, [kept]);
  await store.close();
});

test("a directory of a newer format is refused before a database is touched", async (t) => {
  const directory = place(t);
  await (await open(directory)).close();
  writeFileSync(join(directory, "store.json"), '{ "format": 2 }');
  const before = readFileSync(join(directory, "state.db"));
  assert.equal(await reasonOf(open(directory)), "STORE_FORMAT_NEWER");
  assert.deepEqual(readFileSync(join(directory, "state.db")), before);
});

for (const text of ["", "{", "[]", '{"format":"1"}', '{"format":0}', '{"format":1.5}', "null"]) {
  test(`a manifest that reads ${JSON.stringify(text)} is refused`, async (t) => {
    const directory = place(t);
    writeFileSync(join(directory, "store.json"), text);
    assert.equal(await reasonOf(open(directory)), "STORE_FORMAT_UNREADABLE");
  });
}

test("a directory that is open cannot be opened a second time", async (t) => {
  const directory = place(t);
  const store = await open(directory);
  assert.equal(await reasonOf(open(directory)), "STORE_IN_USE");
  assert.equal(await store.call(conformance, "add", { name: "still", by: 1 }), 1);
  await store.close();
  await (await open(directory)).close();
});

test("the store's files are readable by their owner only", async (t) => {
  const directory = place(t);
  const store = await open(directory);
  await store.call(conformance, "add", { name: "a", by: 1 });
  for (const name of ["state.db", "state.db-wal", "store.json"]) {
    assert.equal(statSync(join(directory, name)).mode & 0o077, 0, name);
  }
  await store.close();
});

test("a file that is no database is refused as damaged", async (t) => {
  const directory = place(t);
  writeFileSync(
    join(directory, "state.db"),
    "not a database, but long enough to be read as one".repeat(99),
  );
  assert.equal(await reasonOf(open(directory)), "STORE_CORRUPT");
});

test("a store in memory serves calls and leaves nothing behind", async () => {
  const first = await openMemoryStore(storeDeps, { modules: [conformanceSource] });
  assert.equal(await first.call(conformance, "add", { name: "a", by: 1 }), 1);
  await first.close();
  const second = await openMemoryStore(storeDeps, { modules: [conformanceSource] });
  assert.deepEqual(await second.call(conformance, "listNames", { limit: 1 }), []);
  await second.close();
});

test("versions compare by number, part by part", () => {
  const isTooOld = (found: string): boolean => {
    try {
      assertVersionAtLeast({ engine: "SQLite", found, needed: "3.51.3" });
      return false;
    } catch {
      return true;
    }
  };
  assert.deepEqual(
    ["3.9.9", "3.51.2", "3.40.1", "2.99.99", "3.51"].map(isTooOld),
    Array(5).fill(true),
  );
  assert.deepEqual(["3.51.3", "3.51.10", "3.53.0", "4.0.0"].map(isTooOld), Array(4).fill(false));
});
