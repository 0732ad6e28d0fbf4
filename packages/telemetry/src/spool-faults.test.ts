import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createLog, seededRandom, silentLog } from "@skerry/base";
import { HandClock } from "@skerry/testkit";
import { drain, startOf, temporaryRoot } from "../test/spools.ts";
import { trimSpool } from "./spool-reader.ts";
import { openSpoolWriter, type SpoolWriter } from "./spool-writer.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261105);
const CHILD = new URL("../test/writer-child.ts", import.meta.url).pathname;

/** Lets a writer run, kills it once it has told this many appends; resolves with the last told. */
async function writeUntilKilled(
  directory: string,
  options: { readonly order: "honest" | "gathering"; readonly killAfter: number },
): Promise<number> {
  const child = spawn(process.execPath, [CHILD, directory, options.order], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  child.stdout.setEncoding("latin1");
  child.stdout.on("data", (part: string) => {
    told += part;
    if (told.split("\n").length > options.killAfter) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.once("close", resolve));
  const whole = told.slice(0, told.lastIndexOf("\n"));
  return Number(whole.slice(whole.lastIndexOf("\n") + 1));
}

/** Numbers that were told as appended and are not there. */
async function missingAfterKill(
  t: TestContext,
  options: { readonly order: "honest" | "gathering"; readonly rounds: number },
): Promise<number> {
  t.diagnostic(`seed ${SEED}`);
  const random = seededRandom(SEED);
  let missing = 0;
  for (let round = 0; round < options.rounds; round += 1) {
    const root = temporaryRoot(t);
    const killAfter = 1 + Math.floor(random.float() * 2_000);
    const last = await writeUntilKilled(join(root, "w"), { order: options.order, killAfter });
    const { text, position } = await drain(root, startOf("w"));
    const numbers = text
      .split("\n")
      .slice(0, -1)
      .map((line) => Number.parseInt(line, 10));
    numbers.forEach((n, index) => assert.equal(n, index, "in order, none twice"));
    missing += Math.max(0, last + 1 - numbers.length);
    assert.equal(await trimSpool(root, position), "removed");
    assert.deepEqual(readdirSync(root), []);
  }
  return missing;
}

test("kill -9 of a writer at random moments: every append that returned is there", async (t) => {
  assert.equal(await missingAfterKill(t, { order: "honest", rounds: 6 }), 0);
});

test("control: a writer that tells what it has not appended yet is caught", async (t) => {
  assert.ok((await missingAfterKill(t, { order: "gathering", rounds: 3 })) > 0);
});

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? {} : { skip: "mounting a small disk needs root" };

/** A disk of 256 KiB under `root`. */
function smallDisk(t: TestContext): string {
  const disk = mkdtempSync(join(tmpdir(), "skerry-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]);
  t.after(() => {
    execFileSync("umount", ["-l", disk]);
    rmdirSync(disk);
  });
  return disk;
}

/** Leaves not one byte free. */
function fillUp(ballast: string): void {
  const file = openSync(ballast, "a");
  for (let bytes = 1 << 16; bytes >= 1;) {
    try {
      writeSync(file, Buffer.alloc(bytes));
    } catch {
      bytes = Math.floor(bytes / 4);
    }
  }
  closeSync(file);
}

function openOn(
  disk: string,
  bounds: { readonly segmentBytesMax: number; readonly backlogBytesMax: number },
): { readonly clock: HandClock; readonly spool: SpoolWriter; readonly told: string[] } {
  const clock = new HandClock();
  const told: string[] = [];
  const log = createLog((level, message) => told.push(`${level} ${message}`));
  const directory = join(disk, "w");
  const { pid } = process;
  return { clock, told, spool: openSpoolWriter({ clock, log }, { directory, pid, ...bounds }) };
}

test(
  "a full disk: append goes on, order stays, what did not fit waits and comes later",
  needsRoot,
  async (t) => {
    const disk = smallDisk(t);
    const bounds = { segmentBytesMax: 1 << 20, backlogBytesMax: 1 << 20 };
    const { spool, clock, told } = openOn(disk, bounds);
    writeFileSync(join(disk, "ballast"), Buffer.alloc(200 << 10));
    let appended = "";
    for (let n = 0; n < 400; n += 1) {
      const line = `${n} ${"x".repeat(700)}\n`;
      spool.append(Buffer.from(line));
      appended += line;
    }
    const before = await drain(disk, startOf("w"));
    assert.ok(before.text.length < appended.length && appended.startsWith(before.text));
    assert.match(told.join("\n"), /cannot be written/);
    assert.equal(told.length, 1, "told once, not for each append");
    assert.equal(spool.isBehind(), true);
    rmSync(join(disk, "ballast"));
    // What waited is larger than the disk: the reader makes room, as the collector does.
    assert.equal(spool.droppedBytes, 0);
    execFileSync("mount", ["-o", "remount,size=2m", disk]);
    clock.advance(1_000);
    assert.equal(spool.isBehind(), false);
    const after = await drain(disk, before.position);
    assert.ok(before.text + after.text === appended);
    await spool.close();
  },
);

test(
  "a spool that is opened on a full disk takes records, and is made once there is space",
  needsRoot,
  async (t) => {
    const disk = smallDisk(t);
    const bounds = { segmentBytesMax: 1 << 20, backlogBytesMax: 1 << 20 };
    fillUp(join(disk, "ballast"));
    const { spool, clock, told } = openOn(disk, bounds);
    spool.append(Buffer.from("one\n"));
    spool.append(Buffer.from("two\n"));
    assert.deepEqual([told.length, readdirSync(disk)], [1, ["ballast"]]);
    rmSync(join(disk, "ballast"));
    clock.advance(1_000);
    spool.append(Buffer.from("three\n"));
    await spool.close();
    assert.equal((await drain(disk, startOf("w"))).text, "one\ntwo\nthree\n");
    assert.equal(spool.droppedBytes, 0);
  },
);

test(
  "a spool whose disk stays full leaves nothing, and says what was lost",
  needsRoot,
  async (t) => {
    const disk = smallDisk(t);
    fillUp(join(disk, "ballast"));
    const { spool, clock, told } = openOn(disk, { segmentBytesMax: 100, backlogBytesMax: 100 });
    spool.append(Buffer.from("one\n"));
    clock.advance(1_000);
    await spool.close();
    assert.deepEqual([spool.droppedBytes, readdirSync(disk), clock.timers], [4, ["ballast"], 0]);
    assert.ok(told.includes("error records were dropped"));
  },
);

test(
  "a full disk and full memory: whole records are dropped and counted, the rest keeps its order",
  needsRoot,
  async (t) => {
    const disk = smallDisk(t);
    const { spool, clock, told } = openOn(disk, {
      segmentBytesMax: 8_192,
      backlogBytesMax: 10_000,
    });
    writeFileSync(join(disk, "ballast"), Buffer.alloc(150 << 10));
    const lines = Array.from({ length: 1_000 }, (_, n) => `${n} ${"x".repeat(n % 900)}\n`);
    for (const line of lines) spool.append(Buffer.from(line));
    assert.ok(spool.droppedBytes > 0);
    rmSync(join(disk, "ballast"));
    clock.advance(1_000);
    const last = "last\n";
    spool.append(Buffer.from(last));
    await spool.close();
    const { text } = await drain(disk, startOf("w"));
    const all = [...lines, last];
    const kept = text.split(/(?<=\n)/);
    assert.ok(kept.length < all.length);
    assert.equal(kept.at(-1), last);
    let from = 0;
    for (const line of kept) {
      const at = all.indexOf(line, from);
      assert.ok(at >= from, "a whole line, behind the one before");
      from = at + 1;
    }
    assert.equal(all.join("").length - text.length, spool.droppedBytes);
    assert.ok(told.includes("error records were dropped"));
  },
);

test("a spool whose directory is taken away costs records, never a request", async (t) => {
  const root = temporaryRoot(t);
  const directory = join(root, "w");
  const clock = new HandClock();
  const spool = openSpoolWriter(
    { clock, log: silentLog() },
    { directory, pid: process.pid, segmentBytesMax: 4, backlogBytesMax: 8 },
  );
  spool.append(Buffer.from("one\n"));
  rmSync(directory, { recursive: true });
  for (let n = 0; n < 10; n += 1) spool.append(Buffer.from("two\n"));
  clock.advance(5_000);
  await spool.close();
  assert.equal(spool.droppedBytes, 40);
});

test("a closed spool leaves no timer behind, whatever was being flushed", async (t) => {
  const root = temporaryRoot(t);
  const clock = new HandClock();
  const directory = join(root, "w");
  const spool = openSpoolWriter({ clock, log: silentLog() }, { directory, pid: process.pid });
  spool.append(Buffer.from("a\n"));
  clock.advance(1_000);
  await spool.close();
  assert.equal(clock.timers, 0);
});
