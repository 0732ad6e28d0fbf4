import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, watch } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test, type TestContext } from "node:test";
import { seededRandom } from "@skerry/base";
import { conformanceSource, storeModule as conformance } from "../test/conformance-module.ts";
import { storeDeps, temporaryDirectory } from "../test/places.ts";
import { openSqliteStore } from "./index.ts";

const CHILD = fileURLToPath(new URL("../test/writer-child.ts", import.meta.url));
const HONEST = new URL("./sqlite-worker.ts", import.meta.url);
const EARLY = new URL("../test/early-ack-worker.ts", import.meta.url);
const WRITERS = 8;
const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20_261_121);

/**
 * Runs a writer until it has acknowledged `killAfter` additions, kills it, and returns the last of
 * each counter. It tells a file, because lines for a pipe may wait in the writer and die with it.
 */
async function writeUntilKilled(options: {
  readonly directory: string;
  readonly worker: URL;
  readonly killAfter: number;
}): Promise<ReadonlyMap<string, number>> {
  const args = [CHILD, options.directory, options.worker.href, String(WRITERS)];
  const told = join(options.directory, "told");
  const output = openSync(told, "w");
  const child = spawn(process.execPath, args, { stdio: ["ignore", output, "inherit"] });
  closeSync(output);
  const watcher = watch(told, () => {
    if (linesIn(told) >= options.killAfter) child.kill("SIGKILL");
  });
  await once(child, "exit");
  watcher.close();
  assert.equal(child.signalCode, "SIGKILL", "the writer ended by itself");
  return lastOfEach(readFileSync(told, "utf8"));
}

function linesIn(path: string): number {
  return readFileSync(path, "utf8").split("\n").length - 1;
}

function lastOfEach(text: string): ReadonlyMap<string, number> {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const pairs = whole.matchAll(/^(\w+) (\d+)$/gm);
  return new Map(Array.from(pairs, ([, name = "", n]) => [name, Number(n)]));
}

/** How many acknowledged additions the reopened store does not have. */
async function lostOf(
  directory: string,
  acknowledged: ReadonlyMap<string, number>,
): Promise<number> {
  const store = await openSqliteStore(storeDeps, { directory, modules: [conformanceSource] });
  try {
    let lost = 0;
    for (const [name, n] of acknowledged) {
      const row = await store.call(conformance, "readCounter", { name });
      const kept = row?.n ?? 0;
      lost += Math.max(0, n - kept);
      assert.ok(kept <= n + 1, `${name} has ${kept}; ${n} and one in flight were asked for`);
    }
    return lost;
  } finally {
    await store.close();
  }
}

/** How many were lost in so many rounds, or by the first one that loses any. */
async function lostOverRounds(
  t: TestContext,
  options: { readonly worker: URL; readonly rounds: number },
): Promise<number> {
  t.diagnostic(`seed ${SEED}; replay with SKERRY_TEST_SEED=${SEED}`);
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const random = seededRandom(SEED);
  let lost = 0;
  for (let round = 0; round < options.rounds && lost === 0; round += 1) {
    const killAfter = 1 + Math.floor(random.float() * 600);
    const { worker } = options;
    const acknowledged = await writeUntilKilled({ directory, worker, killAfter });
    lost += await lostOf(directory, acknowledged);
  }
  return lost;
}

test("kill -9 at 20 random moments loses nothing that was acknowledged", async (t) => {
  assert.equal(await lostOverRounds(t, { worker: HONEST, rounds: 20 }), 0);
});

test("control: a store that answers before its commit is caught losing writes", async (t) => {
  // One kill in six comes between two commits, where even such a store has lost nothing.
  assert.ok((await lostOverRounds(t, { worker: EARLY, rounds: 30 })) > 0);
});
