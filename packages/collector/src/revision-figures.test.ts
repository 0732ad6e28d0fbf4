/**
 * Figures of a revision are those of its records, over crashes and over windows of any length, on
 * both stores.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { seededRandom, type RevisionId } from "@skerry/base";
import {
  bucketOf,
  COLD_REASONS,
  emptyHistogram,
  OUTCOMES,
  type MeterRecord,
  type Histogram,
  type RevisionFigures,
} from "@skerry/contracts";
import { FIGURES_KEPT_MS, type FiguresWindow } from "@skerry/invocations";
import { hasPostgres, startPostgres } from "@skerry/testkit";
import { bytesOf, collectAll, UNSAFE_MODULE, World } from "../test/world.ts";

const MINUTE_MS = 60_000;
const ROUNDS = 12;
const PER_ROUND = 25;

interface Told {
  readonly world: World;
  readonly records: readonly MeterRecord[];
}

/** Records of two revisions over ten minutes, taken in through lost answers. */
async function tell(
  t: TestContext,
  options: { readonly module?: string; readonly databaseUrl?: string } = {},
): Promise<Told & { readonly revisionIds: readonly RevisionId[] }> {
  const world = await World.open(t, options);
  const random = seededRandom(5);
  const upTo = (max: number): number => Math.floor(random.float() * max);
  const revisionIds = [world.revisionId, world.ids.id("rev")];
  const someRecord = (): MeterRecord =>
    world.record({
      revisionId: revisionIds[upTo(2)] ?? world.revisionId,
      outcome: OUTCOMES[upTo(OUTCOMES.length)] ?? "ok",
      status: [200, 404, 499, 500, 503][upTo(5)] ?? 200,
      ...(upTo(5) === 0
        ? ({ startKind: "background", coldReason: "warm" } as const)
        : { coldReason: COLD_REASONS[upTo(COLD_REASONS.length)] ?? "warm" }),
      startWallMs: world.clock.wallMs() - upTo(10 * MINUTE_MS) + upTo(1_000) / 1_000,
      ...{ queueUs: upTo(5_000), placeUs: upTo(500), bootUs: upTo(50_000) },
      ...{ codeUs: upTo(500), initUs: upTo(500), handlerUs: upTo(3_000_000) },
    });
  const writer = world.writer("meter", "w", 1 << 20);
  const records: MeterRecord[] = [];
  world.aheadMs = 10_000;
  for (let round = 0; round < ROUNDS; round += 1) {
    const some = Array.from({ length: PER_ROUND }, someRecord);
    records.push(...some);
    writer.append(bytesOf(...some));
    world.fault = round % 3 === 0 ? "after-commit" : round % 3 === 1 ? "before-commit" : "none";
    const collector = world.collector();
    await collector.collect().catch(() => undefined);
    await collector.close();
  }
  await writer.close();
  await collectAll(world.collector());
  return { world, records, revisionIds };
}

/** Work that goes on behind an answer has a record, and is no request. */
const isRequest = ({ startKind }: MeterRecord): boolean => startKind !== "background";

/** What the records themselves say. */
function figuresOf(
  records: readonly MeterRecord[],
  { revisionId, sinceMs, untilMs }: FiguresWindow & { readonly revisionId: RevisionId },
): RevisionFigures {
  const counts = [...emptyHistogram().counts];
  const outcomes: Record<string, number> = {};
  let [sumUs, serverErrors] = [0, 0];
  for (const record of records.filter(isRequest)) {
    const { queueUs, placeUs, bootUs, codeUs, initUs, handlerUs, outcome, status } = record;
    const tookUs = queueUs + placeUs + bootUs + codeUs + initUs + handlerUs;
    const secondMs = Math.floor((record.startWallMs + tookUs / 1_000) / 1_000) * 1_000;
    if (record.revisionId !== revisionId || secondMs < sinceMs || secondMs >= untilMs) continue;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    const bucket = bucketOf(tookUs / 1_000);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    sumUs += tookUs;
    if (outcome === "ok" && status >= 500) serverErrors += 1;
  }
  return { revisionId, outcomes, serverErrors, duration: { counts, sumMs: sumUs / 1_000 } };
}

/** What those took that waited for a start. */
function coldOf(...[records, of]: Parameters<typeof figuresOf>): Histogram {
  return figuresOf(
    records.filter(({ coldReason }) => coldReason !== "warm"),
    of,
  ).duration;
}

function windowsOf({ world }: Told): readonly FiguresWindow[] {
  const nowMs = world.clock.wallMs();
  const minuteMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  return [
    { sinceMs: nowMs - 20 * MINUTE_MS, untilMs: nowMs + MINUTE_MS },
    { sinceMs: nowMs - 7 * MINUTE_MS + 0.5, untilMs: nowMs - 3 * MINUTE_MS - 0.25 },
    { sinceMs: minuteMs - 3 * MINUTE_MS, untilMs: minuteMs - MINUTE_MS },
    { sinceMs: minuteMs - 90_000, untilMs: minuteMs - 30_000 },
    { sinceMs: minuteMs - 31_500, untilMs: minuteMs - 29_000 },
    { sinceMs: nowMs, untilMs: nowMs },
    { sinceMs: nowMs + MINUTE_MS, untilMs: nowMs - MINUTE_MS },
  ];
}

async function assertFiguresAreThoseOfRecords(
  t: TestContext,
  options: { readonly databaseUrl?: string } = {},
): Promise<void> {
  const told = await tell(t, options);
  const { world, records, revisionIds } = told;
  const windows = windowsOf(told);
  for (const window of windows) {
    const found = await world.queries().versionFigures({ revisionIds, ...window });
    const wanted = revisionIds.map((revisionId) => {
      const of = { revisionId, ...window };
      return { ...figuresOf(records, of), cold: coldOf(records, of) };
    });
    assert.deepEqual(found, wanted, JSON.stringify(window));
  }
  const asked = [...revisionIds, world.ids.id("rev")];
  const all = await world.queries().revisionTotals(asked);
  const ever = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
  const wanted = revisionIds.map((revisionId) => figuresOf(records, { revisionId, ...ever }));
  assert.deepEqual(new Set(all), new Set(wanted), "counters; a revision without any is left out");
  const ended = all.flatMap(({ outcomes }) => Object.values(outcomes));
  assert.equal(
    ended.reduce((sum, count) => sum + count, 0),
    records.filter(isRequest).length,
  );
}

test("figures of revisions are those of their records, over crashes", (t) =>
  assertFiguresAreThoseOfRecords(t));

const withPostgres = { skip: hasPostgres() ? false : "PostgreSQL is absent" };

test("the same over PostgreSQL", withPostgres, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await assertFiguresAreThoseOfRecords(t, { databaseUrl: server.url });
});

test("control: positions outside of the transaction count records twice", async (t) => {
  const { world, records, revisionIds } = await tell(t, { module: UNSAFE_MODULE });
  const window = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
  const found = await world.queries().versionFigures({ revisionIds, ...window });
  for (const [at, revisionId] of revisionIds.entries()) {
    const { outcomes, duration } = figuresOf(records, { revisionId, ...window });
    assert.notDeepEqual([found[at]?.outcomes, found[at]?.duration], [outcomes, duration]);
  }
});

test("of what ended more than an hour ago whole minutes are known, then nothing", async (t) => {
  const world = await World.open(t);
  const writer = world.writer("meter", "w");
  const minuteMs = Math.floor(world.clock.wallMs() / MINUTE_MS) * MINUTE_MS;
  const record = { startWallMs: minuteMs - 30_000, handlerUs: 0 };
  writer.append(bytesOf(world.record({ ...record, coldReason: "new_revision" })));
  await writer.close();
  await collectAll(world.collector());
  const countOf = async (window: FiguresWindow): Promise<number> => {
    const revisionIds = [world.revisionId];
    const [figures] = await world.queries().versionFigures({ revisionIds, ...window });
    const cold = figures?.cold.counts.reduce((sum, count) => sum + count, 0);
    assert.equal(cold, figures?.outcomes.ok ?? 0, "sums of starts are kept as long");
    return cold ?? 0;
  };
  const second = { sinceMs: minuteMs - 30_000, untilMs: minuteMs - 29_000 };
  const minute = { sinceMs: minuteMs - MINUTE_MS, untilMs: minuteMs };
  assert.deepEqual([await countOf(second), await countOf(minute)], [1, 1]);
  world.aheadMs += 61 * MINUTE_MS;
  await world.collector().collect();
  assert.deepEqual([await countOf(second), await countOf(minute)], [0, 1]);
  world.keepMs = 2 * FIGURES_KEPT_MS;
  world.aheadMs += FIGURES_KEPT_MS;
  await world.collector().collect();
  assert.deepEqual([await countOf(second), await countOf(minute)], [0, 0]);
  const totals = async (): Promise<number> =>
    (await world.queries().revisionTotals([world.revisionId])).length;
  assert.equal(await totals(), 1, "counters stay as long as records do");
  world.aheadMs += 2 * FIGURES_KEPT_MS;
  await world.collector().collect();
  assert.equal(await totals(), 0);
});
