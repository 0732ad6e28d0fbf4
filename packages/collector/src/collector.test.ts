import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { seededRandom, type Random } from "@skerry/base";
import { METER_RECORD_BYTES } from "@skerry/contracts";
import { until } from "@skerry/testkit";
import { READ_BYTES_MAX, type SpoolWriter } from "@skerry/telemetry";
import { bytesOf, collectAll, UNSAFE_MODULE, World, type Fault } from "../test/world.ts";
import { storeModule } from "./store-module.ts";

const SEED = Number(process.env["SKERRY_TEST_SEED"] ?? 20261106);

interface Counted {
  readonly lost: number;
  readonly twice: number;
}

function countedOf(appended: readonly string[], found: readonly string[]): Counted {
  const times = new Map<string, number>();
  for (const one of found) times.set(one, (times.get(one) ?? 0) + 1);
  return {
    lost: appended.filter((one) => !times.has(one)).length,
    twice: [...times.values()].filter((n) => n > 1).length,
  };
}

function pick<T>(random: Random, all: readonly T[]): T {
  return all[Math.floor(random.float() * all.length)] as T;
}

const FAULTS: readonly Fault[] = ["before-commit", "after-commit"];

/** Random appends, rounds, crashes and restarts over many writers; then everything is taken in. */
async function runThroughCrashes(
  t: TestContext,
  options: { readonly module?: string; readonly steps: number },
): Promise<{ readonly lines: Counted; readonly records: Counted }> {
  t.diagnostic(`seed ${SEED}; replay with SKERRY_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const { module } = options;
  const world = await World.open(t, { seed: SEED, ...(module === undefined ? {} : { module }) });
  const texts: string[] = [];
  const requestIds: string[] = [];
  let made = 0;
  const fresh = (kind: "meter" | "logs"): SpoolWriter =>
    world.writer(kind, `w${(made += 1)}`, 2_000);
  const writers = { meter: [fresh("meter"), fresh("meter")], logs: [fresh("logs"), fresh("logs")] };
  let collector = world.collector();
  for (let step = 0; step < options.steps; step += 1) {
    world.clock.advance(random.float() * 3);
    const roll = random.float();
    if (roll < 0.35) {
      const records = Array.from({ length: 1 + Math.floor(random.float() * 9) }, () =>
        world.record(),
      );
      pick(random, writers.meter).append(bytesOf(...records));
      requestIds.push(...records.map(({ requestId }) => requestId));
    } else if (roll < 0.7) {
      texts.push(`line ${step}`);
      pick(random, writers.logs).append(world.line(`line ${step}`));
    } else if (roll < 0.85) {
      if (random.float() < 0.4) world.fault = pick(random, FAULTS);
      await collector.collect().catch(() => undefined);
    } else if (roll < 0.95) {
      await collector.close();
      collector = world.collector();
    } else {
      const kind = pick(random, ["meter", "logs"] as const);
      const [oldest] = writers[kind].splice(0, 1);
      await oldest?.close();
      writers[kind].push(fresh(kind));
    }
  }
  for (const writer of [...writers.meter, ...writers.logs]) await writer.close();
  await collectAll(collector);
  await collectAll(collector);
  const log = await world.log(37);
  const starts = log.filter(({ text }) => text.startsWith("START "));
  assert.deepEqual(readdirSync(world.spoolRoot("meter")), []);
  assert.deepEqual(readdirSync(world.spoolRoot("logs")), []);
  return {
    lines: countedOf(
      texts,
      log.filter(({ stream }) => stream === "console").map(({ text }) => text),
    ),
    records: countedOf(
      requestIds,
      starts.map(({ requestId }) => requestId ?? ""),
    ),
  };
}

const NONE: Counted = { lost: 0, twice: 0 };

test("crashes before and after commits, restarts and leaving writers: nothing is lost, nothing counted twice", async (t) => {
  const { lines, records } = await runThroughCrashes(t, { steps: 400 });
  assert.deepEqual({ lines, records }, { lines: NONE, records: NONE });
});

test("control: positions outside of the transaction count lines twice", async (t) => {
  const { lines } = await runThroughCrashes(t, { steps: 120, module: UNSAFE_MODULE });
  assert.ok(lines.twice > 0);
});

async function takeWithTwo(t: TestContext, module: string | undefined): Promise<Counted> {
  const world = await World.open(t, module === undefined ? {} : { module });
  const spool = world.writer("logs", "w");
  const texts: string[] = [];
  const [one, two] = [world.collector(), world.collector()];
  for (let n = 0; n < 20; n += 1) {
    texts.push(`line ${n}`);
    spool.append(world.line(`line ${n}`));
    await Promise.all([one.collect(), two.collect()]);
  }
  await spool.close();
  await collectAll(one);
  return countedOf(
    texts,
    (await world.log()).map(({ text }) => text),
  );
}

test("two collectors of one store, as when control is replaced, take each line in once", async (t) => {
  assert.deepEqual(await takeWithTwo(t, undefined), NONE);
});

test("control: two collectors that do not compare positions count twice", async (t) => {
  assert.ok((await takeWithTwo(t, UNSAFE_MODULE)).twice > 0);
});

test("a damaged record in the middle is counted and skipped, its neighbours are taken", async (t) => {
  const world = await World.open(t);
  const spool = world.writer("meter", "w", 1 << 20);
  const records = Array.from({ length: 5 }, () => world.record());
  const bytes = bytesOf(...records);
  bytes[2 * METER_RECORD_BYTES + 50] = (bytes[2 * METER_RECORD_BYTES + 50] as number) ^ 4;
  spool.append(bytes);
  await collectAll(world.collector());
  const totals = await world.store.call(storeModule, "totals", null);
  assert.equal(totals.records, 4);
  assert.deepEqual(world.told, ["error damaged records were skipped"]);
});

test("what code printed that no store takes does not hold up the log", async (t) => {
  const world = await World.open(t);
  const spool = world.writer("logs", "w", 1 << 20);
  const bad = ["nul \0", "half \ud800", "\0".repeat(100)];
  for (const text of ["before", ...bad, "after"]) spool.append(world.line(text));
  spool.append(Buffer.from('{"t":1e300}\nnull\nnonsense\n'));
  spool.append(world.line("forged time", { t: -1e300 }));
  spool.append(world.line("last"));
  await collectAll(world.collector());
  const texts = (await world.log()).map(({ text }) => text);
  assert.deepEqual(texts.slice(0, 2), ["before", "nul \ufffd"]);
  assert.deepEqual(texts.slice(-2), ["after", "last"]);
});

test("a spool that cannot be read does not hold up the others, and is told once", async (t) => {
  const world = await World.open(t);
  const collector = world.collector();
  const good = world.writer("logs", "b-good");
  const bad = world.writer("logs", "a-bad", 1);
  bad.append(world.line("unreadable"));
  const segment = join(world.spoolRoot("logs"), "a-bad", "0000000000.seg");
  rmSync(segment);
  // A directory in its place: reading fails with EISDIR also for root.
  mkdirSync(segment);
  for (let n = 0; n < 3; n += 1) {
    good.append(world.line(`good ${n}`));
    await collector.collect();
  }
  assert.deepEqual(
    (await world.log()).map(({ text }) => text),
    ["good 0", "good 1", "good 2"],
  );
  assert.deepEqual(world.told, ["error a spool cannot be read"]);
});

test("a writer's directory that vanishes meanwhile is nothing to fail over", async (t) => {
  const world = await World.open(t);
  const collector = world.collector();
  const [gone, stays] = [world.writer("logs", "gone", 10), world.writer("logs", "stays")];
  gone.append(world.line("taken"));
  await collectAll(collector);
  gone.append(world.line("lost with the directory"));
  rmSync(join(world.spoolRoot("logs"), "gone"), { recursive: true });
  stays.append(world.line("stays"));
  await collectAll(collector);
  assert.deepEqual(
    (await world.log()).map(({ text }) => text),
    ["taken", "stays"],
  );
});

test("a spool goes once its writer has closed it and all of it is taken; its position goes too", async (t) => {
  const world = await World.open(t);
  const spool = world.writer("logs", "w");
  const collector = world.collector();
  spool.append(world.line("one"));
  await collectAll(collector);
  assert.deepEqual(readdirSync(world.spoolRoot("logs")), ["w"]);
  await spool.close();
  await collectAll(collector);
  assert.deepEqual(readdirSync(world.spoolRoot("logs")), []);
  assert.deepEqual(await world.store.call(storeModule, "positions", null), []);
});

test("more spools than fit one round are all taken in, in turns", async (t) => {
  const world = await World.open(t);
  const collector = world.collector();
  const pad = "p".repeat(15_000);
  const names = Array.from({ length: 14 }, (_, n) => `w${String(n).padStart(2, "0")}`);
  for (const name of names) {
    const spool = world.writer("logs", name, 1 << 20);
    for (let n = 0; n < 20; n += 1) spool.append(world.line(`${name} ${n} ${pad}`));
  }
  await collector.collect();
  const { lines } = await world.store.call(storeModule, "totals", null);
  assert.ok(lines > 0 && lines < names.length * 20, `${lines} in the first round`);
  await collectAll(collector);
  assert.equal((await world.store.call(storeModule, "totals", null)).lines, names.length * 20);
});

test("what is older than it is kept goes, without falling behind", async (t) => {
  const world = await World.open(t);
  world.keepMs = 60_000;
  const collector = world.collector();
  const [meter, logs] = [world.writer("meter", "m", 1 << 20), world.writer("logs", "l", 1 << 20)];
  const many = 5_600;
  for (let n = 0; n < many / 100; n += 1) {
    meter.append(bytesOf(...Array.from({ length: 100 }, () => world.record())));
    for (let k = 0; k < 100; k += 1) logs.append(world.line(`old ${n} ${k}`));
  }
  await collectAll(collector);
  world.clock.advance(50_000);
  logs.append(world.line("young"));
  meter.append(bytesOf(world.record()));
  await collectAll(collector);
  const before = await world.store.call(storeModule, "totals", null);
  assert.deepEqual([before.lines, before.records], [many + 1, many + 1]);
  world.clock.advance(20_000);
  // A round may remove 5,000 of each kind; the next goes on at once, not a minute later.
  await collector.collect();
  await collector.collect();
  const after = await world.store.call(storeModule, "totals", null);
  assert.deepEqual([after.lines, after.records], [1, 1]);
});

test("collecting goes on by itself, and after a failure", async (t) => {
  const world = await World.open(t);
  let taken = 0;
  const takenTimes = async (times: number): Promise<void> => {
    const look = (): boolean => {
      world.clock.advance(world.clock.nextInMs ?? 0);
      return taken >= times;
    };
    await until(`${times} rounds`, look, { everyMs: 1 });
  };
  const collector = world.collector(() => (taken += 1));
  const spool = world.writer("logs", "w");
  spool.append(world.line("one"));
  await takenTimes(1);
  world.fault = "before-commit";
  spool.append(world.line("two"));
  await takenTimes(2);
  assert.ok(world.told.includes("error collecting failed"));
  await collector.close();
  const texts = (await world.log()).map(({ text }) => text);
  assert.deepEqual(texts, ["one", "two"]);
});

test("rounds follow quickly only while there is more than one may take", async (t) => {
  const world = await World.open(t);
  const collector = world.collector();
  /** Has the next round run, and says how long after it another one is due. */
  const round = async (): Promise<number | undefined> => {
    const { length } = world.pausesMs;
    world.clock.advance(world.pausesMs.at(-1) ?? 0);
    await until("the round is over", () => world.pausesMs.length > length, { everyMs: 1 });
    return world.pausesMs.at(-1);
  };
  const taken = async (): Promise<readonly number[]> => {
    const { records, lines } = await world.store.call(storeModule, "totals", null);
    return [records, lines];
  };
  assert.equal(await round(), 100, "there is nothing");
  const [meter, logs] = [world.writer("meter", "m", 1 << 24), world.writer("logs", "l", 1 << 24)];
  meter.append(bytesOf(world.record()));
  logs.append(world.line("one"));
  assert.equal(await round(), 100, "all was taken");
  assert.deepEqual(await taken(), [1, 1]);
  const many = Math.ceil((1.5 * READ_BYTES_MAX) / METER_RECORD_BYTES);
  meter.append(bytesOf(...Array.from({ length: many }, () => world.record())));
  assert.equal(await round(), 20, "one read does not hold all");
  assert.equal(await round(), 100);
  assert.deepEqual(await taken(), [many + 1, 1]);
  const pad = "p".repeat(15_000);
  for (let n = 0; n < 200; n += 1) logs.append(world.line(`${n} ${pad}`));
  assert.equal(await round(), 20, "one round does not hold all");
  assert.equal(await round(), 100);
  assert.deepEqual(await taken(), [many + 1, 201]);
  await collector.close();
});

test("what ended or was printed this very moment waits a little, whatever the clock does", async (t) => {
  const world = await World.open(t);
  world.aheadMs = 0;
  const [meter, logs] = [world.writer("meter", "m", 1), world.writer("logs", "l", 1)];
  const collector = world.collector();
  logs.append(world.line("old"));
  world.clock.advance(245);
  meter.append(bytesOf(world.record({ handlerUs: 0 })));
  logs.append(world.line("young"));
  world.clock.advance(10);
  await collectAll(collector);
  assert.deepEqual(
    (await world.log()).map(({ text }) => text),
    ["old"],
  );
  await meter.close();
  await logs.close();
  assert.equal(await collector.collect(), false, "nor is it left out because its writer is gone");
  world.clock.advance(250);
  await collectAll(collector);
  const totals = await world.store.call(storeModule, "totals", null);
  assert.deepEqual([totals.records, totals.lines], [1, 2]);
  for (const jumpMs of [3_600_000, -3_600_000]) {
    world.writer("meter", `m ${jumpMs}`, 1).append(bytesOf(world.record()));
    world.writer("logs", `l ${jumpMs}`, 1).append(world.line("before the jump"));
    world.clock.jumpWall(jumpMs);
    await collectAll(collector);
  }
  const after = await world.store.call(storeModule, "totals", null);
  assert.deepEqual([after.records, after.lines], [3, 4]);
});

test("files that are no spools stay where they are", async (t) => {
  const world = await World.open(t);
  const spool = world.writer("logs", "w");
  spool.append(world.line("one"));
  writeFileSync(join(world.spoolRoot("logs"), "notes.txt"), "mine");
  await collectAll(world.collector());
  await spool.close();
  assert.ok(readdirSync(world.spoolRoot("logs")).includes("notes.txt"));
});
