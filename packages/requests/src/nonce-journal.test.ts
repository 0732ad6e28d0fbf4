import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { silentLog, type Log } from "@skerry/base";
import { NonceJournal } from "./nonce-journal.ts";

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "skerry-nonces-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "nonces");
}

function open(t: TestContext, directory: string, writer: string, log: Log = silentLog()) {
  const journal = new NonceJournal(log, { directory, writer });
  t.after(() => journal.close());
  return journal;
}

test("a nonce is one gateway's, whoever of them is asked next", (t) => {
  const directory = directoryOf(t);
  const [one, other] = [open(t, directory, "one"), open(t, directory, "other")];
  const of = { key: "a", nonce: "n", timeS: 1_000 };
  assert.equal(one.claim(of), true);
  assert.equal(other.claim(of), false);
  assert.equal(other.claim(of), false);
  assert.equal(open(t, directory, "later").claim(of), false);
  assert.equal(other.claim({ ...of, nonce: "m" }), true);
  assert.equal(other.claim({ ...of, key: "b" }), true, "another key's are its own");
  const apart = open(t, directoryOf(t), "other");
  assert.equal(apart.claim(of), true, "the control: who shares nothing takes it again");
});

test("a span ends with the tickets that it is of", (t) => {
  const directory = directoryOf(t);
  const journal = open(t, directory, "one");
  for (const timeS of [0, 120, 240, 360]) {
    assert.equal(journal.claim({ key: "a", nonce: "n", timeS }), true);
  }
  assert.deepEqual(readdirSync(directory).toSorted(), ["2.used", "3.used"]);
  const before = { key: "a", nonce: "n", timeS: 239 };
  assert.equal(open(t, directory, "other").claim(before), true, "nobody asks: its time is over");
});

test("where it cannot be written, gateways go on by themselves, and the log says so once", (t) => {
  const directory = directoryOf(t);
  writeFileSync(directory, "no directory");
  const warned: string[] = [];
  const log = { ...silentLog(), warn: (what: string) => void warned.push(what) };
  const journal = open(t, directory, "one", log);
  for (const nonce of ["a", "b"]) {
    assert.equal(journal.claim({ key: "a", nonce, timeS: 1_000 }), true);
  }
  assert.equal(warned.length, 1);
});

const RACER = `
const { parentPort, workerData } = require("node:worker_threads");
const { url, directory, writer, count } = workerData;
import(url).then(({ NonceJournal }) => {
  const log = { warn: (what) => { throw new Error(what); } };
  const journal = new NonceJournal(log, { directory, writer });
  parentPort.once("message", () => {
    const won = [];
    for (let n = 0; n < count; n += 1)
      if (journal.claim({ key: "a", nonce: String(n), timeS: 1000 })) won.push(n);
    journal.close();
    parentPort.postMessage(won);
  });
  parentPort.postMessage("ready");
});
`;

test("of those that claim at the same time one wins each", async (t) => {
  const [directory, count] = [directoryOf(t), 2_000];
  const url = new URL("nonce-journal.ts", import.meta.url).href;
  const workers = ["one", "two", "three"].map(
    (writer) => new Worker(RACER, { eval: true, workerData: { url, directory, writer, count } }),
  );
  const said = async () =>
    await Promise.all(
      workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))),
    );
  await said();
  const won = said();
  for (const worker of workers) worker.postMessage("go");
  const all = ((await won) as readonly (readonly number[])[]).flat();
  await Promise.all(workers.map((worker) => worker.terminate()));
  assert.deepEqual(
    all.toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  );
});
