import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom, silentLog, systemClock, type Random } from "@skerry/base";
import { drain, startOf, temporaryRoot } from "../test/spools.ts";
import { processStartTicks, SPOOL_FORMAT } from "./spool-layout.ts";
import {
  listSpools,
  nextPosition,
  READ_BYTES_MAX,
  readSpool,
  trimSpool,
  type SpoolPosition,
} from "./spool-reader.ts";
import { openSpoolWriter, type SpoolWriter } from "./spool-writer.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261104);
const deps = { clock: systemClock(), log: silentLog() };

function openIn(root: string, segmentBytesMax?: number): SpoolWriter {
  const bound = segmentBytesMax === undefined ? {} : { segmentBytesMax };
  return openSpoolWriter(deps, { directory: join(root, "w"), pid: process.pid, ...bound });
}

/** A spool laid down by hand, as a crash or another release may have left it. */
function layDown(root: string, segments: readonly string[], owner?: object): string {
  const directory = join(root, "w");
  mkdirSync(directory);
  const gone = { format: SPOOL_FORMAT, pid: process.pid, startTicks: "1" };
  writeFileSync(join(directory, "owner.json"), JSON.stringify(owner ?? gone));
  for (const [index, text] of segments.entries())
    writeFileSync(join(directory, `${String(index).padStart(10, "0")}.seg`), text);
  return directory;
}

function randomLine(random: Random, n: number): string {
  return `${n}:${"abcäöü€😀".repeat(Math.floor(random.float() * 12))}\n`;
}

test("what is appended is read in order, over any number of segments, while it is written", async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = seededRandom(SEED);
  for (const segmentBytesMax of [1, 100, 1_000, 1 << 20]) {
    const root = temporaryRoot(t);
    const spool = openIn(root, segmentBytesMax);
    let appended = "";
    let read = "";
    let position = startOf("w");
    for (let n = 0; n < 300; n += 1) {
      const line = randomLine(random, n);
      spool.append(Buffer.from(line));
      appended += line;
      if (random.float() > 0.2) continue;
      const more = await drain(root, position);
      read += more.text;
      position = more.position;
      assert.ok(read === appended);
      if (random.float() < 0.3) assert.equal(await trimSpool(root, position), "kept");
    }
    await spool.close();
    read += (await drain(root, position)).text;
    assert.ok(read === appended);
    assert.equal(spool.droppedBytes, 0);
  }
});

test("a spool is behind while two whole segments lie there, however many were taken in before", async (t) => {
  const root = temporaryRoot(t);
  const spool = openIn(root, 10);
  const segment = Buffer.from("123456789\n");
  let position = startOf("w");
  assert.equal(spool.isBehind(), false);
  for (let round = 0; round < 3; round += 1) {
    spool.append(segment);
    spool.append(segment);
    assert.equal(spool.isBehind(), true);
    ({ position } = await drain(root, position));
    await trimSpool(root, position);
    assert.equal(spool.isBehind(), false);
  }
  await spool.close();
});

test("reading twice from a position gives the same bytes, whatever was appended meanwhile", async (t) => {
  const root = temporaryRoot(t);
  const spool = openIn(root, 200);
  const random = seededRandom(SEED);
  const seen: { readonly position: SpoolPosition; readonly bytes: Uint8Array }[] = [];
  let position = startOf("w");
  for (let n = 0; n < 100; n += 1) {
    spool.append(Buffer.from(randomLine(random, n)));
    const batch = await readSpool(root, position);
    if (batch === undefined) continue;
    seen.push({ position, bytes: batch.bytes });
    position = nextPosition(batch, batch.bytes.length);
  }
  await spool.close();
  assert.ok(seen.length > 50);
  for (const { position: at, bytes } of seen) {
    const again = await readSpool(root, at);
    assert.deepEqual(again?.bytes.subarray(0, bytes.length), bytes);
  }
});

test("positions hold at every meeting of a batch's end and a segment's end", async (t) => {
  const line = `${"y".repeat(99)}\n`;
  for (const [name, segmentBytes] of [
    ["ends with the batch", READ_BYTES_MAX],
    ["one short", READ_BYTES_MAX - 1],
    ["one over", READ_BYTES_MAX + 1],
    ["two batches", 2 * READ_BYTES_MAX],
    ["larger than a batch", 2 * READ_BYTES_MAX + 777],
  ] as const) {
    const root = temporaryRoot(t);
    const first = line.repeat(Math.ceil(segmentBytes / line.length)).slice(1 - segmentBytes - 1);
    assert.equal(first.length, segmentBytes, name);
    layDown(root, [first, "last\n"]);
    const { text, position } = await drain(root, startOf("w"));
    assert.ok(text === `${first}last\n`, name);
    assert.deepEqual(position, { writer: "w", segment: 2, offset: 0 }, name);
    assert.equal(await trimSpool(root, position), "removed", name);
  }
});

test("the last segment of a living writer stays open, of a dead one it is used up", async (t) => {
  const root = temporaryRoot(t);
  const spool = openIn(root);
  spool.append(Buffer.from("one\n"));
  const alive = await drain(root, startOf("w"));
  assert.deepEqual(alive.position, { writer: "w", segment: 0, offset: 4 });
  assert.equal(await readSpool(root, alive.position), undefined);
  await spool.close();
  const closed = await drain(root, alive.position);
  assert.deepEqual([closed.text, closed.position.segment], ["", 1]);
  assert.equal(await trimSpool(root, closed.position), "removed");
});

test("a torn tail waits for its writer, and is left behind once that is gone", async (t) => {
  const root = temporaryRoot(t);
  const ownTicks = processStartTicks(process.pid);
  const owner = { format: SPOOL_FORMAT, pid: process.pid, startTicks: ownTicks };
  const directory = layDown(root, ["whole\nto"], owner);
  const first = await drain(root, startOf("w"));
  assert.deepEqual([first.text, first.position.offset], ["whole\n", 6]);
  appendFileSync(join(directory, "0000000000.seg"), "rn\nha");
  const second = await drain(root, first.position);
  assert.deepEqual([second.text, second.position.offset], ["torn\n", 11]);
  assert.equal(await trimSpool(root, second.position), "kept");
  writeFileSync(join(directory, "closed"), "");
  const third = await drain(root, second.position);
  assert.deepEqual([third.text, third.position], ["", { writer: "w", segment: 1, offset: 0 }]);
  assert.equal(await trimSpool(root, third.position), "removed");
  assert.deepEqual(readdirSync(root), []);
});

test("a torn tail in the middle does not hold up what later segments hold", async (t) => {
  const root = temporaryRoot(t);
  layDown(root, ["a\nhal", "b\n", "", "c\n"]);
  assert.equal((await drain(root, startOf("w"))).text, "a\nb\nc\n");
});

test("a batch without any record is passed over, not read for ever", async (t) => {
  const root = temporaryRoot(t);
  layDown(root, [`${"n".repeat(READ_BYTES_MAX * 2)}tail\nnext\n`]);
  const { text, batches } = await drain(root, startOf("w"));
  assert.equal(text, "tail\nnext\n");
  assert.ok(batches <= 4);
});

test("only what lies behind the committed position is removed", async (t) => {
  const root = temporaryRoot(t);
  const directory = layDown(root, ["a\n", "b\n", "c\n"]);
  const left = (): readonly string[] => readdirSync(directory).filter((n) => n.endsWith(".seg"));
  assert.equal(await trimSpool(root, { writer: "w", segment: 0, offset: 2 }), "kept");
  assert.equal(left().length, 3);
  assert.equal(await trimSpool(root, { writer: "w", segment: 1, offset: 1 }), "kept");
  assert.deepEqual(left(), ["0000000001.seg", "0000000002.seg"]);
  assert.equal(await trimSpool(root, { writer: "w", segment: 2, offset: 1 }), "kept");
  assert.deepEqual(left(), ["0000000002.seg"]);
  assert.equal(await trimSpool(root, { writer: "w", segment: 2, offset: 2 }), "removed");
  assert.equal(existsSync(directory), false);
});

test("a spool outlives its reader's wish while its writer lives: by pid and start time", async (t) => {
  const own = processStartTicks(process.pid);
  assert.match(own, /^\d+$/);
  const end = { writer: "w", segment: 0, offset: 2 };
  for (const [name, owner, outcome] of [
    ["alive", { format: SPOOL_FORMAT, pid: process.pid, startTicks: own }, "kept"],
    ["pid reused", { format: SPOOL_FORMAT, pid: process.pid, startTicks: "17" }, "removed"],
    ["no such process", { format: SPOOL_FORMAT, pid: 2 ** 30, startTicks: own }, "removed"],
    ["start time unknown", { format: SPOOL_FORMAT, pid: 2 ** 30, startTicks: "" }, "removed"],
    ["damaged owner", { pid: 5 }, "removed"],
    ["a newer format", { format: SPOOL_FORMAT + 1 }, "kept"],
  ] as const) {
    const root = temporaryRoot(t);
    layDown(root, ["a\n"], owner);
    assert.equal(await trimSpool(root, end), outcome, name);
  }
});

test("a spool of a newer format is left alone: not read, not removed", async (t) => {
  const root = temporaryRoot(t);
  layDown(root, ["a\n", "b\n"], { format: SPOOL_FORMAT + 1, pid: 1, startTicks: "1" });
  assert.equal(await readSpool(root, startOf("w")), undefined);
  assert.equal(await trimSpool(root, startOf("w")), "kept");
});

test("a spool has an owner before it has a name, and two writers never share one", async (t) => {
  const root = temporaryRoot(t);
  mkdirSync(join(root, ".making"));
  writeFileSync(join(root, "stray.txt"), "");
  assert.deepEqual(await listSpools(root), []);
  const spool = openIn(root);
  assert.deepEqual(await listSpools(root), ["w"]);
  assert.ok(existsSync(join(root, "w", "owner.json")));
  spool.append(Buffer.from("mine\n"));
  assert.throws(() => openIn(root), { code: "ENOTEMPTY" });
  assert.equal((await drain(root, startOf("w"))).text, "mine\n");
  await spool.close();
  assert.deepEqual(await listSpools(join(root, "absent")), []);
});

test("a segment that cannot be read is an error, never an empty one", async (t) => {
  const root = temporaryRoot(t);
  const directory = layDown(root, []);
  mkdirSync(join(directory, "0000000000.seg"));
  writeFileSync(join(directory, "0000000001.seg"), "b\n");
  await assert.rejects(readSpool(root, startOf("w")), { code: "EISDIR" });
});

test("a spool that vanishes reads as nothing new", async (t) => {
  const root = temporaryRoot(t);
  assert.equal(await readSpool(root, startOf("w")), undefined);
  assert.equal(await trimSpool(root, startOf("w")), "removed");
});

test("closing twice is closing once; what comes later is dropped and counted", async (t) => {
  const root = temporaryRoot(t);
  const spool = openIn(root);
  spool.append(Buffer.from("a\n"));
  await Promise.all([spool.close(), spool.close()]);
  spool.append(Buffer.from("late\n"));
  assert.equal(spool.droppedBytes, 5);
  assert.equal((await drain(root, startOf("w"))).text, "a\n");
});

test("the caller may reuse its buffer as soon as append has returned", async (t) => {
  const root = temporaryRoot(t);
  const spool = openIn(root);
  const buffer = Buffer.from("aaaa\n");
  spool.append(buffer);
  buffer.write("bbbb\n");
  spool.append(buffer);
  buffer.fill(0);
  assert.equal((await drain(root, startOf("w"))).text, "aaaa\nbbbb\n");
  await spool.close();
});
