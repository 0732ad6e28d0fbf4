/**
 * Measures the ledger on the embedded store and prints one line of JSON: acceptance and ends a
 * second, and what a million waiting costs. `tests/ledger/long-run.ts speed` keeps the figures.
 *
 *   node speed.ts [WAITING] [--brief]     briefly: with one function, and no ordering keys
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import {
  createIdSource,
  seededRandom,
  silentLog,
  systemClock,
  type AccountId,
  type FunctionId,
} from "@skerry/base";
import { ASYNC_POLICY } from "@skerry/contracts";
import { openSqliteStore, type Store } from "@skerry/store";
import type { NewInvocation } from "../src/ledger/accept.ts";
import type { ClaimedRun } from "../src/ledger/claim.ts";
import { createSequence } from "../src/ledger/sequence.ts";
import { ledgerSource, storeModule } from "./ledger-module.ts";

const waiting = Number(process.argv[2] ?? 1_000_000);
const isBrief = process.argv[3] === "--brief";
const clock = systemClock();
const ids = createIdSource({ clock, random: seededRandom(1) });
const nextSeq = createSequence(clock);
const accountId = ids.id("acct");
const ONE = ids.id("fn");
const HOUR_MS = 3_600_000;
const PAYLOAD = Buffer.alloc(100, "x");
const BATCHES_AT_ONCE = 4;

const top = mkdtempSync(join(tmpdir(), "skerry-speed-"));
try {
  process.stdout.write(`${JSON.stringify(await measure())}\n`);
} finally {
  rmSync(top, { recursive: true, force: true });
}

async function measure() {
  const flushesPerSecond = countFlushes();
  const [small, large] = [await acceptsPerSecond(100), await acceptsPerSecond(1_000)];
  const runs = await runsPerSecond();
  return {
    ...{ waiting, flushesPerSecond, loadAverage: loadavg() },
    acceptsPerSecond: { batchesOf100: small, batchesOf1000: large },
    ...runs,
    oneFunction: await withWaiting("one-function", () => ONE),
    ...(isBrief ? {} : await withOthers()),
  };
}

async function withOthers() {
  return {
    manyFunctions: await withWaiting("many-functions", (i) => `fn_${i % 10_000}` as FunctionId),
    oneKey: await withBlocked(),
  };
}

/** Of one file, each after a write of a page: what a commit costs at least. */
function countFlushes(): number {
  const handle = openSync(join(top, "flushed"), "w");
  const page = Buffer.alloc(4_096, 1);
  const endMs = clock.monotonicMs() + 1_000;
  let flushes = 0;
  for (; clock.monotonicMs() < endMs; flushes += 1) {
    writeSync(handle, page);
    fsyncSync(handle);
  }
  closeSync(handle);
  return flushes;
}

function open(name: string): Promise<Store> {
  const options = { directory: join(top, name), modules: [ledgerSource] };
  return openSqliteStore({ log: silentLog(), clock }, options);
}

function newInvocation(functionId: FunctionId, orderingKey: string | null): NewInvocation {
  const acceptedMs = clock.wallMs();
  return {
    ...{ seq: nextSeq(), id: ids.requestId(), accountId: accountId satisfies AccountId },
    ...{ functionId, app: "shop", fn: "work", source: "url", sourceId: null, acceptedMs },
    ...{ dueMs: acceptedMs, expiresMs: acceptedMs + HOUR_MS, orderingKey, idempotency: null },
    ...{ event: { ct: "application/json" }, payload: PAYLOAD },
  };
}

/** Puts in as many, some batches at once; how many a second. */
async function fill(
  store: Store,
  options: { count: number; batch: number; functionOf: (i: number) => FunctionId; key?: string },
): Promise<number> {
  const { count, batch, functionOf, key = null } = options;
  const fromMs = clock.monotonicMs();
  let made = 0;
  const one = async (): Promise<void> => {
    while (made < count) {
      const items = Array.from({ length: batch }, () => newInvocation(functionOf(made++), key));
      await store.call(storeModule, "accept", { items, slot: made });
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, one));
  return Math.round((made / (clock.monotonicMs() - fromMs)) * 1_000);
}

async function acceptsPerSecond(batch: number) {
  const store = await open(`accept-${batch}`);
  await fill(store, { count: 5_000, batch, functionOf: () => ONE });
  const before = process.cpuUsage();
  const rate = await fill(store, { count: 60_000, batch, functionOf: () => ONE });
  const { user, system } = process.cpuUsage(before);
  await store.close();
  return { perSecond: rate, cpuUsEach: Math.round((user + system) / 600) / 100 };
}

async function runsPerSecond() {
  const store = await open("run");
  const count = 20_000;
  await fill(store, { count, batch: 1_000, functionOf: () => ONE });
  const runs: ClaimedRun[] = [];
  const claimed = await perSecond(count, async () => {
    for (;;) {
      const some = await claim(store, ONE, 100);
      if (some.length === 0) return;
      runs.push(...some);
    }
  });
  const settled = await perSecond(count, async () => {
    for (let from = 0; from < runs.length; from += 100) {
      await settle(store, runs.slice(from, from + 100));
    }
  });
  await store.close();
  return { claimsPerSecond: claimed, settlesPerSecond: settled };
}

async function perSecond(count: number, act: () => Promise<void>): Promise<number> {
  const fromMs = clock.monotonicMs();
  await act();
  return Math.round((count / (clock.monotonicMs() - fromMs)) * 1_000);
}

async function claim(store: Store, functionId: FunctionId, max: number) {
  const requestIds = Array.from({ length: max }, () => ids.requestId());
  const args = { functionId, holder: "gateway", nowMs: clock.wallMs(), requestIds, slot: max };
  return (await store.call(storeModule, "claim", args)).runs;
}

async function settle(store: Store, runs: readonly ClaimedRun[]): Promise<void> {
  const nowMs = clock.wallMs();
  const items = runs.map(({ id, attempt }) => ({
    ...{ id, attempt, outcome: "ok" as const, startedMs: nowMs, endedMs: nowMs },
    ...{ policy: ASYNC_POLICY, chance: 0, status: 200, result: PAYLOAD },
  }));
  await store.call(storeModule, "settle", { holder: "gateway", items, nowMs, slot: 1 });
}

/** What it is like when so many wait, of functions as named. */
async function withWaiting(name: string, functionOf: (i: number) => FunctionId) {
  const filling = await open(name);
  const batch = 1_000;
  const acceptsPerSecondAtLast = await fill(filling, { count: waiting, batch, functionOf });
  await filling.close();
  const before = process.memoryUsage.rss();
  const [openMs, store] = await timed(() => open(name));
  const [lanesMs, lanes] = await timed(() => store.call(storeModule, "listLanes", null));
  const [balanceMs] = await timed(() => store.call(storeModule, "readBalance", null));
  const cycle = await cycleMs(store, (i) => functionOf(i * 7));
  const memoryMb = Math.round((process.memoryUsage.rss() - before) / 2 ** 20);
  await store.close();
  const figures = { acceptsPerSecond: acceptsPerSecondAtLast, openMs, lanesMs, balanceMs };
  return { ...figures, ...cycle, memoryMb, lanes: lanes.length };
}

/** As many of one ordering key as a tenth: all but the first are blocked. */
async function withBlocked() {
  const store = await open("one-key");
  const count = Math.ceil(waiting / 10);
  const options = { count, batch: 1_000, functionOf: () => ONE, key: "a" };
  const acceptsPerSecondAtLast = await fill(store, options);
  const cycle = await cycleMs(store, () => ONE);
  await store.close();
  return { blocked: count, acceptsPerSecond: acceptsPerSecondAtLast, ...cycle };
}

/** Claims ten and ends them, over and over: the middle and the slow one of a hundred. */
async function cycleMs(store: Store, functionOf: (i: number) => FunctionId) {
  const claims: number[] = [];
  const settles: number[] = [];
  for (let i = 0; i < 100; i += 1) {
    const [claimMs, runs] = await timed(() => claim(store, functionOf(i), 10));
    const [settleMs] = await timed(() => settle(store, runs));
    claims.push(claimMs);
    settles.push(settleMs);
  }
  return { claimMs: spread(claims), settleMs: spread(settles) };
}

function spread(times: number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

async function timed<T>(act: () => Promise<T>): Promise<readonly [number, T]> {
  const fromMs = clock.monotonicMs();
  const result = await act();
  return [Math.round((clock.monotonicMs() - fromMs) * 100) / 100, result];
}
