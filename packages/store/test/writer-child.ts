/**
 * A process that adds to counters and says which additions were acknowledged, one line `name n`
 * each, until it is killed or has made its calls: `node writer-child.ts DIRECTORY WORKER_URL
 * WRITERS [CALLS_EACH]`. A refused call is a line `name REASON`, and the writer goes on; a store
 * that does not open is `open REASON`.
 * Where standard output is a file, a line is out before the next call.
 */
import assert from "node:assert/strict";
import { PlatformError, silentLog, systemClock } from "@skerry/base";
import { openSqliteStoreIn } from "../src/sqlite-store.ts";
import { conformanceSource, storeModule as conformance } from "./conformance-module.ts";

const [directory, workerUrl, writers, callsEach] = process.argv.slice(2);
assert.ok(directory !== undefined && workerUrl !== undefined && writers !== undefined);

const deps = { log: silentLog(), clock: systemClock() };
const options = { directory, modules: [conformanceSource] };
const store = await openSqliteStoreIn(deps, options, new URL(workerUrl)).catch(
  (error: unknown): never => {
    assert.ok(PlatformError.is(error), String(error));
    process.stdout.write(`open ${error.reason}\n`);
    process.exit(0);
  },
);

async function addOnce(name: string): Promise<number | string> {
  try {
    return await store.call(conformance, "add", { name, by: 1 });
  } catch (error) {
    if (PlatformError.is(error)) return error.reason;
    throw error;
  }
}

async function write(name: string): Promise<void> {
  const calls = Number(callsEach ?? Number.POSITIVE_INFINITY);
  for (let made = 0; made < calls; made += 1) {
    process.stdout.write(`${name} ${await addOnce(name)}\n`);
  }
}

await Promise.all(Array.from({ length: Number(writers) }, (_, at) => write(`writer${at}`)));
await store.close();
