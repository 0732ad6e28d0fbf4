import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonOf, testStoreConformance } from "../test/conformance.ts";
import { dyingSource, storeModule as dying } from "../test/dying-module.ts";
import { sqlitePlace } from "../test/places.ts";

testStoreConformance("sqlite", sqlitePlace);

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
