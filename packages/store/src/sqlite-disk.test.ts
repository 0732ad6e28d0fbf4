import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { conformanceSource, storeModule as conformance } from "../test/conformance-module.ts";
import { storeDeps, temporaryDirectory } from "../test/places.ts";
import { openSqliteStore } from "./index.ts";

const WRITER = fileURLToPath(new URL("../test/writer-child.ts", import.meta.url));
const FILLER = fileURLToPath(new URL("../test/full-disk-child.ts", import.meta.url));
const HONEST = new URL("./sqlite-worker.ts", import.meta.url).href;

/** Outside CI a tool that a machine lacks skips its test; in CI it fails. */
function lacks(command: string, args: readonly string[]): string | false {
  const isThere = spawnSync(command, args, { stdio: "ignore" }).status === 0;
  return !isThere && process.env["CI"] === undefined && `${command} cannot be used here`;
}

const NO_STRACE = lacks("strace", ["-o", "/dev/null", "true"]);
const NO_MOUNT = lacks("unshare", ["-Urm", "true"]);

const DEAF = new URL("../test/deaf-worker.ts", import.meta.url).href;

/** What the one writer was told, with the n-th flush of the whole process failing. */
function writeWithFailedFlush(options: {
  readonly directory: string;
  readonly worker: string;
  readonly nth: number;
}): readonly string[] {
  const { directory, worker, nth } = options;
  const inject = `inject=fsync,fdatasync:error=EIO:when=${nth}`;
  const strace = ["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject];
  const writer = [process.execPath, WRITER, directory, worker, "1", "30"];
  const output = execFileSync("strace", [...strace, ...writer], { encoding: "utf8" });
  const lines = output.trim().split("\n");
  return lines.map((line) => line.slice(line.indexOf(" ") + 1));
}

const isAcknowledged = (result: string): boolean => /^\d+$/.test(result);

for (let nth = 1; nth <= 14; nth += 1) {
  const title = `when flush ${nth} fails, no lost write was acknowledged and the store heals`;
  test(title, { skip: NO_STRACE }, async (t) => {
    const directory = temporaryDirectory();
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const results = writeWithFailedFlush({ directory, worker: HONEST, nth });
    const refused = results.filter((result) => !isAcknowledged(result));
    t.diagnostic(`refused: ${refused.join(", ") || "nothing"}`);
    const store = await openSqliteStore(storeDeps, { directory, modules: [conformanceSource] });
    const row = await store.call(conformance, "readCounter", { name: "writer0" });
    await store.close();
    if (results[0] === "STORE_UNAVAILABLE") return assert.equal(row, undefined);
    const acknowledged = results.filter(isAcknowledged);
    assert.equal(new Set(acknowledged).size, acknowledged.length, "no addition was forgotten");
    assert.equal(row?.n, Number(acknowledged.at(-1)));
    assert.ok(acknowledged.length >= 29);
    assert.ok(refused.every((reason) => reason === "STORE_OUTCOME_UNKNOWN"));
  });
}

test("control: a store deaf to a failed commit is caught forgetting", { skip: NO_STRACE }, (t) => {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const results = writeWithFailedFlush({ directory, worker: DEAF, nth: 12 });
  assert.ok(new Set(results).size < results.length);
});

test("a full disk is a typed error, reads go on, freed space is used", { skip: NO_MOUNT }, () => {
  const script = 'mount -t tmpfs -o size=3m none "$1" && shift && exec "$@"';
  const directory = temporaryDirectory();
  try {
    const child = [process.execPath, FILLER, directory];
    const args = ["-Urm", "sh", "-c", script, "sh", directory, ...child];
    const output = execFileSync("unshare", args, { encoding: "utf8" });
    assert.deepEqual(JSON.parse(output), {
      whenFull: "STORE_DISK_FULL",
      readWhenFull: 1,
      isWholeWhenFull: true,
      afterFreeing: 2,
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
