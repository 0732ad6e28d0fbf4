/**
 * Writes the files of a release, to be kept for the test that opens them with every later release:
 * `node packages/store/test/make-fixture.ts packages/store/testdata/format-N`. Run once per format,
 * never again.
 */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openSqliteStore } from "../src/index.ts";
import { conformanceSource, storeModule as conformance } from "./conformance-module.ts";
import { storeDeps } from "./places.ts";

const directory = process.argv[2];
assert.ok(
  directory !== undefined && !existsSync(directory),
  "name a directory that is not there yet",
);

const store = await openSqliteStore(storeDeps, { directory, modules: [conformanceSource] });
await store.call(conformance, "add", { name: "kept", by: 41 });
await store.call(conformance, "add", { name: "wæl", by: 1 });
const value = { t: "fjærd 🏝", n: Number.MAX_SAFE_INTEGER, r: 0.5, b: Uint8Array.of(0, 255) };
await store.call(conformance, "putValue", { id: 1, ...value });
await store.close();
rmSync(join(directory, "store.lock"));
