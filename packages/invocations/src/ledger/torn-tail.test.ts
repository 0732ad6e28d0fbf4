/**
 * A ledger whose write-ahead log ends in the middle, or is damaged there, as after a power cut on a
 * disk that tears sectors: what was acknowledged before that place is there, nothing after it is,
 * and the store opens and goes on.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { seededRandom, silentLog, systemClock } from "@skerry/base";
import { openSqliteStore } from "@skerry/store";
import { Account, faultsOf } from "../../test/durability/account.ts";
import { ledgerSource } from "../../test/ledger-module.ts";
import { LedgerWorld } from "../../test/ledger-world.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20_261_122);
const DEPS = { log: silentLog(), clock: systemClock() };
const MODULES = [ledgerSource];
const COMMITS = 24;
/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
const LOG_HEAD_BYTES = 32;
const FRAME_HEAD_BYTES = 24;
const PAGE_BYTES_AT = 8;

/** How long the log was when something was acknowledged, and all that had been by then. */
interface Step {
  readonly bytes: number;
  readonly accepted: readonly string[];
  readonly ended: ReadonlyMap<string, string>;
}

const top = mkdtempSync(join(tmpdir(), "skerry-torn-"));
const FILE = join(top, "whole", "ledger.db");
const random = seededRandom(SEED);
let steps: readonly Step[] = [];
let log: Buffer = Buffer.alloc(0);

before(async () => {
  steps = await work();
  log = readFileSync(`${FILE}-wal`);
});
after(() => rmSync(top, { recursive: true, force: true }));

/** Works a ledger, and leaves copies of its files as they were while it was open. */
async function work(): Promise<readonly Step[]> {
  const directory = join(top, "open");
  const store = await openSqliteStore(DEPS, { directory, modules: MODULES });
  try {
    const world = new LedgerWorld(store);
    const functionId = world.function();
    const accepted: string[] = [];
    const ended = new Map<string, string>();
    const done: Step[] = [];
    const live = join(directory, "ledger.db");
    const note = () => {
      const { length: bytes } = readFileSync(`${live}-wal`);
      done.push({ bytes, accepted: [...accepted], ended: new Map(ended) });
    };
    note();
    for (let commit = 0; commit < COMMITS; commit += 3) {
      const items = Array.from({ length: 1 + Math.floor(random.float() * 6) }, () =>
        world.invocation(functionId, { payload: random.bytes(Math.floor(random.float() * 6_000)) }),
      );
      for (const { id } of await world.accept(...items)) accepted.push(id);
      note();
      const { runs } = await world.claim(functionId, { max: 3 });
      note();
      await world.settle(runs, "ok");
      for (const { id } of runs) ended.set(id, "succeeded");
      note();
    }
    mkdirSync(join(top, "whole"));
    for (const end of ["", "-wal"]) copyFileSync(live + end, FILE + end);
    return done;
  } finally {
    await store.close();
  }
}

/** The files with this log in place of theirs, in a directory of their own. */
function fileWith(tail: Uint8Array): string {
  const directory = join(top, "torn");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const file = join(directory, "ledger.db");
  copyFileSync(FILE, file);
  writeFileSync(`${file}-wal`, tail);
  return file;
}

/** The last that was acknowledged before this byte of the log was written. */
function stepAt(bytes: number): Step {
  return (
    steps.findLast((step) => step.bytes <= bytes) ?? { bytes: 0, accepted: [], ended: new Map() }
  );
}

function accountOf({ accepted, ended }: Pick<Step, "accepted" | "ended">): Account {
  const account = new Account();
  for (const id of accepted) account.accepted.add(id);
  for (const [id, end] of ended) account.ended.set(id, end);
  return account;
}

function idsIn(file: string): readonly string[] {
  const database = new DatabaseSync(file);
  try {
    return database
      .prepare("SELECT id FROM ledger_invocations ORDER BY seq")
      .all()
      .map(({ id }) => String(id));
  } catch {
    return [];
  } finally {
    database.close();
  }
}

function assertKept(tail: Uint8Array, bytes: number): void {
  const file = fileWith(tail);
  const step = stepAt(bytes);
  assert.deepEqual(faultsOf(file, accountOf(step)), [], `at byte ${bytes}, seed ${SEED}`);
  assert.deepEqual(idsIn(file), step.accepted, `at byte ${bytes}, seed ${SEED}`);
}

/** Where frames begin; so many, spread over the log. */
function frames(most: number): readonly number[] {
  const frameBytes = FRAME_HEAD_BYTES + log.readUInt32BE(PAGE_BYTES_AT);
  const count = Math.floor((log.length - LOG_HEAD_BYTES) / frameBytes);
  const every = Math.ceil(count / most);
  const all = Array.from({ length: count }, (_, i) => LOG_HEAD_BYTES + i * frameBytes);
  return all.filter((_, i) => i % every === 0);
}

test("a log cut at any byte keeps what was acknowledged before it, and nothing half", () => {
  const ends = steps.flatMap(({ bytes }) => [bytes - 1, bytes, bytes + 1]);
  const inFrames = frames(10).flatMap((at) => [
    at,
    at + 1,
    at + FRAME_HEAD_BYTES,
    at + FRAME_HEAD_BYTES + 700,
  ]);
  const heads = [0, 1, LOG_HEAD_BYTES - 1, LOG_HEAD_BYTES];
  const cuts = [...heads, ...ends, ...inFrames].filter((cut) => cut >= 0 && cut <= log.length);
  assert.ok(cuts.length > COMMITS * 3);
  for (const cut of cuts) assertKept(log.subarray(0, cut), cut);
});

test("a log damaged in a frame keeps what was acknowledged before it, and nothing half", () => {
  for (const at of frames(7)) {
    for (const within of [0, 9, 17, FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + 2_000]) {
      const damaged = Buffer.from(log);
      damaged[at + within] = (damaged[at + within] ?? 0) ^ 0x40;
      assertKept(damaged, at);
    }
  }
});

test("a frame that was never written, as of a disk that wrote a later one first, ends the log", () => {
  for (const at of frames(7)) {
    const holed = Buffer.from(log);
    holed.fill(0, at, at + FRAME_HEAD_BYTES + 512);
    assertKept(holed, at);
  }
});

test("control: what was acknowledged after the cut is missed", () => {
  const [, one, two] = steps.filter(
    (step, i) => step.accepted.length > (steps[i - 1]?.accepted.length ?? 0),
  );
  assert.ok(one !== undefined && two !== undefined);
  const faults = faultsOf(fileWith(log.subarray(0, two.bytes - 1)), accountOf(two));
  assert.match(faults.join(), /lost /);
});

test("a store opens on a torn log and goes on", async () => {
  for (const cut of [0, LOG_HEAD_BYTES + 7, ...steps.slice(1, 5).map(({ bytes }) => bytes - 1)]) {
    const file = fileWith(log.subarray(0, cut));
    const directory = join(file, "..");
    const store = await openSqliteStore(DEPS, { directory, modules: MODULES });
    try {
      const world = new LedgerWorld(store);
      const [told] = await world.accept(world.invocation(world.function()));
      assert.equal(told?.kind, "accepted");
      assert.equal((await world.balance()).difference, 0);
      assert.equal((await world.balance()).sums.accepted, stepAt(cut).accepted.length + 1);
    } finally {
      await store.close();
    }
  }
});
