/**
 * The ledger on the real store in processes of their own, ended by SIGKILL, by power cuts and
 * troubled by a failing disk. `tests/ledger/long-run.ts` does it many more times.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { Account, faultsOf } from "../../test/durability/account.ts";
import { lacksLoopDisk, LoopDisk } from "../../test/durability/loop-disk.ts";
import { endWriters, type RoundsOptions } from "../../test/durability/rounds.ts";
import { WriterProcess, type WriterOptions } from "../../test/durability/writer-process.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20_261_121);
const KILLS = 30;
const CUTS = 20;
const LINES = 100;
const TIMEOUT = { timeout: 240_000 };

async function faultsAfter(
  t: TestContext,
  options: Omit<RoundsOptions, "seed">,
): Promise<readonly string[]> {
  const { faults, ...counted } = await endWriters({ seed: SEED, ...options });
  t.diagnostic(`seed ${SEED}: ${JSON.stringify(counted)}`);
  if (faults.length === 0) assert.ok(counted.accepted > options.rounds * 10, "little was done");
  const { unsyncedBytesLost } = counted;
  if (options.disk === undefined) assert.equal(unsyncedBytesLost, 0, "a kill loses no write");
  else if (faults.length === 0) {
    assert.ok(unsyncedBytesLost > 0, "a cut that loses nothing proves nothing");
  }
  return faults;
}

test(`${KILLS} times kill -9 lose and halve nothing that was acknowledged`, TIMEOUT, async (t) => {
  assert.deepEqual(await faultsAfter(t, { rounds: KILLS }), []);
});

test("control: answers before the commit are caught", TIMEOUT, async (t) => {
  const faults = await faultsAfter(t, { rounds: 10, fault: "answers before it commits" });
  assert.match(faults.join(), /lost|no table is left/);
});

/** What a publish keeps under its key, which stands for no invocation. */
const PUBLISHED = `INSERT INTO ledger_keys
  (account_id, function_id, key, id, digest, expires_ms, answer)
  VALUES ('acct_one', 'top_one', 'k', 'top_one', 'd', 1, '[[0,0,1]]')`;

/** Half of a transaction each. */
const HALVES = [
  "DELETE FROM ledger_queue WHERE seq = (SELECT MIN(seq) FROM ledger_queue)",
  "DELETE FROM ledger_invocations WHERE state = 'waiting'",
  "UPDATE ledger_sums SET n = n + 1 WHERE what = 'accepted'",
  "UPDATE ledger_queue SET phase = 1 WHERE phase = 0",
  "DELETE FROM ledger_attempts",
  "DELETE FROM ledger_keys",
  "UPDATE ledger_keys SET answer = NULL",
  "UPDATE ledger_queue SET phase = 0 WHERE phase = 2",
];

test("control: half a transaction is caught, whichever half", TIMEOUT, async (t) => {
  const { file, account } = await work(t, { lines: 40 });
  runIn(file, PUBLISHED);
  assert.deepEqual(faultsOf(file, account), []);
  for (const sql of HALVES) {
    const half = `${file}-half`;
    copyFileSync(file, half);
    runIn(half, sql);
    assert.notDeepEqual(faultsOf(half, account), [], sql);
  }
});

function runIn(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

/** One writer that ends by itself after so many lines. */
async function work(
  t: TestContext,
  { lines, ...options }: WriterOptions & { readonly lines: number },
): Promise<{ readonly file: string; readonly account: Account }> {
  const top = mkdtempSync(join(tmpdir(), "skerry-ledger-"));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const writer = new WriterProcess(join(top, "files"), options);
  t.after(() => writer.kill());
  const account = new Account();
  await writer.workUntil(lines, account);
  await writer.stop();
  return { file: join(writer.directory, "ledger.db"), account };
}

const NO_DISK = lacksLoopDisk();

test(
  `${CUTS} power cuts lose nothing that was acknowledged, and what nobody flushed`,
  { ...TIMEOUT, skip: NO_DISK },
  async (t) => {
    using disk = new LoopDisk();
    assert.deepEqual(await faultsAfter(t, { rounds: CUTS, disk }), []);
  },
);

test(
  "control: a store that does not flush loses by a power cut",
  { ...TIMEOUT, skip: NO_DISK },
  async (t) => {
    using disk = new LoopDisk();
    const faults = await faultsAfter(t, { rounds: CUTS, disk, fault: "does not flush" });
    assert.ok(faults.length > 0);
  },
);

/** Outside CI a tool that a machine lacks skips its test; in CI it fails. */
const NO_STRACE =
  spawnSync("strace", ["-o", "/dev/null", "true"]).status !== 0 &&
  process.env["CI"] === undefined &&
  "strace cannot be used here";

/** Every so many calls of the kernel fail, over and over, and the store goes on. */
async function trouble(
  t: TestContext,
  { inject, fault }: { readonly inject: string; readonly fault?: string },
): Promise<{ readonly account: Account; readonly faults: readonly string[] }> {
  const calls = inject.slice(0, inject.indexOf(":"));
  const trace = ["-e", `trace=${calls}`, "-e", `inject=${inject}`];
  const under = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", ...trace];
  const { account, file } = await work(t, { lines: LINES, under, fault });
  const { accepted, refused } = account;
  t.diagnostic(`${accepted.size} accepted, refused: ${[...new Set(refused)].join()}`);
  return { account, faults: faultsOf(file, account) };
}

for (const [what, inject] of Object.entries({
  "every 7th flush fails": "fsync,fdatasync:error=EIO:when=20+7",
  "every 60th write fails": "pwrite64:error=EIO:when=200+60",
  "every 60th write finds the disk full": "pwrite64:error=ENOSPC:when=200+60",
})) {
  test(
    `when ${what}, nothing is acknowledged that is not kept, and the ledger heals`,
    { ...TIMEOUT, skip: NO_STRACE },
    async (t) => {
      const { account, faults } = await trouble(t, { inject });
      assert.deepEqual(faults, []);
      assert.ok(account.refused.length > 0, "nothing failed");
      assert.ok(account.healed);
    },
  );
}

test(
  "control: a store that is deaf to failed commits is caught",
  { ...TIMEOUT, skip: NO_STRACE },
  async (t) => {
    const inject = "fsync,fdatasync:error=EIO:when=20+7";
    const { faults } = await trouble(t, { inject, fault: "is deaf to a commit that fails" });
    assert.match(faults.join(), /lost|instead|told was/);
  },
);
