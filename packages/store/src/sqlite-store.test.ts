import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { reasonOf, testStoreConformance } from "../test/conformance.ts";
import { openSqliteStoreHere, prepareSqliteStore } from "../src/index.ts";
import { conformanceSource, storeModule as conformance } from "../test/conformance-module.ts";
import { dyingSource, storeModule as dying } from "../test/dying-module.ts";
import { sqlitePlace, storeDeps, temporaryDirectory } from "../test/places.ts";

testStoreConformance("sqlite", () => sqlitePlace());
testStoreConformance("sqlite here", () => sqlitePlace(openSqliteStoreHere));

test("when the worker dies every waiting call is answered, and the store says it is gone", async () => {
  const place = sqlitePlace();
  const store = await place.open([dyingSource]);
  assert.equal(await store.call(dying, "write", { n: 1 }), 1);
  const calls = [store.call(dying, "write", { n: 2 }), store.call(dying, "die", {})];
  const reasons = await Promise.all(calls.map(reasonOf));
  assert.deepEqual(reasons, ["STORE_OUTCOME_UNKNOWN", "STORE_OUTCOME_UNKNOWN"]);
  assert.equal(await reasonOf(store.call(dying, "write", { n: 3 })), "STORE_UNAVAILABLE");
  await store.close();
  const again = await place.open([dyingSource]);
  assert.equal(await again.call(dying, "write", { n: 4 }), 1);
  await again.close();
  place.remove();
});

test("a prepared store has no file open before it is opened, and is one like any other then", async () => {
  const directory = temporaryDirectory();
  const prepared = prepareSqliteStore(storeDeps, [conformanceSource.url]);
  const place = { directory, modules: [conformanceSource] };
  const before = await prepareSqliteStore(storeDeps, []).open(place);
  await before.call(conformance, "add", { name: "one", by: 1 });
  await before.close();
  const store = await prepared.open(place);
  assert.equal(await store.call(conformance, "add", { name: "one", by: 1 }), 2);
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

test("what cannot be loaded ahead is told of by the store that is opened with it, and by no other", async () => {
  const directory = temporaryDirectory();
  const missing = new URL("absent-module.ts", import.meta.url).href;
  const store = await prepareSqliteStore(storeDeps, [missing]).open({
    directory,
    modules: [conformanceSource],
  });
  await store.close();
  const modules = [{ module: conformance, url: missing }];
  const other = temporaryDirectory();
  const opened = prepareSqliteStore(storeDeps, [missing]).open({ directory: other, modules });
  assert.equal(await reasonOf(opened), "INTERNAL_ERROR");
  assert.deepEqual(readdirSync(other), []);
  for (const made of [directory, other]) rmSync(made, { recursive: true, force: true });
});
