/**
 * Sums over invocation records by function, kept in the same commit that takes the records in:
 * counters survive restarts, and a crash neither loses nor doubles a count. Metrics are read from
 * here, so that gateways count nothing twice for them.
 */
import type { FunctionId } from "@skerry/base";
import {
  bucketOf,
  COLD_STARTS,
  emptyHistogram,
  OUTCOMES,
  type FunctionTally,
  type Histogram,
  type InvocationTally,
  type MeterRecord,
  tookUsOf,
} from "@skerry/contracts";
import type { Tx, TxStep } from "@skerry/store";

/** SQL that the third migration of the composing module adds. */
export const TALLY_TABLES: readonly string[] = [
  `CREATE TABLE function_tallies (
    function_id @text PRIMARY KEY,
    tally @text NOT NULL,
    updated_at_ms @integer NOT NULL
  )`,
  "CREATE INDEX function_tallies_by_age ON function_tallies (updated_at_ms)",
];

/** More than any catalogue that this platform has been tried with; the page has its own bound. */
const TALLIES_READ_MAX = 20_000;

/** Adds the records to what is kept of their functions. */
export function* addToTallies(
  tx: Tx,
  args: { readonly records: readonly MeterRecord[]; readonly wallMs: number },
): TxStep<void> {
  const byFunction = Map.groupBy(args.records, ({ functionId }) => functionId);
  for (const [functionId, records] of byFunction) {
    const row = yield* tx.get<{ tally: string }>(
      "SELECT tally FROM function_tallies WHERE function_id = ?",
      [functionId],
    );
    const tally = addRecords(parseTally(row?.tally), records);
    yield* tx.run(
      `INSERT INTO function_tallies (function_id, tally, updated_at_ms) VALUES (?, ?, ?)
       ON CONFLICT (function_id) DO UPDATE SET tally = excluded.tally, updated_at_ms = excluded.updated_at_ms`,
      [functionId, JSON.stringify(tally), args.wallMs],
    );
  }
}

/** Tallies of all functions that ran lately, those that ran last first. */
export function* selectTallies(tx: Tx): TxStep<readonly FunctionTally[]> {
  const rows = yield* tx.all<{ function_id: string; tally: string }>(
    "SELECT function_id, tally FROM function_tallies ORDER BY updated_at_ms DESC, function_id LIMIT ?",
    [TALLIES_READ_MAX],
  );
  return rows.map(({ function_id: id, tally }) => ({
    functionId: id as FunctionId,
    tally: parseTally(tally),
  }));
}

/** Forgets functions that had no invocation since `beforeMs`, at most `limit`. */
export function* expireTallies(
  tx: Tx,
  args: { readonly beforeMs: number; readonly limit: number },
): TxStep<number> {
  return yield* tx.run(
    `DELETE FROM function_tallies WHERE function_id IN
       (SELECT function_id FROM function_tallies WHERE updated_at_ms < ? ORDER BY updated_at_ms LIMIT ?)`,
    [args.beforeMs, args.limit],
  );
}

/** What nothing was added to. */
export function emptyTally(): InvocationTally {
  return {
    outcomes: {},
    coldStarts: {},
    duration: emptyHistogram(),
    queueWait: emptyHistogram(),
    stagesMs: { place: 0, boot: 0, code: 0, init: 0 },
    ...{ handlerMs: 0, billedMs: 0, billedMbMs: 0, bytesIn: 0, bytesOut: 0 },
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The tally with the records added; one copy, however many they are. */
export function addRecords(
  before: InvocationTally,
  records: readonly MeterRecord[],
): InvocationTally {
  const outcomes = { ...before.outcomes };
  const coldStarts = { ...before.coldStarts };
  const duration = copyOf(before.duration);
  const queueWait = copyOf(before.queueWait);
  const stagesMs = { ...before.stagesMs };
  const sums: Writable<InvocationTally> = { ...before };
  for (const record of records) {
    const { placeUs, bootUs, codeUs, initUs, queueUs, handlerUs } = record;
    const billedMs = record.billedUs / 1_000;
    outcomes[record.outcome] = (outcomes[record.outcome] ?? 0) + 1;
    observe(duration, tookUsOf(record) / 1_000);
    observe(queueWait, queueUs / 1_000);
    sums.handlerMs += handlerUs / 1_000;
    sums.billedMs += billedMs;
    sums.billedMbMs += billedMs * record.memoryMb;
    sums.bytesIn += record.bytesIn;
    sums.bytesOut += record.bytesOut;
    if (record.coldReason === "warm") continue;
    const cold = `${record.coldReason}/${record.startKind}` as const;
    coldStarts[cold] = (coldStarts[cold] ?? 0) + 1;
    stagesMs.place += placeUs / 1_000;
    stagesMs.boot += bootUs / 1_000;
    stagesMs.code += codeUs / 1_000;
    stagesMs.init += initUs / 1_000;
  }
  return { ...sums, outcomes, coldStarts, duration, queueWait, stagesMs };
}

/** Both together. */
export function addTallies(a: InvocationTally, b: InvocationTally): InvocationTally {
  const [one, other] = [a.stagesMs, b.stagesMs];
  return {
    outcomes: sumOf(OUTCOMES, a.outcomes, b.outcomes),
    coldStarts: sumOf(COLD_STARTS, a.coldStarts, b.coldStarts),
    duration: sumOfHistograms(a.duration, b.duration),
    queueWait: sumOfHistograms(a.queueWait, b.queueWait),
    stagesMs: {
      place: one.place + other.place,
      boot: one.boot + other.boot,
      code: one.code + other.code,
      init: one.init + other.init,
    },
    handlerMs: a.handlerMs + b.handlerMs,
    billedMs: a.billedMs + b.billedMs,
    billedMbMs: a.billedMbMs + b.billedMbMs,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  };
}

type Counts<K extends string> = Readonly<Partial<Record<K, number>>>;

function sumOf<K extends string>(keys: readonly K[], a: Counts<K>, b: Counts<K>): Counts<K> {
  const pairs = keys.flatMap((key) => {
    const sum = (a[key] ?? 0) + (b[key] ?? 0);
    return sum === 0 ? [] : [[key, sum] as const];
  });
  return Object.fromEntries(pairs) as Counts<K>;
}

interface Growing {
  readonly counts: number[];
  sumMs: number;
}

function copyOf({ counts, sumMs }: Histogram): Growing {
  return { counts: [...counts], sumMs };
}

function observe(histogram: Growing, ms: number): void {
  const bucket = bucketOf(ms);
  histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
  histogram.sumMs += ms;
}

function sumOfHistograms(a: Histogram, b: Histogram): Histogram {
  return {
    counts: a.counts.map((count, at) => count + (b.counts[at] ?? 0)),
    sumMs: a.sumMs + b.sumMs,
  };
}

/** What this release wrote; anything else begins anew. */
function parseTally(text: string | undefined): InvocationTally {
  if (text === undefined) return emptyTally();
  const empty = emptyTally();
  const kept = JSON.parse(text) as Partial<InvocationTally>;
  const fits = (one: Histogram | undefined): boolean =>
    one?.counts.length === empty.duration.counts.length;
  if (!fits(kept.duration) || !fits(kept.queueWait)) return empty;
  return { ...empty, ...kept, stagesMs: { ...empty.stagesMs, ...kept.stagesMs } };
}
