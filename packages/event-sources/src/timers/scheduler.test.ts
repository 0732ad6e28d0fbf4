/** Timers tick once: over absences, set clocks, changes of their owners, and several platforms. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { seededRandom, silentLog, systemClock, type FunctionId } from "@skerry/base";
import { openPostgresStore, type Store } from "@skerry/store";
import { HandClock, hasPostgres, startPostgres, until, type PostgresServer } from "@skerry/testkit";
import {
  MINUTE,
  openTimerStore,
  TIMER_MODULES,
  TimerWorld,
  type Call,
} from "../../test/timer-world.ts";
import { storeModule as ledgerModule } from "../../test/ledger.ts";
import { storeModule } from "../store-module.ts";

const HOUR = 60 * MINUTE;

type Cases = Readonly<Record<string, (world: TimerWorld) => Promise<void>>>;

/** Scheduled times as minutes after `fromMs`. */
async function minutes(world: TimerWorld, name: string, fromMs: number) {
  const { id } = await world.get(name);
  return (await world.entered(id)).map((ms) => (ms - fromMs) / MINUTE);
}

async function showTicks(world: TimerWorld): Promise<void> {
  const fromMs = world.clock.wallMs();
  await world.put("each");
  await world.put("second", { cron: "*/2 * * * *" });
  await world.put("once", { cron: null, atMs: fromMs + 90_000 });
  const scheduler = world.scheduler();
  scheduler.wake();
  await world.pass(5 * MINUTE, { stepMs: MINUTE / 2 });
  await scheduler.close();
  assert.deepEqual(await minutes(world, "each", fromMs), [1, 2, 3, 4, 5]);
  assert.deepEqual(await minutes(world, "second", fromMs), [2, 4]);
  assert.deepEqual(await minutes(world, "once", fromMs), [1.5]);
  const once = await world.get("once");
  assert.deepEqual([once.nextMs, once.lastMs], [null, fromMs + 90_000]);
  assert.equal((await world.get("each")).nextMs, fromMs + 6 * MINUTE);
  const books = await world.store.call(ledgerModule, "readBalance", null);
  assert.deepEqual([books.sums.accepted, books.ready, books.difference], [8, 8, 0]);
}

async function showMissed(world: TimerWorld): Promise<void> {
  const fromMs = world.clock.wallMs();
  for (const missed of ["skip", "once", "all"] as const) await world.put(missed, { missed });
  await world.put("late", { cron: null, atMs: fromMs + MINUTE });
  await world.put("too-late", { cron: null, atMs: fromMs + MINUTE, missed: "skip" });
  world.clock.advance(HOUR + 30_000);
  const scheduler = world.scheduler();
  scheduler.wake();
  await world.calm();
  await world.pass(30_000, { stepMs: 30_000 });
  await scheduler.close();
  assert.deepEqual(await minutes(world, "skip", fromMs), [61]);
  assert.deepEqual(await minutes(world, "once", fromMs), [60, 61]);
  const all = Array.from({ length: 61 }, (_, n) => n + 1);
  assert.deepEqual(await minutes(world, "all", fromMs), all);
  assert.deepEqual(await minutes(world, "late", fromMs), [1]);
  assert.deepEqual(await minutes(world, "too-late", fromMs), []);
  assert.equal((await world.get("skip")).skipped, 60);
  assert.equal((await world.get("once")).skipped, 59);
}

async function showSetClock(world: TimerWorld): Promise<void> {
  const fromMs = world.clock.wallMs();
  await world.put("each", { missed: "once" });
  const scheduler = world.scheduler();
  scheduler.wake();
  await world.pass(3 * MINUTE);
  world.clock.jumpWall(HOUR + 30_000);
  await world.pass(2_000, { stepMs: 1_000 });
  await world.pass(28_000, { stepMs: 28_000 });
  // An hour was missed, and the last of it ran; the clock shows minute 64.
  const ahead = await minutes(world, "each", fromMs);
  assert.deepEqual(ahead, [1, 2, 3, 63, 64]);
  world.clock.jumpWall(-HOUR - 30_000);
  world.clock.advance(1_000);
  await world.ticksNextAt("each", fromMs + 4 * MINUTE);
  await world.pass(29_000, { stepMs: 29_000 });
  await world.pass(3 * MINUTE);
  await scheduler.close();
  // Those that had run do not run again; those that had not, do, at their time.
  const all = (await minutes(world, "each", fromMs)).toSorted((one, other) => one - other);
  assert.deepEqual(all, [1, 2, 3, 4, 5, 6, 7, 63, 64]);
}

async function showSetBack(world: TimerWorld): Promise<void> {
  const fromMs = world.clock.wallMs();
  await world.put("each");
  const scheduler = world.scheduler();
  scheduler.wake();
  await world.pass(5 * MINUTE);
  world.clock.jumpWall(-3 * MINUTE);
  world.clock.advance(1_000);
  await world.ticksNextAt("each", fromMs + 3 * MINUTE);
  await world.pass(59_000, { stepMs: 59_000 });
  await world.pass(4 * MINUTE);
  await scheduler.close();
  assert.deepEqual(await minutes(world, "each", fromMs), [1, 2, 3, 4, 5, 6, 7]);
}

async function showChanges(world: TimerWorld): Promise<void> {
  const fromMs = world.clock.wallMs();
  await world.put("each");
  const scheduler = world.scheduler();
  scheduler.wake();
  await world.pass(2 * MINUTE);
  await world.enable("each", false);
  await world.pass(3 * MINUTE);
  await world.enable("each", true);
  scheduler.wake();
  await world.pass(2 * MINUTE);
  await world.put("each", { cron: "*/5 * * * *", payload: '"new"' });
  scheduler.wake();
  await world.pass(5 * MINUTE);
  await world.store.call(storeModule, "pauseTimersOf", {
    functionId: world.functionId,
    wallMs: world.clock.wallMs(),
  });
  await world.pass(10 * MINUTE);
  await scheduler.close();
  assert.deepEqual(await minutes(world, "each", fromMs), [1, 2, 6, 7, 10]);
  const { enabled, pausedBecause, version } = await world.get("each");
  assert.deepEqual([enabled, pausedBecause, version], [false, "function_removed", 5]);
}

async function showSame(world: TimerWorld): Promise<void> {
  const at = { cron: null, atMs: world.clock.wallMs() + MINUTE };
  await world.put("once", at);
  const scheduler = world.scheduler();
  scheduler.wake();
  await world.pass(2 * MINUTE);
  await world.put("once", at);
  scheduler.wake();
  await world.pass(2 * MINUTE);
  await scheduler.close();
  assert.equal((await minutes(world, "once", 0)).length, 1);
}

/** Sees the timer as it was, then lets its owner be faster. */
async function showFence(world: TimerWorld): Promise<void> {
  await world.put("each");
  let isFirst = true;
  const slow: Call = {
    call: async (module, name, args) => {
      if (name === "tickTimers" && isFirst) {
        isFirst = false;
        await world.enable("each", false);
      }
      return world.store.call(module, name, args);
    },
  };
  const scheduler = world.scheduler(slow);
  scheduler.wake();
  await world.pass(3 * MINUTE);
  await scheduler.close();
  assert.equal(isFirst, false, "it was about to tick");
  assert.deepEqual(await minutes(world, "each", 0), []);
  assert.equal((await world.get("each")).nextMs, null);
}

async function showUnreadable(world: TimerWorld): Promise<void> {
  const fromMs = world.clock.wallMs();
  await world.put("each");
  const { id } = await world.put("broken");
  await world.store.call(storeModule, "putTimer", {
    ...{ accountId: world.accountId, app: "shop", name: "broken", freshId: id, ifVersion: null },
    spec: { ...(await world.get("broken")), timezone: "Mars/Base" },
    ...{ nextMs: fromMs + MINUTE, wallMs: fromMs },
  });
  const scheduler = world.scheduler();
  scheduler.wake();
  await world.pass(3 * MINUTE);
  await scheduler.close();
  assert.deepEqual(await minutes(world, "each", fromMs), [1, 2, 3]);
  assert.equal((await world.get("broken")).nextMs, fromMs + MINUTE + HOUR);
}

async function showHeld(world: TimerWorld): Promise<void> {
  const fromMs = world.clock.wallMs();
  const full = world.functionId;
  // More of it are due than one look takes.
  const count = 220;
  for (let n = 0; n < count; n += 1) await world.put(`full${n}`);
  await world.put("other", { functionId: "fn_other" as FunctionId });
  let asked = 0;
  let isFull = true;
  world.holdBackMs = (id) => {
    if (id !== full) return undefined;
    asked += 1;
    return isFull ? 5_000 : undefined;
  };
  const scheduler = world.scheduler();
  scheduler.wake();
  world.clock.advance(MINUTE);
  const enteredOf = async (name: string) => await minutes(world, name, fromMs);
  const ticked = async (): Promise<boolean> => (await enteredOf("other")).length === 1;
  await until("another function's to tick", ticked, { everyMs: 1 });
  assert.deepEqual(await enteredOf("full0"), []);
  assert.ok(asked <= 2, `asked ${asked} times`);
  isFull = false;
  await world.pass(6_000, { stepMs: 6_000 });
  await scheduler.close();
  for (const n of [0, 100, count - 1])
    assert.deepEqual(await enteredOf(`full${n}`), [1], "none is lost");
  assert.equal((await world.get("full0")).skipped, 0);
}

const CASES: Cases = {
  "a timer that cannot be read is put off and holds back no other": showUnreadable,
  "each tick enters the ledger once, of what repeats and of what comes once": showTicks,
  "what was missed in an hour away is left out, made up for once, or all of it": showMissed,
  "a clock that jumps ahead misses ticks, and enters none twice when it is put right": showSetClock,
  "a clock that is set back repeats no tick": showSetBack,
  "pauses, changes and the removal of the function come into force at once": showChanges,
  "a time for once that is set again does not run again": showSame,
  "a scheduler that saw the timer before its owner changed it does nothing": showFence,
  "ticks of a function that is full wait, delay no others, and come then": showHeld,
};

function run(open: () => Promise<Store>): void {
  for (const [title, show] of Object.entries(CASES)) {
    void it(title, async (t) => {
      const store = await open();
      t.after(() => store.close());
      await show(new TimerWorld(store));
    });
  }
}

void describe("timers, SQLite", () => run(openTimerStore));

void describe("timers, PostgreSQL", { skip: !hasPostgres() && "PostgreSQL is absent" }, () => {
  let server: PostgresServer | undefined;
  let schemas = 0;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server?.stop());
  const openSchema = (schema: string): Promise<Store> =>
    openPostgresStore(
      { clock: systemClock(), log: silentLog(), random: seededRandom(schemas) },
      { url: server?.url ?? "", modules: TIMER_MODULES, poolMax: 4, schema },
    );
  run(() => openSchema(`timers_${(schemas += 1)}`));

  void it("of two platforms on one database, each tick is entered by one", async (t) => {
    const one = await openSchema("shared");
    const other = await openSchema("shared");
    t.after(() => Promise.all([one.close(), other.close()]));
    const world = new TimerWorld(one);
    const fromMs = world.clock.wallMs();
    for (let n = 0; n < 20; n += 1) await world.put(`t${n}`, { cron: "*/10 * * * * *" });
    // The other's clock is a little ahead, as clocks are.
    const ahead = new HandClock();
    ahead.jumpWall(40);
    const schedulers = [world.scheduler(), world.scheduler(other, ahead)];
    for (const scheduler of schedulers) scheduler.wake();
    for (let n = 0; n < 12; n += 1) {
      ahead.advance(10_000);
      await world.pass(10_000, { stepMs: 10_000 });
    }
    await Promise.all(schedulers.map((scheduler) => scheduler.close()));
    const expected = Array.from({ length: 12 }, (_, n) => (n + 1) / 6);
    for (let n = 0; n < 20; n += 1) {
      const found = (await minutes(world, `t${n}`, fromMs)).map((at) => Math.round(at * 6) / 6);
      assert.deepEqual(found, expected, `t${n}`);
    }
    const books = await one.call(ledgerModule, "readBalance", null);
    assert.deepEqual([books.sums.accepted, books.difference], [240, 0]);
  });
});
