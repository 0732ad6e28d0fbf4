/**
 * Ends writers at moments drawn from a seed, one after another on the same files, and looks at what
 * each leaves behind. The next one's code is loaded while one works.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "@skerry/base";
import { Account, faultsOf } from "./account.ts";
import { WriterProcess } from "./writer-process.ts";

/** Lines that a writer says before its end, at most. */
const LINES_MAX = 50;
/** Rounds on the same files; then new ones, so that looking at them stays cheap. */
const ROUNDS_EACH = 10;
const FAULTS_SHOWN = 5;

/** A disk whose power can be cut. */
export interface Disk {
  readonly directory: string;
  cut(): Promise<void>;
  /** Resolves when power is back. Nobody may have a file open. */
  restore(): Promise<void>;
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly seed: number;
  /** A protection that is taken away, for negative controls; see store-fault.ts. */
  readonly fault?: string;
  /** The writers' files are on it, and its power is cut before each is killed. */
  readonly disk?: Disk;
}

export interface RoundsResult {
  readonly rounds: number;
  readonly accepted: number;
  readonly ended: number;
  /** Of what nobody flushed. */
  readonly unsyncedBytesLost: number;
  /** The first few. After one, no more is done. */
  readonly faults: readonly string[];
}

export async function endWriters(options: RoundsOptions): Promise<RoundsResult> {
  const { disk } = options;
  const top = disk?.directory ?? mkdtempSync(join(tmpdir(), "skerry-ledger-"));
  try {
    return await playRounds(top, options);
  } finally {
    if (disk === undefined) rmSync(top, { recursive: true, force: true });
  }
}

async function playRounds(
  top: string,
  { rounds, seed, fault, disk }: RoundsOptions,
): Promise<RoundsResult> {
  const random = seededRandom(seed);
  const sums = { rounds: 0, accepted: 0, ended: 0, unsyncedBytesLost: 0 };
  let account = new Account();
  const writers = [writerOf(top, 0, fault)];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const writer = writers[round] ?? assert.fail("no writer was started");
      const working = writer.workUntil(Math.ceil(random.float() * LINES_MAX), account);
      writers.push(writerOf(top, round + 1, fault));
      await working;
      if (disk !== undefined) {
        await writer.freeze();
        await disk.cut();
      }
      await writer.kill();
      await disk?.restore();
      sums.rounds += 1;
      const kept = bytesOf(join(writer.directory, "unsynced"));
      sums.unsyncedBytesLost += Math.max(0, account.unsyncedBytes - kept);
      account.unsyncedBytes = kept;
      const faults = faultsOf(join(writer.directory, "ledger.db"), account);
      const isFull = (round + 1) % ROUNDS_EACH === 0 || round + 1 === rounds;
      if (isFull || faults.length > 0) {
        sums.accepted += account.accepted.size;
        sums.ended += account.ended.size;
        rmSync(writer.directory, { recursive: true });
        account = new Account();
      }
      if (faults.length > 0) return { ...sums, faults: faults.slice(0, FAULTS_SHOWN) };
    }
    return { ...sums, faults: [] };
  } finally {
    await Promise.all(writers.map((writer) => writer.kill()));
  }
}

function writerOf(top: string, round: number, fault: string | undefined): WriterProcess {
  return new WriterProcess(join(top, `files-${Math.floor(round / ROUNDS_EACH)}`), { fault });
}

/** None when not even its name was kept. */
function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
